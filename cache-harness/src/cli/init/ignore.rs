//! `.gitignore`: models are no part of a repository.

use std::path::Path;

use super::{Change, read};
use crate::error::Result;

/// What `.gitignore` in `base` lacks so that none of these folders, relative to it, is committed.
pub(super) fn change(base: &Path, folders: &[String]) -> Result<Option<Change>> {
    let path = base.join(".gitignore");
    let (mut text, new) = read(&path)?;
    let added: Vec<_> =
        folders.iter().filter(|folder| !is_ignored(&text, folder)).map(|folder| format!("/{folder}/")).collect();
    if added.is_empty() {
        return Ok(None);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.extend(added.iter().map(|line| format!("{line}\n")));
    Ok(Some(Change { path, new, added, text }))
}

/// Whether a line names the folder or one above it. A pattern with wildcards is not understood: one line too many does
/// no harm.
fn is_ignored(text: &str, folder: &str) -> bool {
    text.lines().map(str::trim_end).any(|line| {
        let pattern = line.trim_end_matches('/');
        match pattern.strip_prefix('/') {
            Some(anchored) => !anchored.is_empty() && Path::new(folder).starts_with(anchored),
            None if pattern.is_empty() || pattern.starts_with(['#', '!']) => false,
            None if pattern.contains('/') => Path::new(folder).starts_with(pattern),
            None => Path::new(folder).components().any(|part| part.as_os_str() == pattern),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::is_ignored;

    #[test]
    fn a_folder_is_ignored_by_its_name_its_path_or_one_above_it() {
        for pattern in [".cache", ".cache/", "/.cache", "/.cache/models/", ".cache/models", "models"] {
            assert!(is_ignored(&format!("a\n{pattern}\nb"), ".cache/models"), "{pattern}");
        }
        for pattern in ["", "/", "# .cache", "!.cache", "/models", "cache", ".cache/mod", "/.cache/models/a"] {
            assert!(!is_ignored(&format!("a\n{pattern}\nb"), ".cache/models"), "{pattern}");
        }
    }
}
