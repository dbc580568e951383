//! fastembed, the Python package.
//!
//! The layout of [`hub_cache`](super::hub_cache) in `$FASTEMBED_CACHE_PATH`, else in `fastembed_cache` among the
//! temporary files (`fastembed/common/utils.py`, `define_cache_dir`): `snapshot_download(cache_dir=…)` in
//! `fastembed/common/model_management.py`.

use std::path::{Path, PathBuf};

use super::Root;
use crate::environment::Environment;

const CACHE: &str = "FASTEMBED_CACHE_PATH";

pub(super) fn root(configured: Option<&Path>, environment: &Environment) -> Root {
    let own = configured.map(Path::to_owned).or_else(|| environment.get(CACHE).map(PathBuf::from));
    let path = own.unwrap_or_else(|| temporary(environment).join("fastembed_cache"));
    Root { variables: vec![(CACHE, path.clone())], path }
}

/// `tempfile.gettempdir()`.
fn temporary(environment: &Environment) -> PathBuf {
    let named = ["TMPDIR", "TEMP", "TMP"].into_iter().find_map(|name| environment.get(name));
    named.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
}
