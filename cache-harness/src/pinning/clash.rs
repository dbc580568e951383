//! Files that cannot all be put into one folder, wherever that is.

use std::collections::BTreeMap;

use crate::pins::PinnedFile;

/// Why the lock file would not be read back with these files.
pub(super) fn clash(files: &[PinnedFile]) -> Option<String> {
    let mut taken = BTreeMap::new();
    for file in files {
        if let Some(other) = taken.insert(file.path.as_str().to_lowercase(), &file.path) {
            return Some(format!("`{other}` and `{}` are one path on some systems", file.path));
        }
    }
    files.iter().find_map(|file| {
        let lower = file.path.as_str().to_lowercase();
        let mut above = lower.match_indices('/').map(|(end, _)| &lower[..end]);
        let other = above.find_map(|parent| taken.get(parent))?;
        Some(format!("`{other}` and the folder of `{}` are one path on some systems", file.path))
    })
}
