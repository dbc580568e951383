//! The record of one pinned model: its files, their memos, and what was placed where.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::standing::Circumstances;
use super::{EntryFiles, EntryId, Store};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fs::{self, Fingerprint, LinkMode};
use crate::lock::{ExclusiveLock, SharedLock, Waiting};
use crate::model::{FilePath, ModelName};
use crate::time;

/// The version of the record's form.
const VERSION: u32 = 1;

/// What the store knows of one pinned model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    version: u32,
    /// The name under which it was last asked for.
    pub(crate) model: ModelName,
    /// The consumer's layout it was last restored to.
    pub(crate) provider: String,
    pub(crate) files: Vec<Recorded>,
    /// The archive that some of the files are about to come out of: it takes room until they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) arriving: Option<Recorded>,
    /// For each blob that was verified: by which fingerprint it is known, and when it was hashed.
    pub(crate) memos: BTreeMap<Sha256Digest, Memo>,
    pub(crate) placed: Vec<Placed>,
    /// Folders made for what was placed, topmost first.
    #[serde(with = "super::path_text::list")]
    pub(crate) folders: Vec<PathBuf>,
    /// The fetch that filled the entry.
    pub(crate) filled: Option<Filled>,
}

/// One file of a model. The size is unknown until a file pinned by its digest alone was fetched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) path: FilePath,
    pub(crate) size: Option<u64>,
    pub(crate) sha256: Sha256Digest,
}

/// A verification remembered by the file's fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memo {
    pub(crate) fingerprint: Fingerprint,
    /// Unix seconds.
    pub(crate) hashed_at: u64,
}

/// One path in a provider's layout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Placed {
    #[serde(with = "super::path_text")]
    pub(crate) path: PathBuf,
    pub(crate) content: Content,
    pub(crate) owner: Owner,
    /// What identifies it; of a symbolic link, the link's own. Absent while it is only intended.
    pub(crate) proof: Option<Fingerprint>,
    /// What a fingerprint does not tell: a file made where another was removed can get its inode.
    #[serde(default, skip_serializing_if = "Circumstances::are_plain")]
    pub(crate) circumstances: Circumstances,
}

/// What stands at a path of a layout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Content {
    /// The bytes of a blob.
    Blob { sha256: Sha256Digest, mode: LinkMode },
    /// A symbolic link inside the layout that leads to a blob's bytes.
    Pointer { sha256: Sha256Digest, target: PathBuf },
    /// A small file of the layout's own.
    Text(String),
}

/// Whose file it is: only ours are ever replaced or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Owner {
    Ours,
    /// It was there before, with the right content.
    Adopted,
}

/// When and how the entry's bytes came.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Filled {
    /// Unix seconds.
    pub(crate) at: u64,
    /// What the fetch took: what every later hit saves.
    pub(crate) seconds: f64,
    pub(crate) bytes: u64,
}

impl Placed {
    /// How a file of its own came to its place.
    pub(crate) fn own_mode(&self) -> Option<LinkMode> {
        match self.content {
            Content::Blob { mode: mode @ (LinkMode::Copy | LinkMode::Reflink), .. } => Some(mode),
            _ => None,
        }
    }
}

impl Entry {
    pub(crate) fn new(model: ModelName, provider: String, files: Vec<Recorded>) -> Self {
        let (memos, placed, folders) = <(BTreeMap<_, _>, Vec<_>, Vec<_>)>::default();
        let (arriving, filled) = (None, None);
        Self { version: VERSION, model, provider, files, arriving, memos, placed, folders, filled }
    }

    /// The record for a path, if the path was ever placed.
    pub(crate) fn placed_at(&self, path: &std::path::Path) -> Option<&Placed> {
        self.placed.iter().find(|placed| placed.path == path)
    }

    /// Takes over what an eviction of another entry wrote: folders handed over, and memos of blobs it unlinked.
    fn merge(&mut self, renewed: Self) {
        self.folders.extend(renewed.folders);
        self.folders.sort();
        self.folders.dedup();
        for (digest, theirs) in renewed.memos {
            let Some(own) = self.memos.get_mut(&digest) else { continue };
            let is_later = theirs.fingerprint.ctime > own.fingerprint.ctime;
            if is_later && theirs.fingerprint.same_content(&own.fingerprint) {
                own.fingerprint = theirs.fingerprint;
            }
        }
    }

    /// The bytes of the model's files as far as their sizes are known; equal blobs count once.
    pub(crate) fn bytes(&self) -> u64 {
        let sizes: BTreeMap<_, _> = self.files.iter().map(|file| (file.sha256, file.size.unwrap_or(0))).collect();
        sizes.values().sum()
    }

    /// The bytes that the archive takes while its files come out of it.
    pub(crate) fn arriving_bytes(&self) -> u64 {
        self.arriving.as_ref().and_then(|archive| archive.size).unwrap_or(0)
    }
}

/// What lies at an entry's path.
#[derive(Debug)]
pub(crate) enum Read {
    Nothing,
    Entry(Box<Entry>),
    /// Not readable as an entry; the digests its text mentions.
    Damaged(Vec<Sha256Digest>),
    /// Of a newer version; the digests its text mentions.
    Newer(Vec<Sha256Digest>),
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The right to fill, restore and record one entry; one process has it at a time.
#[derive(Debug)]
#[must_use = "the turn ends when it is dropped"]
pub(crate) struct Turn<'a> {
    store: &'a Store,
    id: EntryId,
    /// The record as this turn wrote it last: another fingerprint tells that an eviction renewed it.
    written: Cell<fs::Found>,
    /// What the turn before this one left.
    note: String,
    lock: ExclusiveLock,
}

