//! ort's cache: `Session::builder()?.commit_from_url(address)`.
//!
//! ```text
//! <root>/models/<SHA-256 of the address>      hard links: downloads are renamed into place
//! ```
//! The root is `$ORT_CACHE_DIR`; else on macOS `~/Library/Caches/ort.pyke.io`; else `$XDG_CACHE_HOME` itself, with no
//! folder of its own in it, if that is absolute; else `~/.cache/ort.pyke.io` (ort-sys `src/internal/dirs.rs`, ort
//! `src/session/builder/impl_commit.rs`, `download_model`). The address is the first of the model's `urls`.

use std::path::{Path, PathBuf};

use super::{Layout, Root, Subject};
use crate::digest::Sha256Digest;
use crate::environment::{self, Environment};
use crate::error::{Error, Result};

const CACHE: &str = "ORT_CACHE_DIR";

pub(super) fn layout(root: &Path, subject: Subject<'_>) -> Result<Layout> {
    let Some(address) = subject.urls.first() else {
        let message = "ort names a file after its address: declare the model by `urls`, without `unpack`";
        return Err(subject.wrong(message));
    };
    Ok(Layout::named(root.join("models"), subject, |_| Sha256Digest::of(address.as_bytes()).to_string()))
}

pub(super) fn root(configured: Option<&Path>, environment: &Environment) -> Result<Root> {
    let path = match configured.map(Path::to_owned).or_else(|| environment.get(CACHE).map(PathBuf::from)) {
        Some(path) => path,
        None => default(environment)?,
    };
    Ok(Root { variables: vec![(CACHE, path.clone())], path })
}

fn default(environment: &Environment) -> Result<PathBuf> {
    let is_mac = cfg!(target_os = "macos");
    let caches = environment.get(environment::XDG_CACHE_HOME).map(PathBuf::from);
    if let Some(caches) = caches.filter(|path| path.is_absolute() && !is_mac) {
        return Ok(caches);
    }
    let remedy = "set HOME, or ORT_CACHE_DIR";
    let home = environment.home().ok_or(Error::NoHome { what: "the folder of ort", remedy })?;
    Ok(home.join(if is_mac { "Library/Caches" } else { ".cache" }).join("ort.pyke.io"))
}
