//! How git merges a lock file: by keeping the blocks that both sides added.
//!
//! Two models that are added in the same place are a conflict to any merge by lines. `merge=union` keeps the lines of
//! both sides instead. That is safe here and nowhere else: each block carries a digest of its lines, so that a model
//! which both sides changed is refused when it is read, and not a mixture of both.

use std::path::Path;

use crate::document;
use crate::error::Result;
use crate::fs;

/// Writes the rule for a lock file that is about to be made, into the `.gitattributes` beside it.
///
/// Nothing is done outside a git work tree, or where that file already names the lock file. Once the lock file exists,
/// whoever takes the rule out is not contradicted.
pub(super) fn establish(lock: &Path) -> Result<()> {
    let (Some(folder), Some(name)) = (lock.parent(), lock.file_name().and_then(|name| name.to_str())) else {
        return Ok(());
    };
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    if lock.exists() || !absolute.ancestors().any(|folder| folder.join(".git").exists()) {
        return Ok(());
    }
    let path = folder.join(".gitattributes");
    let mut text = document::read(&path)?.unwrap_or_default();
    if text.contains(name) {
        return Ok(());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    // Through a symbolic link: the project may keep its files elsewhere.
    let path = path.canonicalize().unwrap_or(path);
    fs::write_durable(&path, format!("{text}{name} merge=union\n").as_bytes())
}
