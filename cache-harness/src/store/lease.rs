//! "In use by a living process": the shared lock that keeps an entry from being evicted.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::{EntryId, Store};
use crate::error::{Error, Result};
use crate::lock::{SharedLock, Waiting};
use crate::{fs, time};

/// Keeps an entry and what was placed for it on disk until it is dropped.
#[derive(Debug)]
#[must_use = "the entry may be evicted once the lease is dropped"]
pub(crate) struct Lease {
    id: EntryId,
    _lock: Option<SharedLock>,
}

impl Lease {
    /// The entry in use.
    pub(crate) fn id(&self) -> &EntryId {
        &self.id
    }
}

/// The least time between two stamps of one entry's last use by one process.
const RESOLUTION: Duration = Duration::from_secs(1);

impl Store {
    /// Takes an entry into use and stamps the time. The entry need not exist yet.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`] if the folder cannot hold a lock file.
    pub(crate) fn lease(&self, id: &EntryId) -> Result<Lease> {
        let path = self.lease_file(id);
        let lock = match SharedLock::acquire(&path, &Waiting::BRIEF) {
            Err(Error::Io { .. }) => match self.make_usable() {
                Ok(()) => SharedLock::acquire(&path, &Waiting::BRIEF)?,
                // A store that this process cannot write to, say one baked into an image: what it holds serves.
                Err(_) if self.record_fingerprint(id)?.is_some() => return Ok(Lease { id: *id, _lock: None }),
                Err(unusable) => return Err(unusable),
            },
            lock => lock?,
        };
        if stamp_is_due(id) {
            // Where the store is read-only nobody evicts by this stamp.
            let _ = fs::touch(lock.file(), time::now());
        }
        Ok(Lease { id: *id, _lock: Some(lock) })
    }
}

fn stamp_is_due(id: &EntryId) -> bool {
    static STAMPED: Mutex<Option<HashMap<EntryId, Instant>>> = Mutex::new(None);
    let now = Instant::now();
    // A thread that panicked while holding the map left at worst an old stamp in it.
    let mut stamped = STAMPED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let stamped = stamped.get_or_insert_default();
    let due = stamped.get(id).is_none_or(|last| now.duration_since(*last) >= RESOLUTION);
    if due {
        stamped.insert(*id, now);
    }
    due
}
