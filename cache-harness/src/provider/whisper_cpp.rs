//! whisper.cpp, whisper-rs: programs that are told a path.
//!
//! ```text
//! <root>/ggml-<name>.bin      hard links, read-only
//! ```
//! The names are those that `models/download-ggml-model.sh` gives, and its root is the folder `models` of the checkout;
//! by default it is `<cache dir>/models/whisper.cpp`.

use std::path::{Path, PathBuf};

use super::{Layout, Root, Subject};

pub(super) fn layout(root: &Path, subject: Subject<'_>) -> Layout {
    Layout::named(root.to_owned(), subject, |file| file.path.name().to_owned())
}

pub(super) fn root(configured: Option<&Path>, cache_dir: &Path) -> Root {
    let path = configured.map_or_else(|| -> PathBuf { cache_dir.join("models/whisper.cpp") }, Path::to_owned);
    Root { path, variables: Vec::new() }
}
