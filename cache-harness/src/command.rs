//! Child processes that find a model where it stands.

use std::process::Command;

use crate::cached_model::CachedModel;

/// A command whose process, and those that it starts, look for models where they were restored.
///
/// Implemented for [`std::process::Command`], and with the feature `tokio-process` for `tokio::process::Command`.
///
/// # Examples
///
/// ```no_run
/// use cache_harness::ModelEnvs as _;
/// # let cache = cache_harness::Cache::open(".".as_ref())?;
/// let model = cache.get("whisper-tiny")?;
/// let status = std::process::Command::new("python").arg("transcribe.py").model_envs(&model).status()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ModelEnvs {
    /// Sets the variables by which the model is found, as [`CachedModel::envs`] lists them. Of two models whose
    /// providers have the same variable the later one counts.
    ///
    /// The model is protected from eviction by `model`, not by the child: keep it until the child has ended.
    fn model_envs(&mut self, model: &CachedModel) -> &mut Self;
}

impl ModelEnvs for Command {
    fn model_envs(&mut self, model: &CachedModel) -> &mut Self {
        self.envs(model.envs())
    }
}

#[cfg(feature = "tokio-process")]
impl ModelEnvs for tokio::process::Command {
    fn model_envs(&mut self, model: &CachedModel) -> &mut Self {
        self.envs(model.envs())
    }
}
