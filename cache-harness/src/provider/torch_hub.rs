//! torch hub: `torch.hub.load_state_dict_from_url(url)`.
//!
//! ```text
//! <root>/hub/checkpoints/<file>      hard links: downloads are renamed into place
//! ```
//! The root is `$TORCH_HOME`, else `$XDG_CACHE_HOME/torch`, else `~/.cache/torch` (`torch/hub.py`, `_get_torch_home`).

use std::path::{Path, PathBuf};

use super::{Layout, Root, Subject, cache_home};
use crate::environment::Environment;
use crate::error::{Error, Result};

pub(super) fn layout(root: &Path, subject: Subject<'_>) -> Layout {
    Layout::plain(root.join("hub").join("checkpoints"), subject)
}

pub(super) fn root(configured: Option<&Path>, environment: &Environment) -> Result<Root> {
    let path = match (configured, environment.text("TORCH_HOME")) {
        (Some(path), _) => path.to_owned(),
        (None, Some(home)) => expand_user(home, environment)?,
        (None, None) => cache_home(environment, "torch", "the folder of torch hub")?,
    };
    Ok(Root { variables: vec![("TORCH_HOME", path.clone())], path })
}

/// `os.path.expanduser`, which is all that torch expands.
fn expand_user(text: &str, environment: &Environment) -> Result<PathBuf> {
    match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => environment
            .home()
            .map(|home| home.join(rest.trim_start_matches('/')))
            .ok_or(Error::NoHome { what: "TORCH_HOME", remedy: "set HOME, or TORCH_HOME to an absolute path" }),
        _ => Ok(PathBuf::from(text)),
    }
}
