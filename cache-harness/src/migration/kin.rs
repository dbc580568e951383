//! Which of the files with pinned bytes are of a model, and which are anybody's.
//!
//! Bytes alone tell that of a large file. `{}`, an empty file or a licence has the same bytes everywhere: such a file
//! is a model's only by the name that it is pinned under, and beside the model's large files or with all of them.
//! Beside is: in the same folder, once the path that each has within the model is taken off.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::Sha256Digest;
use crate::discovery::Finds;
use crate::fs::Sighted;
use crate::pins::PinnedFile;
use crate::prepared::Prepared;

/// Bytes from which on a file is what it is by its bytes alone.
const LARGE: u64 = 64 * 1024;

/// What each model is known by.
#[derive(Debug)]
pub(super) struct Kin<'a>(Vec<Traits<'a>>);

#[derive(Debug)]
struct Traits<'a> {
    pinned: BTreeMap<Sha256Digest, Vec<&'a PinnedFile>>,
    /// The folders that hold enough of the model.
    folders: HashSet<PathBuf>,
}

/// What of a model is in a folder.
#[derive(Default)]
struct Here {
    digests: HashSet<Sha256Digest>,
    largest: u64,
}

impl<'a> Kin<'a> {
    pub(super) fn of(models: &'a [Arc<Prepared>], finds: &Finds) -> Self {
        let enough = |model: &'a Arc<Prepared>| {
            let mut pinned: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for file in &model.pins.files {
                pinned.entry(file.sha256).or_default().push(file);
            }
            let mut folders: HashMap<PathBuf, Here> = HashMap::new();
            for (digest, files) in &pinned {
                for found in finds.get(digest).into_iter().flatten() {
                    let is_large = found.fingerprint.size >= LARGE;
                    let parent = found.path.parent().filter(|_| is_large).map(Path::to_owned);
                    for folder in files.iter().filter_map(|file| base(&found.path, file)).chain(parent) {
                        let here = folders.entry(folder).or_default();
                        here.digests.insert(*digest);
                        here.largest = here.largest.max(found.fingerprint.size);
                    }
                }
            }
            // A model without a byte is everywhere.
            let holds = |here: &Here| here.largest >= LARGE || here.largest > 0 && here.digests.len() == pinned.len();
            folders.retain(|_, here| holds(here));
            Traits { pinned, folders: folders.into_keys().collect() }
        };
        Self(models.iter().map(enough).collect())
    }

    /// Whether a file with these bytes is a model's.
    pub(super) fn has(&self, digest: &Sha256Digest, found: &Sighted) -> bool {
        let is_beside = |of: &Traits<'_>| {
            let mut files = of.pinned.get(digest).into_iter().flatten();
            files.any(|file| base(&found.path, file).is_some_and(|folder| of.folders.contains(&folder)))
        };
        found.fingerprint.size >= LARGE || self.0.iter().any(is_beside)
    }
}

/// The folder that a model is in if `path` is its file; `None` if its name is not the pinned one, nor says what it is.
fn base(path: &Path, file: &PinnedFile) -> Option<PathBuf> {
    let (name, within) = (path.file_name()?.to_str()?, Path::new(file.path.as_str()));
    if path.ends_with(within) {
        return path.ancestors().nth(within.components().count()).map(Path::to_owned);
    }
    let digest = file.sha256.to_string();
    let named = within.file_name().is_some_and(|pinned| pinned == name)
        || name.strip_prefix("sha256-").unwrap_or(name) == digest
        || file.etag.as_deref() == Some(name);
    named.then(|| path.parent().map(Path::to_owned)).flatten()
}
