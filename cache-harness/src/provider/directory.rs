//! A plain folder, for programs that are told a path.
//!
//! ```text
//! <root>/<model name>/<file>      hard links, read-only
//! ```
//! The root is `<cache dir>/models` unless configured.

use std::path::Path;

use super::{Layout, Root, Subject};

pub(super) fn layout(root: &Path, subject: Subject<'_>) -> Layout {
    Layout::plain(subject.name.below(root), subject)
}

pub(super) fn root(configured: Option<&Path>, cache_dir: &Path) -> Root {
    let path = configured.map_or_else(|| cache_dir.join("models"), Path::to_owned);
    Root { path, variables: Vec::new() }
}
