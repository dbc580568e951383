//! Which blobs of a consumer's folder something else there names: a link in a snapshot of a Hub's repository, or one of
//! Ollama's manifests. Once what was placed for an entry is gone, whatever still names a blob is the user's.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::entry::digests_in;
use crate::error::Result;
use crate::fs::{self, Found};

/// The most bytes of a manifest; those of Ollama have about a thousand.
const LONGEST_MANIFEST: u64 = 4 << 20;

/// The names that were found, by the `blobs` folder they are in: each is looked through once.
#[derive(Debug, Default)]
pub(super) struct Named(HashMap<PathBuf, HashSet<OsString>>);

/// Whether it is in a folder that several models of a consumer share.
pub(super) fn is_shared(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.ends_with("blobs"))
}

impl Named {
    /// Whether a snapshot or manifest beside the `blobs` folder of `path` names it.
    pub(super) fn has(&mut self, path: &Path) -> Result<bool> {
        let (Some(blobs), Some(name)) = (path.parent().filter(|_| is_shared(path)), path.file_name()) else {
            return Ok(false);
        };
        if !self.0.contains_key(blobs) {
            self.0.insert(blobs.to_owned(), names_beside(blobs)?);
        }
        Ok(self.0.get(blobs).is_some_and(|names| names.contains(name)))
    }
}

fn names_beside(blobs: &Path) -> Result<HashSet<OsString>> {
    let Some(repository) = blobs.parent() else { return Ok(HashSet::new()) };
    let links = fs::walk(&repository.join("snapshots")).into_iter().filter_map(|path| fs::read_symlink(&path));
    let mut names: HashSet<_> = links.filter_map(|target| Some(target.file_name()?.to_owned())).collect();
    for path in ["manifests", "manifests-v2"].iter().flat_map(|folder| fs::walk(&repository.join(folder))) {
        match fs::look_through(&path)? {
            Found::File(found) if found.size <= LONGEST_MANIFEST => {
                // One that is no text names nothing, and one that nobody may read nothing to us.
                let text = fs::read_text(&path).ok().flatten().unwrap_or_default();
                names.extend(digests_in(&text).iter().map(|digest| format!("sha256-{digest}").into()));
            }
            _ => {}
        }
    }
    Ok(names)
}
