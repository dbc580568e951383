//! Files that cannot all be put into one folder, wherever that is.

use std::collections::BTreeMap;

use crate::model::FilePath;

/// Why the lock file would not be read back with files of these paths.
pub(super) fn clash<'a>(paths: impl Iterator<Item = &'a FilePath> + Clone) -> Option<String> {
    let mut taken = BTreeMap::new();
    for path in paths.clone() {
        if let Some(other) = taken.insert(path.as_str().to_lowercase(), path) {
            return Some(format!("`{other}` and `{path}` are one path on some systems"));
        }
    }
    for path in paths {
        let lower = path.as_str().to_lowercase();
        let mut above = lower.match_indices('/').map(|(end, _)| &lower[..end]);
        if let Some(other) = above.find_map(|parent| taken.get(parent)) {
            return Some(format!("`{other}` and the folder of `{path}` are one path on some systems"));
        }
    }
    None
}
