//! "In use by a living process": the shared lock that keeps an entry from being evicted.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{EntryId, Store};
use crate::error::{Error, Result};
use crate::lock::{SharedLock, Waiting};
use crate::{fs, time};

/// The paths that each hit looks at, worked out once: in an unoptimised build, printing a digest costs more
/// than looking at a file.
#[derive(Debug)]
pub(crate) struct EntryFiles {
    pub(super) lease: PathBuf,
    pub(super) record: PathBuf,
    stamped: Mutex<Option<Instant>>,
}

/// Keeps an entry and what was placed for it on disk until it is dropped.
#[derive(Debug)]
#[must_use = "the entry may be evicted once the lease is dropped"]
pub(crate) struct Lease {
    _lock: Option<SharedLock>,
}

/// The least time between two stamps of one entry's last use by one process.
const RESOLUTION: Duration = Duration::from_secs(1);

impl EntryFiles {
    fn stamp_is_due(&self) -> bool {
        let now = Instant::now();
        // A thread that panicked while holding the lock left at worst an old stamp.
        let mut stamped = self.stamped.lock().unwrap_or_else(PoisonError::into_inner);
        let due = stamped.is_none_or(|last| now.duration_since(last) >= RESOLUTION);
        if due {
            *stamped = Some(now);
        }
        due
    }
}

impl Store {
    /// The paths of an entry, which need not exist yet.
    pub(crate) fn files_of(&self, id: &EntryId) -> EntryFiles {
        EntryFiles { lease: self.lease_file(id), record: self.record_file(id), stamped: Mutex::default() }
    }

    /// Takes an entry into use and stamps the time. The entry need not exist yet.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`] if the folder cannot hold a lock file.
    pub(crate) fn lease(&self, files: &EntryFiles) -> Result<Lease> {
        let lock = match SharedLock::acquire(&files.lease, &Waiting::BRIEF) {
            Err(Error::Io { .. }) => match self.make_usable() {
                Ok(()) => SharedLock::acquire(&files.lease, &Waiting::BRIEF)?,
                // A store that this process cannot write to, say one baked into an image: what it holds serves.
                Err(_) if Self::record_fingerprint(files)?.is_some() => return Ok(Lease { _lock: None }),
                Err(unusable) => return Err(unusable),
            },
            lock => lock?,
        };
        if files.stamp_is_due() {
            // Where the store is read-only nobody evicts by this stamp.
            let _ = fs::touch(lock.file(), time::now());
        }
        Ok(Lease { _lock: Some(lock) })
    }
}
