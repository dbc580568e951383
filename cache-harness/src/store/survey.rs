//! What the disk holds for the store, counted as `du` counts: each inode once, in blocks.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::entry::Read;
use super::retention::{Reason, Stored, Use};
use super::{Entry, EntryId, Evicted, Owner, Store};
use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::lock::ExclusiveLock;
use crate::{fs, time};

/// Everything in the store at one moment.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) residents: Vec<Resident>,
    /// Blobs on disk and the bytes they take.
    pub(crate) blobs: BTreeMap<Sha256Digest, u64>,
    /// Partials and the bytes they take.
    pub(crate) partials: Vec<(PathBuf, u64)>,
    pub(crate) quarantine: Vec<(PathBuf, u64)>,
    /// Folders, lock files and what else takes room without being evictable.
    pub(crate) overhead: u64,
}

/// An entry in the store.
#[derive(Debug)]
pub(crate) struct Resident {
    pub(crate) id: EntryId,
    /// `None` if its record cannot be read.
    pub(crate) entry: Option<Entry>,
    /// The digests that it names, readable or not.
    pub(crate) names: Vec<Sha256Digest>,
    pub(crate) last_used: SystemTime,
    pub(crate) use_: Use,
    /// Bytes of its record and of restored files that are no links to a blob.
    pub(crate) own_bytes: u64,
    /// Those of `own_bytes` that are folders, which another entry may need too.
    pub(super) folders: Vec<(PathBuf, u64)>,
}

impl Resident {
    pub(super) fn has_placed_below(&self, folder: &Path) -> bool {
        let placed = self.entry.iter().flat_map(|entry| &entry.placed);
        placed.into_iter().any(|placed| placed.path.starts_with(folder))
    }

    /// The model of an entry, or what its record is called if nobody can read it.
    pub(crate) fn model(&self) -> String {
        self.entry.as_ref().map_or_else(|| self.id.short(), |entry| entry.model.to_string())
    }
}

impl Survey {
    /// Bytes the disk holds for the store now.
    pub(crate) fn used(&self) -> u64 {
        self.blobs.values().sum::<u64>()
            + self.residents.iter().map(|resident| resident.own_bytes).sum::<u64>()
            + self.partial_bytes()
            + self.quarantine.iter().map(|(_, bytes)| bytes).sum::<u64>()
            + self.overhead
    }

    pub(crate) fn partial_bytes(&self) -> u64 {
        self.partials.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Bytes that processes using an incomplete entry are about to write, beyond what their partials hold.
    pub(crate) fn promised(&self, store: &Store) -> u64 {
        let mut missing = BTreeMap::new();
        for resident in self.residents.iter().filter(|resident| resident.use_ == Use::Leased) {
            for file in resident.entry.iter().flat_map(|entry| &entry.files) {
                if !self.blobs.contains_key(&file.sha256) {
                    missing.insert(file.sha256, file.size.unwrap_or(0));
                }
            }
            if let Some(archive) = resident.entry.as_ref().and_then(|entry| entry.arriving.as_ref()) {
                missing.insert(archive.sha256, archive.size.unwrap_or(0));
            }
        }
        let begun = |digest| {
            let path = store.partial(digest);
            self.partials.iter().find(|(partial, _)| *partial == path).map_or(0, |(_, bytes)| *bytes)
        };
        missing.iter().map(|(digest, size)| size.saturating_sub(begun(digest))).sum()
    }

    /// What evicting these entries one after the other would come to: a blob goes with the last that names it.
    pub(crate) fn forecast(&self, going: &[(EntryId, Reason)]) -> Vec<Evicted> {
        let mut staying: Vec<_> = self.residents.iter().collect();
        let blobs_of = |resident: &Resident| resident.names.iter().copied().collect::<BTreeSet<_>>();
        let mut holders: HashMap<Sha256Digest, usize> = HashMap::new();
        for digest in staying.iter().flat_map(|resident| blobs_of(resident)) {
            *holders.entry(digest).or_default() += 1;
        }
        let (mut forecast, mut folders) = (Vec::new(), Vec::<&(PathBuf, u64)>::new());
        for (id, reason) in going {
            let Some(index) = staying.iter().position(|resident| resident.id == *id) else { continue };
            let resident = staying.remove(index);
            let (mut bytes, mut shared) = (resident.own_bytes, BTreeSet::new());
            // A folder goes with the last entry that has something in it.
            bytes += folders.iter().map(|(_, bytes)| bytes).sum::<u64>();
            folders.extend(&resident.folders);
            folders.retain(|(folder, _)| staying.iter().any(|other| other.has_placed_below(folder)));
            bytes -= folders.iter().map(|(_, bytes)| bytes).sum::<u64>();
            for digest in blobs_of(resident) {
                let left = holders.get_mut(&digest).map_or(0, |count| {
                    *count -= 1;
                    *count
                });
                match (left, self.blobs.get(&digest)) {
                    (0, Some(size)) => bytes += size,
                    (1.., Some(_)) => drop(shared.insert(digest)),
                    (_, None) => {}
                }
            }
            let has_some = |other: &&&Resident| other.names.iter().any(|digest| shared.contains(digest));
            let shared_with: BTreeSet<_> = staying.iter().filter(has_some).map(|other| other.model()).collect();
            let shared_with = shared_with.into_iter().collect();
            forecast.push(Evicted { model: resident.model(), bytes, reason: *reason, shared_with });
        }
        forecast
    }

    /// Whether a process is about to write something.
    pub(super) fn is_filling(&self) -> bool {
        let leased = self.residents.iter().filter(|resident| resident.use_ == Use::Leased);
        leased.filter_map(|resident| resident.entry.as_ref()).any(|entry| {
            entry.is_interrupted() || entry.files.iter().any(|file| !self.blobs.contains_key(&file.sha256))
        })
    }

    /// The entries as the retention policy sees them.
    pub(crate) fn stored(&self) -> Vec<Stored> {
        let view = |resident: &Resident| Stored {
            id: resident.id,
            last_used: resident.last_used,
            use_: resident.use_,
            blobs: resident.names.iter().filter_map(|name| Some((*name, *self.blobs.get(name)?))).collect(),
            own_bytes: resident.own_bytes,
        };
        self.residents.iter().map(view).collect()
    }
}

impl Store {
    /// The entries that have a record.
    pub(super) fn entry_ids(&self) -> Result<Vec<EntryId>> {
        let id = |path: PathBuf| path.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok();
        Ok(fs::list(&self.folder("entries"))?.into_iter().filter_map(id).collect())
    }

