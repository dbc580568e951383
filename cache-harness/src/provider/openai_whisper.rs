//! openai-whisper: `whisper.load_model(name)`.
//!
//! ```text
//! <root>/<file>      copies or reflinks only
//! ```
//! The root is `$XDG_CACHE_HOME/whisper`, else `~/.cache/whisper` (`whisper/__init__.py`, `load_model`). That
//! consumer opens a file with a wrong digest for writing, through symbolic and hard links (`_download`), so
//! its files never share an inode with the store.
//!
//! It reads no variable of its own, so a configured root is set by `XDG_CACHE_HOME`, if it is called `whisper`. That
//! moves every cache of a child that follows the XDG specification, not only this one: the Hub's, torch's and pip's.

use std::path::Path;

use super::{Layout, Root, Subject, cache_home};
use crate::environment::Environment;
use crate::error::Result;

pub(super) fn layout(root: &Path, subject: Subject<'_>) -> Layout {
    Layout::plain(root.to_owned(), subject)
}

pub(super) fn root(configured: Option<&Path>, environment: &Environment) -> Result<Root> {
    let Some(path) = configured else {
        let path = cache_home(environment, "whisper", "the folder of openai-whisper")?;
        return Ok(Root { path, variables: Vec::new() });
    };
    let named = path.file_name().is_some_and(|name| name == "whisper");
    let parent = path.parent().filter(|_| named).map(|parent| ("XDG_CACHE_HOME", parent.to_owned()));
    Ok(Root { path: path.to_owned(), variables: parent.into_iter().collect() })
}
