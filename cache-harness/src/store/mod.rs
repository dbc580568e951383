//! The store: verified blobs and the entries that name them, shared by every process of this machine.
//!
//! ```text
//! <cache dir>/   CACHEDIR.TAG  .gitignore
//!   v1/blobs/sha256/ab/abcd…   read-only; the name is the digest
//!   v1/entries/<entry>.json    one pinned model: its files, their memos, what was placed where and how
//!   v1/entries/<entry>.lock    exclusive lock = one process fills, restores or records this entry
//!   v1/leases/<entry>          empty; shared lock = in use, mtime = last use
//!   v1/partial/abcd….{part,json}  exclusive lock = this blob is being filled; the json says from where
//!   v1/gc.lock                 shared while an entry is recorded, exclusive while an eviction chooses and removes
//!   v1/over-budget             models in use exceed the budget: the next release or command trims
//!   v1/gone                    the latest evictions and why, so that a miss can tell its reason
//!   v1/trash/  v1/quarantine/
//! ```
//!
//! # Order of events
//! 1. *Lease*: the shared lock on `leases/<entry>` comes first; from here on no eviction touches the entry.
//! 2. *Hit*: the entry's memos equal the fingerprints on disk. Nothing is locked, written or hashed.
//! 3. Otherwise the *turn*: the exclusive lock on `entries/<entry>.lock`, then a second look. One process
//!    leads, the others find a hit when their turn comes; a killed leader's lock dies with it.
//! 4. *Reserve*: under the exclusive `gc.lock`, room is made and the entry is recorded, still without memos.
//!    So every blob that is about to appear has an entry naming it, and every byte to come is counted.
//! 5. *Fill*: each missing blob is written to its partial under the partial's lock, hashed on the way, synced,
//!    made read-only and renamed to its digest. A kill leaves a partial, from which the next one goes on, or a whole
//!    blob, never half a blob. Bytes that come out of order count only once the json says that they are there.
//!    An archive is a partial that never becomes a blob: blobs are written out of it, also while it comes.
//! 6. *Restore*: what will be placed, and the folders for it, are recorded, then made, then the fingerprints are
//!    recorded. A kill leaves links that a record names, and temporary files that begin with the entry's tag, so
//!    eviction finds them. A folder goes with the last entry that has something in it.
//! 7. *Count*: only now is it known what it all took; what exceeds the budget goes, or `over-budget` is left.
//!
//! Locks are taken in the order lease, turn, partial, `gc.lock`; an eviction holding `gc.lock` only *tries* leases,
//! so there is no cycle. While an archive's partial is held, those of the files in it are; none holds its own archive.
//!
//! # Other versions
//! Another version's layout lives beside `v1`. Inside `v1`, an entry of a newer version is never rewritten or
//! evicted, and any digest its text mentions counts as a reference.

mod claim;
mod entry;
mod evict;
mod extents;
mod following;
mod gone;
mod lease;
mod named;
mod origin;
mod partial;
mod path_text;
mod position;
mod reserve;
pub(crate) mod retention;
mod standing;
mod survey;
pub(crate) mod sweep;
mod tail;
mod verify;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub(crate) use entry::{Content, Entry, Filled, Memo, Owner, Placed, Recorded, Turn};
pub(crate) use evict::{Evicted, TakenBack};
pub(crate) use extents::Extents;
pub(crate) use following::Following;
pub(crate) use gone::Absence;
pub(crate) use lease::{EntryFiles, Lease};
pub(crate) use origin::Origin;
pub(crate) use partial::{Partial, Pulse, Received, Slot, Taken, Whose};
pub(crate) use reserve::Budget;
pub(crate) use standing::{Certainty, Circumstances, Standing};
pub(crate) use survey::{Resident, Survey};
pub(crate) use verify::{Checked, OnDamage, Proofs};

use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::{fs, lock};

const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder was created by cache-harness. What is in it can be fetched again.\n\
    # https://bford.info/cachedir/\n";

/// The store's own folders below its version.
const FOLDERS: [&str; 7] = ["blobs", "blobs/sha256", "entries", "leases", "partial", "trash", "quarantine"];

/// The name of an entry: the digest of the model's pins.
pub(crate) type EntryId = Sha256Digest;

/// The store in one cache folder. Opening it looks at nothing: a hit creates no folder.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    dir: PathBuf,
    bucket: PathBuf,
    over_budget: PathBuf,
}

impl Store {
    pub(crate) fn new(dir: &Path) -> Self {
        let bucket = dir.join("v1");
        Self { dir: dir.to_owned(), over_budget: bucket.join("over-budget"), bucket }
    }

    /// The cache folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the blob with this digest is, or would be.
    pub(crate) fn blob(&self, digest: &Sha256Digest) -> PathBuf {
        let name = digest.to_string();
        let mut path = self.bucket.join("blobs/sha256");
        path.push(&name[..2]);
        path.push(name);
        path
    }

    pub(crate) fn partial(&self, digest: &Sha256Digest) -> PathBuf {
        self.bucket.join("partial").join(format!("{digest}.part"))
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.bucket.join(name)
    }

    fn lease_file(&self, id: &EntryId) -> PathBuf {
        let mut path = self.bucket.join("leases");
        path.push(id.to_string());
        path
    }

