//! llama.cpp since it shares the Hub's cache: `llama-cli -hf owner/name`.
//!
//! The layout of [`hub_cache`](super::hub_cache) in `$LLAMA_CACHE`, else where [`huggingface`] has it
//! (`common/hf-cache.cpp`, `get_cache_directory`). It takes the commit in `refs/main`, else in any other ref.

use std::path::{Path, PathBuf};

use super::{Root, huggingface};
use crate::environment::Environment;
use crate::error::Result;

pub(super) const CACHE: &str = "LLAMA_CACHE";

/// `hub` is the root configured for the Hub's cache.
pub(super) fn root(configured: Option<&Path>, hub: Option<&Path>, environment: &Environment) -> Result<Root> {
    let path = match configured.map(Path::to_owned).or_else(|| environment.get(CACHE).map(PathBuf::from)) {
        Some(path) => path,
        None => huggingface::root(hub, environment)?.path,
    };
    Ok(Root { variables: vec![(CACHE, path.clone())], path })
}