/// Begins the note of a turn that ended because no source had the bytes.
const FAILED: &str = "failed";

impl Turn<'_> {
    pub(crate) fn store(&self) -> &Store {
        self.store
    }

    pub(crate) fn id(&self) -> &EntryId {
        &self.id
    }

    /// Signs as the one whose turn it is, for those who wait; the note of the turn before is then gone.
    pub(crate) fn sign(&self) {
        // Only messages need it.
        let _ = self.lock.sign();
    }

    /// Tells those who wait for this turn that the sources failed: they need not ask them again.
    pub(crate) fn leave_failure(&self, error: &Error) {
        // Whoever cannot read it asks again.
        let _ = self.lock.write_note(&format!("{FAILED}\n{}\n{error}", time::unix_micros(time::now())));
    }

    /// What the sources failed with, if they failed the turn before this one, after `since`.
    pub(crate) fn failure_since(&self, since: SystemTime) -> Option<&str> {
        let (at, message) = self.note.strip_prefix(FAILED)?.trim_start().split_once('\n')?;
        (at.parse::<u64>().ok()? >= time::unix_micros(since)).then_some(message)
    }

    /// Records the entry as it is now, with what an eviction has written into its record since this turn began.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`] if a newer version wrote the record, which is left alone.
    pub(crate) fn record(&self, entry: &mut Entry) -> Result<()> {
        let _choosing = SharedLock::acquire(&self.store.gc_file(), &Waiting::BRIEF)?;
        self.write(entry)
    }

    /// The same for who has `gc.lock` already.
    pub(super) fn write(&self, entry: &mut Entry) -> Result<()> {
        let path = self.store.record_file(&self.id);
        if fs::look(&path)? != self.written.get() {
            match self.store.read_record(&self.id)? {
                Read::Entry(renewed) => entry.merge(*renewed),
                Read::Newer(_) => {
                    let reason = format!("`{}` was written by a newer cache-harness", path.display());
                    return Err(Error::Unusable { dir: self.store.dir().to_owned(), reason });
                }
                Read::Nothing | Read::Damaged(_) => {}
            }
        }
        self.store.write_record(&self.id, entry)?;
        self.written.set(fs::look(&path)?);
        Ok(())
    }
}

impl Store {
    /// Waits until this process may fill, restore and record the entry.
    pub(crate) fn turn(&self, id: &EntryId, waiting: &Waiting<'_>) -> Result<Turn<'_>> {
        self.make_usable()?;
        let lock = ExclusiveLock::acquire(&self.turn_file(id), waiting)?;
        let note = lock.note();
        Ok(Turn { store: self, id: *id, written: Cell::new(fs::Found::Nothing), note, lock })
    }

    /// The entry as last recorded; one that cannot be read counts as none and is rebuilt.
    pub(crate) fn entry(&self, id: &EntryId) -> Result<Option<Entry>> {
        Ok(match self.read_record(id)? {
            Read::Entry(entry) => Some(*entry),
            Read::Nothing | Read::Damaged(_) | Read::Newer(_) => None,
        })
    }

    /// All entries whose records can be read. Unlike a survey it tries no lock, so it disturbs nobody.
    pub(crate) fn entries(&self) -> Result<Vec<(EntryId, Entry)>> {
        let mut entries = Vec::new();
        for id in self.entry_ids()? {
            entries.extend(self.entry(&id)?.map(|entry| (id, entry)));
        }
        Ok(entries)
    }

    /// The fingerprint of the entry's record, by which a process knows that what it read still holds.
    pub(crate) fn record_fingerprint(files: &EntryFiles) -> Result<Option<Fingerprint>> {
        Ok(match fs::look(&files.record)? {
            fs::Found::File(fingerprint) => Some(fingerprint),
            _ => None,
        })
    }

    pub(super) fn read_record(&self, id: &EntryId) -> Result<Read> {
        let text = match fs::read_text(&self.record_file(id)) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(Read::Nothing),
            // Bytes that are no text, or that only somebody else may read, are damage, not a failing disk.
            Err(Error::Io { source, .. })
                if matches!(
                    source.kind(),
                    ErrorKind::InvalidData | ErrorKind::IsADirectory | ErrorKind::PermissionDenied
                ) =>
            {
                return Ok(Read::Damaged(Vec::new()));
            }
            Err(error) => return Err(error),
        };
        // The record of a model of a thousand files is large: it is read once where that is enough.
        Ok(match serde_json::from_str::<Entry>(&text) {
            Ok(entry) if entry.version <= VERSION && !entry.is_plausible() => Read::Damaged(digests_in(&text)),
            Ok(entry) if entry.version <= VERSION => Read::Entry(Box::new(entry)),
            Ok(_) => Read::Newer(digests_in(&text)),
            Err(_) if is_newer(&text) => Read::Newer(digests_in(&text)),
            Err(_) => Read::Damaged(digests_in(&text)),
        })
    }

    /// Replaces a record that is known to be of this version, or none, by who has `gc.lock`.
    pub(super) fn write_record(&self, id: &EntryId, entry: &Entry) -> Result<()> {
        let path = self.record_file(id);
        let text = serde_json::to_vec(entry).map_err(|error| Error::io("write", &path)(error.into()))?;
        fs::write_durable(&path, &text)
    }
}

fn is_newer(text: &str) -> bool {
    matches!(serde_json::from_str(text), Ok(Versioned { version }) if version > VERSION)
}

/// Every run of 64 hexadecimal digits: whatever the form, a digest that is mentioned is referenced.
pub(super) fn digests_in(text: &str) -> Vec<Sha256Digest> {
    text.split(|c: char| !c.is_ascii_hexdigit()).filter_map(|word| word.parse().ok()).collect()
}