    fn record_file(&self, id: &EntryId) -> PathBuf {
        let mut path = self.bucket.join("entries");
        path.push(format!("{id}.json"));
        path
    }

    fn turn_file(&self, id: &EntryId) -> PathBuf {
        self.bucket.join("entries").join(format!("{id}.lock"))
    }

    fn gc_file(&self) -> PathBuf {
        self.bucket.join("gc.lock")
    }

    /// Creates what is missing of the store's folders and finds out whether locks work there.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`] with the reason.
    pub(crate) fn make_usable(&self) -> Result<()> {
        let unusable = |reason: String| Error::Unusable { dir: self.dir.clone(), reason };
        self.create().map_err(|error| match error {
            Error::Unusable { .. } => error,
            other => unusable(other.to_string()),
        })?;
        match lock::locks_work(&self.bucket) {
            Ok(true) => Ok(()),
            Ok(false) => Err(unusable("locks do nothing on its file system".to_owned())),
            Err(error) => Err(unusable(error.to_string())),
        }
    }

    /// What may not be used of the store, or is not what should be there, makes it unusable for this process.
    pub(crate) fn judge(&self, error: Error) -> Error {
        let is_about_access = |source: &std::io::Error| {
            matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::IsADirectory | ErrorKind::NotADirectory)
                || source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
        };
        match &error {
            Error::Io { path, source, .. } if path.starts_with(&self.dir) && is_about_access(source) => {
                Error::Unusable { dir: self.dir.clone(), reason: error.to_string() }
            }
            _ => error,
        }
    }

    /// Creates what is missing of the store's folders.
    pub(crate) fn create(&self) -> Result<()> {
        if !self.is_ours() {
            fs::create_folders(&self.dir)?;
            self.refuse_aliens()?;
            fs::write_durable(&self.dir.join("CACHEDIR.TAG"), TAG.as_bytes())?;
            fs::write_durable(&self.dir.join(".gitignore"), b"*\n")?;
        }
        self.refuse_links()?;
        for folder in FOLDERS {
            fs::create_folders(&self.folder(folder))?;
        }
        Ok(())
    }

    /// Refuses a folder that is not what a store is made in, or not what a store is; creates nothing.
    #[cfg(feature = "cli")]
    pub(crate) fn inspect(&self) -> Result<()> {
        self.refuse_aliens()?;
        self.refuse_links()
    }

    /// Refuses a folder that somebody else keeps things in.
    fn refuse_aliens(&self) -> Result<()> {
        let alien = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            !name.starts_with(b".tmp-") && name != b"CACHEDIR.TAG" && name != b"state"
        };
        if let Some(other) = fs::list(&self.dir)?.iter().find(|path| alien(path))
            && !self.is_ours()
        {
            let other = other.file_name().unwrap_or_default().display();
            let reason = format!("it was not made by cache-harness and holds `{other}`; name an empty or new folder");
            return Err(Error::Unusable { dir: self.dir.clone(), reason });
        }
        Ok(())
    }

    /// Refuses a store one of whose own folders is a symbolic link, as an unpacked archive may bring one: emptying
    /// the trash would empty what the link leads to. The cache folder itself may be a link.
    fn refuse_links(&self) -> Result<()> {
        for folder in FOLDERS.map(|name| self.folder(name)).iter().chain([&self.bucket]) {
            if let fs::Found::Symlink(_) = fs::look(folder)? {
                let reason = format!("`{}` is a symbolic link: remove it", folder.display());
                return Err(Error::Unusable { dir: self.dir.clone(), reason });
            }
        }
        Ok(())
    }

    /// Whether the folder carries our mark; nothing is ever removed from one that does not.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(fs::read_text(&self.dir.join("CACHEDIR.TAG")), Ok(Some(text)) if text == TAG)
    }

    /// Moves what failed verification out of the way, to be looked at by a person until room is needed.
    pub(crate) fn quarantine(&self, path: &Path) -> Result<()> {
        self.put_aside(path, "").map(drop)
    }

    /// The same for a file in a consumer's folder, into which somebody wrote: it may be their work, so they are told
    /// where it is, and it stays for [`sweep::KEPT`].
    pub(crate) fn quarantine_placed(&self, path: &Path) -> Result<()> {
        if let Some(place) = self.put_aside(path, sweep::PLACED)? {
            let (path, place) = (path.display(), place.display());
            crate::notice::warn(&format!("`{path}` was changed since it was placed; what it was is now `{place}`"));
        }
        Ok(())
    }

    fn put_aside(&self, path: &Path, mark: &str) -> Result<Option<PathBuf>> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stamp = crate::time::unix_seconds(crate::time::now());
        let place = (0..).map(|count| self.folder("quarantine").join(format!("{name}.{stamp}-{count}{mark}")));
        let free = place.into_iter().find(|place| matches!(fs::look(place), Ok(fs::Found::Nothing)));
        let Some(free) = free else { return Ok(None) };
        fs::rename(path, &free)
            .map(|()| free)
            .or_else(|_| {
                // Another file system: put aside where it is.
                let mut aside = path.as_os_str().to_owned();
                aside.push(format!(".quarantined-{stamp}"));
                let aside = PathBuf::from(aside);
                fs::rename(path, &aside).map(|()| aside)
            })
            .map(Some)
    }
}
