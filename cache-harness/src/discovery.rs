//! Finding pinned files among files of any name: by size, and by digest only where the size is one that is pinned.
//!
//! A file that only its digest pins (a `urls` model without a block in the lock file) has no size to compare: there
//! the name must be the pinned one, or say the digest.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use crate::digest::Sha256Digest;
use crate::fs::{self, Search, Sighted};
use crate::pins::PinnedFile;

/// How much of what is there is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// One file for each digest.
    One,
    /// Every file that has a pinned digest.
    All,
}

/// Files by the digest that they have; each as it was read.
pub(crate) type Finds = BTreeMap<Sha256Digest, Vec<Sighted>>;

/// What is looked for.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    sizes: BTreeMap<u64, BTreeSet<Sha256Digest>>,
    /// Files without a size, by their name.
    names: HashMap<String, BTreeSet<Sha256Digest>>,
    digests: HashMap<String, (Sha256Digest, Option<u64>)>,
}

impl Wanted {
    pub(crate) fn new<'a>(files: impl IntoIterator<Item = &'a PinnedFile>) -> Self {
        let mut wanted = Self::default();
        for file in files {
            match file.size {
                Some(size) => drop(wanted.sizes.entry(size).or_default().insert(file.sha256)),
                None => drop(wanted.names.entry(name_of(file.path.as_str().as_ref())).or_default().insert(file.sha256)),
            }
            wanted.digests.insert(file.sha256.to_string(), (file.sha256, file.size));
        }
        wanted
    }

    /// Which of the wanted files this one may be, as far as size and name tell.
    fn candidate(&self, file: &Sighted) -> Option<Candidate> {
        let (name, size) = (name_of(&file.path), file.fingerprint.size);
        let named = self.digests.get(name.strip_prefix("sha256-").unwrap_or(&name));
        if let Some((digest, _)) = named.filter(|(_, pinned)| pinned.is_none_or(|pinned| pinned == size)) {
            return Some(Candidate { digests: [*digest].into(), named: true });
        }
        let digests: BTreeSet<_> =
            self.sizes.get(&size).into_iter().chain(self.names.get(&name)).flatten().copied().collect();
        (!digests.is_empty()).then_some(Candidate { digests, named: false })
    }

    /// Looks for the wanted files among those of `search`, and tells it what could not be read.
    pub(crate) fn among(&self, search: &mut Search, extent: Extent) -> Finds {
        let mut candidates: Vec<(Candidate, Sighted)> =
            search.files.iter().filter_map(|file| Some((self.candidate(file)?, file.clone()))).collect();
        // What says by its name what it is comes first, so that as little as possible is hashed.
        candidates.sort_by(|(one, left), (other, right)| (!one.named, &left.path).cmp(&(!other.named, &right.path)));
        let mut finds = Finds::new();
        let mut hashed = HashMap::new();
        for (candidate, file) in candidates {
            if extent == Extent::One && candidate.digests.iter().all(|digest| finds.contains_key(digest)) {
                continue;
            }
            let inode = (file.fingerprint.dev, file.fingerprint.ino);
            let (digest, fingerprint) = match hashed.get(&inode) {
                Some(known) => *known,
                None => match fs::digest_of(&file.path) {
                    Ok(known) => *hashed.entry(inode).or_insert(known),
                    Err(error) => {
                        search.unreadable(&file.path, &error);
                        continue;
                    }
                },
            };
            if candidate.digests.contains(&digest) {
                finds.entry(digest).or_default().push(Sighted { fingerprint, ..file });
            }
        }
        finds
    }
}

/// What a file may be.
struct Candidate {
    digests: BTreeSet<Sha256Digest>,
    /// Whether its name says so.
    named: bool,
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