    /// Counts everything. Cost: one look per file of the store.
    pub(crate) fn survey(&self) -> Result<Survey> {
        let mut seen = HashSet::new();
        let mut bytes_of = |path: &std::path::Path| match fs::disk_usage(path) {
            Some((inode, bytes)) if seen.insert(inode) => bytes,
            _ => 0,
        };
        let mut survey = Survey {
            residents: Vec::new(),
            blobs: BTreeMap::new(),
            partials: Vec::new(),
            quarantine: Vec::new(),
            overhead: bytes_of(self.dir()) + bytes_of(&self.bucket),
        };
        for name in ["CACHEDIR.TAG", ".gitignore"] {
            survey.overhead += bytes_of(&self.dir().join(name));
        }
        let digest_of = |path: &PathBuf| path.file_name()?.to_str()?.parse::<Sha256Digest>().ok();
        let (blobs, partials) = (self.folder("blobs"), self.folder("partial"));
        let (quarantine, trash) = (self.folder("quarantine"), self.folder("trash"));
        for path in fs::walk(&self.bucket) {
            let bytes = bytes_of(&path);
            match digest_of(&path).filter(|_| path.starts_with(&blobs)) {
                Some(digest) => drop(survey.blobs.insert(digest, bytes)),
                None if path.parent() == Some(&partials) && path.extension().is_some_and(|kind| kind == "part") => {
                    survey.partials.push((path, bytes));
                }
                None if path.parent() == Some(&partials) => survey.overhead += bytes,
                None if path.parent() == Some(&quarantine) || path.parent() == Some(&trash) => {
                    survey.quarantine.push((path, bytes));
                }
                None if path.extension().is_some_and(|extension| extension == "json") => {} // counted with its entry
                None => survey.overhead += bytes,
            }
        }
        for id in self.entry_ids()? {
            let mut own_bytes = fs::disk_usage(&self.record_file(&id)).map_or(0, |(_, bytes)| bytes);
            let (entry, names) = match self.read_record(&id)? {
                Read::Nothing => continue,
                Read::Entry(entry) => {
                    let names = entry.files.iter().map(|file| file.sha256).collect();
                    (Some(*entry), names)
                }
                Read::Damaged(names) | Read::Newer(names) => (None, names),
            };
            let mut folders = Vec::new();
            if let Some(entry) = &entry {
                let ours = entry.placed.iter().filter(|placed| placed.owner == Owner::Ours);
                own_bytes += ours.map(|placed| bytes_of(&placed.path)).sum::<u64>();
                folders.extend(entry.folders.iter().map(|folder| (folder.clone(), bytes_of(folder))));
                own_bytes += folders.iter().map(|(_, bytes)| bytes).sum::<u64>();
            }
            let lease = self.lease_file(&id);
            let last_used = fs::modified(&lease).or_else(|| fs::modified(&self.record_file(&id)));
            let use_ = if ExclusiveLock::is_held(&lease) { Use::Leased } else { Use::Free };
            let last_used = last_used.unwrap_or_else(time::now);
            survey.residents.push(Resident { id, entry, names, last_used, use_, own_bytes, folders });
        }
        Ok(survey)
    }
}
