//! Kernel locks on open files, which wait politely and say for whom.
//!
//! ## Usage
//! [`SharedLock`]: "this is in use"; many at once. [`ExclusiveLock`]: "I am filling, replacing or removing
//! this"; one. Both are guards: the lock ends with the value, and the kernel ends it with the process, so
//! there is no stale lock to detect and no age to guess.
//!
//! ## Locked files come and go
//! A lock file may be removed or renamed by the holder of its exclusive lock (a partial becomes a blob).
//! Whoever waited then holds the lock of a file without a name; so after each acquisition the path is
//! looked at again, and if it names another file the wait starts anew.
//!
//! ## Waiting
//! Locks are polled (1 ms, growing to 50 ms): a thread stuck in `flock` could neither report nor give up.
//! A waiter gives up when what it waits for has not moved for its patience, however long it took so far.
#![expect(clippy::disallowed_methods, reason = "this module is the only one that locks")]

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::fs;

/// A lock that many processes may hold at once; it keeps its resource from being deleted.
#[derive(Debug)]
#[must_use = "the lock is released when the guard is dropped"]
pub(crate) struct SharedLock(File);

/// A lock that one process holds alone; only its holder may delete or replace the resource.
#[derive(Debug)]
#[must_use = "the lock is released when the guard is dropped"]
pub(crate) struct ExclusiveLock {
    file: File,
    path: PathBuf,
}

/// How long to wait, and what to look at meanwhile.
pub(crate) struct Waiting<'a> {
    /// For how long nothing may move.
    pub(crate) patience: Duration,
    /// A number that changes as the holder makes progress.
    pub(crate) progress: &'a dyn Fn() -> u64,
    /// Called once a second with the holder's name and the time waited.
    pub(crate) notice: &'a dyn Fn(&str, Duration),
}

impl Waiting<'_> {
    /// For locks that are held for milliseconds.
    pub(crate) const BRIEF: Waiting<'static> =
        Waiting { patience: Duration::from_secs(60), progress: &|| 0, notice: &|_, _| {} };
    /// For those who have something else to do if the lock is held.
    pub(crate) const NOT_AT_ALL: Waiting<'static> = Waiting { patience: Duration::ZERO, ..Self::BRIEF };
}

#[derive(Clone, Copy)]
enum Kind {
    Shared,
    Exclusive,
}

impl SharedLock {
    /// Waits for the lock at `path`; the file is created if need be.
    ///
    /// Where the folder is read-only an existing file serves as well.
    pub(crate) fn acquire(path: &Path, waiting: &Waiting<'_>) -> Result<Self> {
        acquire(path, Kind::Shared, waiting).map(Self)
    }

    /// The locked file.
    pub(crate) fn file(&self) -> &File {
        &self.0
    }
}

impl ExclusiveLock {
    /// Waits for the lock at `path`; the file is created if need be.
    pub(crate) fn acquire(path: &Path, waiting: &Waiting<'_>) -> Result<Self> {
        acquire(path, Kind::Exclusive, waiting).map(|file| Self { file, path: path.to_owned() })
    }

    /// The lock at `path`, unless somebody holds it.
    pub(crate) fn try_acquire(path: &Path) -> Result<Option<Self>> {
        let file = try_once(path, Kind::Exclusive).map_err(Error::io("lock", path))?;
        Ok(file.map(|file| Self { file, path: path.to_owned() }))
    }

    /// Whether somebody holds the lock at `path`; creates nothing.
    pub(crate) fn is_held(path: &Path) -> bool {
        match fs::open(path) {
            Ok(file) => matches!(file.try_lock(), Err(TryLockError::WouldBlock)),
            // Somebody else's: as long as it cannot be known, they use it.
            Err(error) => error.kind() == ErrorKind::PermissionDenied,
        }
    }

    /// Whether nobody else gets this lock meanwhile; where locks do nothing, everybody does.
    pub(crate) fn excludes_others(&self) -> bool {
        Self::is_held(&self.path)
    }

    /// Writes into the lock file what those who wait for it may read.
    pub(crate) fn write_note(&self, note: &str) -> io::Result<()> {
        let mut file = &self.file;
        fs::refuse_other_names(file)?;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(note.as_bytes())
    }

    /// Signs as the holder, for those who wait.
    pub(crate) fn sign(&self) -> io::Result<()> {
        self.write_note(&format!("process {}", std::process::id()))
    }

    /// What the holder before this one left in the lock file; at most 4 KiB, and nothing if it is no text.
    pub(crate) fn note(&self) -> String {
        let mut text = String::new();
        let mut file = &self.file;
        match file.rewind().and_then(|()| file.take(4096).read_to_string(&mut text)) {
            Ok(_) => text,
            Err(_) => String::new(),
        }
    }

    /// The locked file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Where the lock file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the lock file, and with it the lock.
    pub(crate) fn remove(self) -> Result<()> {
        fs::remove_file(&self.path)
    }
}

/// Whether locks on the file system of `folder` do what they say; some network file systems grant all.
pub(crate) fn locks_work(folder: &Path) -> Result<bool> {
    let probe = fs::temporary_beside(&folder.join("lock"), fs::TEMPORARY).map_err(Error::io("write to", folder))?;
    let mine = ExclusiveLock::try_acquire(probe.path())?;
    Ok(mine.is_some_and(|mine| mine.excludes_others()))
}

fn acquire(path: &Path, kind: Kind, waiting: &Waiting<'_>) -> Result<File> {
    let started = Instant::now();
    let (mut moved, mut seen) = (started, None);
    let mut noticed = 0;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(file) = try_once(path, kind).map_err(Error::io("lock", path))? {
            return Ok(file);
        }
        let progress = Some((waiting.progress)());
        if progress != seen {
            (moved, seen) = (Instant::now(), progress);
        }
        if moved.elapsed() >= waiting.patience {
            return Err(Error::Busy { lock: path.to_owned(), holder: holder(path), patience: waiting.patience });
        }
        if started.elapsed().as_secs() > noticed {
            noticed = started.elapsed().as_secs();
            (waiting.notice)(&holder(path).unwrap_or_else(|| "another process".to_owned()), started.elapsed());
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// `None` if the lock is held by another.
fn try_once(path: &Path, kind: Kind) -> io::Result<Option<File>> {
    loop {
        let file = match fs::open_or_create(path) {
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
                fs::open(path)?
            }
            opened => opened?,
        };
        let locked = match kind {
            Kind::Shared => file.try_lock_shared(),
            Kind::Exclusive => file.try_lock(),
        };
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            // A file system without locks: the caller finds out by `locks_work` and stays correct without.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let named = match kind {
            // Files that are shared are removed, never renamed: that costs one look instead of two on each hit.
            Kind::Shared => fs::has_a_name(&file)?,
            Kind::Exclusive => still_named(path, &file)?,
        };
        if named {
            return Ok(Some(file));
        }
    }
}

fn still_named(path: &Path, file: &File) -> io::Result<bool> {
    let held = fs::fingerprint(file)?;
    match fs::look(path) {
        Ok(fs::Found::File(named)) => Ok(named.same_file(&held)),
        Ok(fs::Found::Nothing) => Ok(false),
        Ok(_) => Err(io::Error::new(ErrorKind::InvalidInput, "something else than a file stands there")),
        Err(error) => Err(io::Error::other(error)),
    }
}

fn holder(path: &Path) -> Option<String> {
    let mut text = String::new();
    fs::open(path).ok()?.take(64).read_to_string(&mut text).ok()?;
    text.starts_with("process ").then_some(text)
}
