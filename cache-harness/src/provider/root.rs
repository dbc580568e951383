//! Where each provider keeps its files: the configured root, else the one that the consumer itself resolves.

use std::path::{Path, PathBuf};

use super::{
    custom, directory, fastembed, fastembed_rs, faster_whisper, huggingface, llama_cpp, llama_cpp_flat, mlx, ollama,
    openai_whisper, ort, sentence_transformers, torch_hub, whisper_cpp, whisperkit,
};
use crate::config::{Config, Origin};
use crate::environment::{self, Environment};
use crate::error::{Error, Result};
use crate::provider_kind::ProviderKind;

/// Where a provider keeps its files, and the variables by which its consumer finds them there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) path: PathBuf,
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
}

impl Root {
    /// The configured root, else the one that the consumer itself resolves.
    pub(crate) fn of(provider: ProviderKind, config: &Config, environment: &Environment) -> Result<Self> {
        let configured = |kind| config.provider_roots.get(&kind).map(|setting| setting.value.as_path());
        let hub = configured(ProviderKind::Huggingface);
        let mut root = Self::resolve(provider, configured(provider), hub, config, environment)?;
        // A child that runs cache-harness, too, keeps to this store, wherever its other caches go.
        if config.dir.origin == Origin::Default && root.variables.iter().any(|(name, _)| *name == "XDG_CACHE_HOME") {
            root.variables.push((environment::DIR, config.dir.value.clone()));
        }
        Ok(root)
    }

    /// The same below `folder`, as if that were configured, with whatever name the consumer wants it to have.
    pub(crate) fn in_folder(
        provider: ProviderKind,
        folder: &Path,
        config: &Config,
        environment: &Environment,
    ) -> Result<Self> {
        let named = match provider {
            ProviderKind::OpenaiWhisper => folder.join("whisper"),
            _ => folder.to_owned(),
        };
        Self::resolve(provider, Some(&named), None, config, environment)
    }

    /// Where a consumer that is started with these variables looks; `None` if it is told by its caller.
    pub(crate) fn looked_for(
        provider: ProviderKind,
        config: &Config,
        environment: &Environment,
    ) -> Result<Option<PathBuf>> {
        match provider {
            ProviderKind::Directory | ProviderKind::WhisperCpp | ProviderKind::Whisperkit | ProviderKind::Custom(_) => {
                Ok(None)
            }
            _ => Self::resolve(provider, None, None, config, environment).map(|root| Some(root.path)),
        }
    }

    /// `hub` is the root configured for the Hub's cache, which some providers share.
    fn resolve(
        provider: ProviderKind,
        own: Option<&Path>,
        hub: Option<&Path>,
        config: &Config,
        environment: &Environment,
    ) -> Result<Self> {
        let mut root = match provider {
            ProviderKind::Directory => directory::root(own, &config.dir.value),
            ProviderKind::Fastembed => fastembed::root(own, environment),
            ProviderKind::FastembedRs => fastembed_rs::root(own, environment),
            ProviderKind::FasterWhisper => faster_whisper::root(own.or(hub), environment)?,
            ProviderKind::Huggingface => huggingface::root(own, environment)?,
            ProviderKind::LlamaCpp => llama_cpp::root(own, hub, environment)?,
            ProviderKind::LlamaCppFlat => llama_cpp_flat::root(own, environment)?,
            ProviderKind::Mlx => mlx::root(own.or(hub), environment)?,
            ProviderKind::Ollama => ollama::root(own, environment)?,
            ProviderKind::OpenaiWhisper => openai_whisper::root(own, environment)?,
            ProviderKind::Ort => ort::root(own, environment)?,
            ProviderKind::SentenceTransformers => sentence_transformers::root(own, hub, environment)?,
            ProviderKind::TorchHub => torch_hub::root(own, environment)?,
            ProviderKind::WhisperCpp => whisper_cpp::root(own, &config.dir.value),
            ProviderKind::Whisperkit => whisperkit::root(own, environment)?,
            ProviderKind::Custom(name) => {
                let template = config.providers.template(provider).zip(own);
                let (template, own) = template.ok_or_else(|| Error::Setting {
                    name: format!("provider `{name}`"),
                    message: "the catalog describes no such provider".to_owned(),
                })?;
                // Not every variable of it is a path.
                return Ok(custom::root(own, template));
            }
        };
        // A consumer takes a relative variable from where it runs. A record must say the same from everywhere.
        for path in root.variables.iter_mut().map(|(_, path)| path).chain([&mut root.path]) {
            *path = std::path::absolute(&path).map_err(Error::io("find", &path))?;
        }
        Ok(root)
    }
}

/// `$XDG_CACHE_HOME/<name>`, else `~/.cache/<name>`, as consumers written in Python resolve it.
pub(super) fn cache_home(environment: &Environment, name: &str, what: &'static str) -> Result<PathBuf> {
    if let Some(cache) = environment.get(environment::XDG_CACHE_HOME) {
        return Ok(Path::new(cache).join(name));
    }
    let home = environment
        .home()
        .ok_or(Error::NoHome { what, remedy: "set HOME, or the provider's `root` in cache-harness.toml" })?;
    Ok(home.join(".cache").join(name))
}
