//! fastembed, the crate.
//!
//! The layout of [`hub_cache`](super::hub_cache) in `$HF_HOME`, which it uses as the hub folder itself (everybody else
//! has that in `$HF_HOME/hub`), else in `$FASTEMBED_CACHE_DIR`, else in `.fastembed_cache` where the program runs
//! (fastembed-rs `src/common.rs`, `get_cache_dir` and `pull_from_hf`).
//!
//! Where the root is configured both are set for children, as `HF_HOME` would win. A project that also configures
//! `huggingface` needs the same `root` for both: that one's hub folder is then `<root>/hub`, and this one's `<root>`.

use std::path::{Path, PathBuf};

use super::Root;
use crate::environment::{self, Environment};

const CACHE: &str = "FASTEMBED_CACHE_DIR";

pub(super) fn root(configured: Option<&Path>, environment: &Environment) -> Root {
    let home = environment.get(environment::HF_HOME).map(PathBuf::from);
    let cache = environment.get(CACHE).map(PathBuf::from);
    match (configured, home, cache) {
        (Some(path), _, _) => Root {
            path: path.to_owned(),
            variables: vec![(environment::HF_HOME, path.to_owned()), (CACHE, path.to_owned())],
        },
        (None, Some(home), _) => Root { variables: vec![(environment::HF_HOME, home.clone())], path: home },
        (None, None, cache) => {
            let path = cache.unwrap_or_else(|| PathBuf::from(".fastembed_cache"));
            Root { variables: vec![(CACHE, path.clone())], path }
        }
    }
}
