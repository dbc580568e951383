//! Walking through a folder without following links.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::list;

/// What is below a folder, on its own disk.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Files, symbolic links and folders; a folder comes before what is in it.
    pub(crate) paths: Vec<PathBuf>,
    /// Folders of other disks that are mounted there; not entered.
    pub(crate) elsewhere: Vec<PathBuf>,
}

impl Walk {
    pub(crate) fn through(folder: &Path) -> Self {
        // Only folders are compared: files of an overlay may say that they are on the disk below it.
        let Ok(device) = fs::metadata(folder).map(|metadata| metadata.dev()) else { return Self::default() };
        let mut walk = Self::default();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            // A folder that vanishes meanwhile holds nothing.
            for path in list(&folder).unwrap_or_default() {
                let metadata = path.symlink_metadata().ok().filter(fs::Metadata::is_dir);
                match metadata.map(|metadata| metadata.dev() == device) {
                    Some(false) => {
                        walk.elsewhere.push(path);
                        continue;
                    }
                    Some(true) => open.push(path.clone()),
                    None => {}
                }
                walk.paths.push(path);
            }
        }
        walk
    }
}
