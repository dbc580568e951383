//! sentence-transformers: `SentenceTransformer("owner/name")`.
//!
//! The layout of [`hub_cache`](super::hub_cache) in `$SENTENCE_TRANSFORMERS_HOME`, which it uses as the hub folder
//! itself, else where [`huggingface`] has it (`sentence_transformers/base/model.py`).

use std::path::{Path, PathBuf};

use super::{Root, huggingface};
use crate::environment::Environment;
use crate::error::Result;

const HOME: &str = "SENTENCE_TRANSFORMERS_HOME";

/// `hub` is the root configured for the Hub's cache.
pub(super) fn root(configured: Option<&Path>, hub: Option<&Path>, environment: &Environment) -> Result<Root> {
    let path = match configured.map(Path::to_owned).or_else(|| environment.get(HOME).map(PathBuf::from)) {
        Some(path) => path,
        None => huggingface::root(hub, environment)?.path,
    };
    Ok(Root { variables: vec![(HOME, path.clone())], path })
}
