//! A plain folder, for programs that are told a path.
//!
//! ```text
//! <root>/<model name>/<file>      hard links, read-only
//! ```
//! The root is `<cache dir>/models` unless configured.

use std::path::{Path, PathBuf};

use super::{Layout, READ_ONLY, Root, Subject};

pub(super) fn layout(root: &Path, subject: Subject<'_>) -> Layout {
    Layout::plain(folder(root, subject), subject, READ_ONLY)
}

pub(super) fn folder(root: &Path, subject: Subject<'_>) -> PathBuf {
    subject.name.as_str().split('/').fold(root.to_owned(), |path, part| path.join(part))
}

pub(super) fn root(configured: Option<&Path>, cache_dir: &Path) -> Root {
    let path = configured.map_or_else(|| cache_dir.join("models"), Path::to_owned);
    Root { path, variables: Vec::new() }
}
