//! Named locks and texts that the processes of a user share, as far as the folder lets them.
//!
//! A name is taken within this process first and as a lock file second, so that one task of each process polls the
//! file. Where there is no folder, or it cannot be used, the first is all there is. Lock files go with the lock:
//! [`ExclusiveLock`] looks again whether what it locked is still there.

use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::lock::{self, ExclusiveLock};
use crate::{fs, time};

/// All that is noted expires within minutes, but for a host's good name.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Longer texts are not ours.
const LONGEST_TEXT: u64 = 4096;

#[derive(Debug)]
pub(super) struct Locks {
    folder: Option<PathBuf>,
    taken: Mutex<HashSet<String>>,
    /// The texts that could not be written.
    texts: Mutex<HashMap<String, String>>,
}

/// A name that nobody else has; dropping it frees it.
#[derive(Debug)]
#[must_use = "the name is free again when the guard is dropped"]
pub(super) struct Taken {
    locks: Arc<Locks>,
    name: String,
    file: Option<ExclusiveLock>,
    then: Then,
}

/// What becomes of the lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Remove,
    Keep,
}

impl Locks {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        let works = |folder: &PathBuf| fs::create_folders(folder).and_then(|_| lock::locks_work(folder));
        let locks = Self {
            folder: folder.filter(|folder| works(folder).is_ok_and(|works| works)),
            taken: Mutex::default(),
            texts: Mutex::default(),
        };
        locks.sweep();
        locks
    }

    /// The name, unless somebody has it.
    pub(super) fn try_take(self: &Arc<Self>, name: &str, then: Then) -> Option<Taken> {
        if !unpoisoned(&self.taken).insert(name.to_owned()) {
            return None;
        }
        // From here on dropping it frees the name.
        let mut taken = Taken { locks: Arc::clone(self), name: name.to_owned(), file: None, then };
        if let Some(path) = self.path(name) {
            match ExclusiveLock::try_acquire(&path) {
                Ok(Some(file)) => taken.file = Some(file),
                Ok(None) => return None,
                // The folder went, or the disk is full: the limit holds within this process.
                Err(_) => {}
            }
        }
        Some(taken)
    }

    /// What was last written under this name; nothing while it is being written.
    pub(super) fn peek(&self, name: &str) -> String {
        if let Some(text) = unpoisoned(&self.texts).get(name) {
            return text.clone();
        }
        let mut text = String::new();
        let file = self.path(name).and_then(|path| fs::open(&path).ok());
        match file.map(|file| file.take(LONGEST_TEXT).read_to_string(&mut text)) {
            Some(Ok(_)) => text,
            _ => String::new(),
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(name))
    }

    /// Removes what nobody wrote for long.
    fn sweep(&self) {
        let is_old =
            |path: &PathBuf| fs::modified(path).is_some_and(|modified| time::age(modified, time::now()) > KEPT);
        let paths = self.folder.as_ref().and_then(|folder| fs::list(folder).ok()).unwrap_or_default();
        for path in paths.iter().filter(|path| is_old(path)) {
            if let Ok(Some(lock)) = ExclusiveLock::try_acquire(path)
                && is_old(path)
            {
                // What fails is tried again next time.
                let _ = lock.remove();
            }
        }
    }
}

impl Taken {
    /// What was last written under this name.
    pub(super) fn read(&self) -> String {
        self.locks.peek(&self.name)
    }

    /// Writes for all who may read it: the other processes, or if that fails, this one.
    pub(super) fn write(&self, text: String) {
        let written = self.file.as_ref().is_some_and(|file| file.write_note(&text).is_ok());
        let mut texts = unpoisoned(&self.locks.texts);
        if written {
            texts.remove(&self.name);
        } else {
            texts.insert(self.name.clone(), text);
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(file) = self.file.take().filter(|_| self.then == Then::Remove) {
            // It can stay: the next one takes it.
            let _ = file.remove();
        }
        unpoisoned(&self.locks.taken).remove(&self.name);
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
