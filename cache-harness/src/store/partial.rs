//! A blob in the making: its lock, its bytes so far, and the only way to a published blob.

mod taking;

use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use taking::{Taken, Whose};

use super::position::{Position, State};
use super::tail::Tail;
use super::{Extents, Following, Memo, Origin, Store};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::lock::{ExclusiveLock, Waiting};
use crate::{fs, time};

/// What was found when a blob was wanted.
#[derive(Debug)]
pub(crate) enum Slot {
    /// Somebody put a blob there; it is still to be verified.
    Present,
    /// There is none, and this process alone may fill it.
    Vacant(Partial),
}

/// A blob that this process alone is filling. What is written stays for the next one who fills it, unless it is
/// known to be wrong.
#[derive(Debug)]
#[must_use = "a partial becomes a blob by `commit`"]
pub(crate) struct Partial {
    lock: Option<ExclusiveLock>,
    digest: Sha256Digest,
    size: Option<u64>,
    limit: u64,
    target: PathBuf,
    /// Bytes that the hasher may read: everything before them is there.
    hashable: u64,
    /// What those who read along see of it.
    position: Arc<Position>,
    tail: Option<Tail>,
    keep: Keep,
}

/// Shows those who wait for a partial that somebody is at it. While it lives, the partial's lock does.
#[derive(Debug)]
pub(crate) struct Pulse(std::fs::File);

impl Pulse {
    pub(crate) fn beat(&self) {
        // Who does not see it gives up a little early.
        let _ = fs::touch(&self.0, time::now());
    }
}

/// Whether another process may go on from what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Yes,
    /// Nobody knows yet which bytes are wanted.
    #[cfg(feature = "cli")]
    No,
}

/// What arrived: to be compared with the pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) digest: Sha256Digest,
    pub(crate) size: u64,
}

impl Store {
    /// Waits until nobody else fills this blob, and looks again.
    ///
    /// `size` is the pinned size in bytes if there is one; no more than `limit` bytes are ever accepted.
    pub(crate) fn slot(
        &self,
        digest: &Sha256Digest,
        size: Option<u64>,
        limit: u64,
        waiting: &Waiting<'_>,
    ) -> Result<Slot> {
        let lock = ExclusiveLock::acquire(&self.partial(digest), waiting)?;
        let target = self.blob(digest);
        if fs::look(&target)? != fs::Found::Nothing {
            lock.remove()?;
            return Ok(Slot::Present);
        }
        let limit = size.unwrap_or(limit);
        let lock = Some(lock);
        let (hashable, position, tail, keep) = (0, Arc::default(), None, Keep::Yes);
        Ok(Slot::Vacant(Partial { lock, digest: *digest, size, limit, target, hashable, position, tail, keep }))
    }

    /// A partial for what `url` will send, when nobody knows its digest yet: until [`Partial::publish`] it is named
    /// by the digest of the address, so that two processes do not fetch the same at once. `size` is that of the file,
    /// if it is known.
    #[cfg(feature = "cli")]
    pub(crate) fn draft(&self, url: &str, size: Option<u64>, limit: u64, waiting: &Waiting<'_>) -> Result<Partial> {
        let digest = Sha256Digest::of(url.as_bytes());
        let lock = ExclusiveLock::acquire(&self.partial(&digest), waiting)?;
        let target = self.blob(&digest);
        let (lock, limit) = (Some(lock), size.unwrap_or(limit));
        let (hashable, position, tail, keep) = (0, Arc::default(), None, Keep::No);
        let mut draft = Partial { lock, digest, size, limit, target, hashable, position, tail, keep };
        draft.restart()?;
        Ok(draft)
    }
}

impl Partial {
    /// The pinned size in bytes, if there is one.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// The most bytes that are accepted.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether bytes with this digest are what is wanted; of a draft nobody knows yet.
    pub(crate) fn wants(&self, digest: &Sha256Digest) -> bool {
        self.keep != Keep::Yes || self.digest == *digest
    }

    /// The bytes that this process or, before it, another one has written.
    ///
    /// The file's length tells, unless they came out of order: then the record beside it does.
    pub(crate) fn there(&self) -> Result<Extents> {
        let length = || {
            let file = self.file()?;
            fs::refuse_other_names(&file)?;
            file.metadata().map(|metadata| metadata.len())
        };
        let length = length().map_err(self.failed("go on with"))?;
        let mut there = match self.origin().and_then(|origin| origin.parts) {
            Some(parts) => parts,
            None => Extents::prefix_of(length),
        };
        if there.total() > self.limit {
            return Ok(Extents::default());
        }
        there.truncate(length);
        Ok(there)
    }

    /// Where the bytes that are there came from, if that was recorded.
    pub(crate) fn origin(&self) -> Option<Origin> {
        Origin::read(self.lock.as_ref()?.path())
    }

    /// Records where the bytes come from, for whoever goes on with them.
    pub(crate) fn set_origin(&self, origin: &Origin) -> Result<()> {
        match (&self.lock, self.keep) {
            (Some(lock), Keep::Yes) => origin.write(lock.path()),
            _ => Ok(()),
        }
    }

    /// Drops what was written: the next byte to come is the first.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.rehash();
        let empty = || {
            let file = self.file()?;
            fs::refuse_other_names(&file)?;
            file.set_len(0)
        };
        empty().map_err(self.failed("empty"))?;
        Origin::remove(&self.path()?)
    }

    /// Lets the digest begin anew; what is written stays. Who has read any of it by [`follow`](Self::follow) fails.
    pub(crate) fn rehash(&mut self) {
        self.hashable = 0;
        if !self.position.is_unused() {
            self.position.abandon();
            (self.position, self.tail) = (Arc::default(), None);
        }
    }

    /// Reads along, from the first byte on, while it is filled.
    pub(crate) fn follow(&self) -> Result<Following> {
        let file = self.file().map_err(self.failed("read"))?;
        Ok(Following::new(file, Arc::clone(&self.position)))
    }

    /// Writes bytes that belong at `offset`.
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let Some(lock) = &self.lock else { return Err(self.failed("write")(committed())) };
        lock.file().write_all_at(bytes, offset).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                let needed = bytes.len() as u64;
                Error::DiskFull {
                    path: lock.path().to_owned(),
                    needed,
                    available: fs::free_bytes(lock.path()).unwrap_or(0),
                }
            }
            _ => Error::io("write", lock.path())(error),
        })
    }

    /// Whether `bytes` are what is written at `offset`.
    pub(crate) fn holds(&self, bytes: &[u8], offset: u64) -> Result<bool> {
        let mut written = vec![0; bytes.len()];
        let read = self.file().and_then(|file| file.read_exact_at(&mut written, offset));
        read.map(|()| written == bytes).map_err(self.failed("read"))
    }

    /// Says that everything before byte `prefix` is there, for the hasher that follows.
    pub(crate) fn reached(&mut self, prefix: u64) -> Result<()> {
        if self.tail.is_none() {
            self.hashable = 0;
            let position = Arc::clone(&self.position);
            let tail = self.file().and_then(|file| Tail::follow(file, position));
            self.tail = Some(tail.map_err(self.failed("hash"))?);
        }
        if prefix < self.hashable {
            // What was read beyond does not count any more.
            self.rehash();
            return self.reached(prefix);
        }
        self.hashable = prefix;
        if let Some(tail) = &mut self.tail {
            tail.written(prefix);
        }
        Ok(())
    }

    /// Whether the digest of everything before the byte last [reached](Self::reached) is known; none will follow.
    pub(crate) fn is_hashed(&mut self) -> bool {
        let hashable = self.hashable;
        self.tail.as_mut().is_none_or(|tail| tail.is_through(hashable))
    }

    /// Appends bytes to those before them.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_at(bytes, self.hashable)?;
        self.reached(self.hashable + bytes.len() as u64)
    }

    /// Shows those who wait for this partial that somebody is at it, though no byte comes.
    pub(crate) fn stamp(&self) {
        if let Some(lock) = &self.lock {
            // Who does not see it gives up a little early.
            let _ = fs::touch(lock.file(), time::now());
        }
    }

    /// What [stamps](Self::stamp) it while it is in other hands.
    pub(crate) fn pulse(&self) -> Option<Pulse> {
        self.file().ok().map(Pulse)
    }

    /// The digest and size of what was written, which is everything before the byte last
    /// [reached](Self::reached).
    pub(crate) fn finish(&mut self) -> Result<Received> {
        self.reached(self.hashable)?;
        let finish = |partial: &mut Self| {
            let tail = partial.tail.take().ok_or_else(committed)?;
            partial.file()?.set_len(partial.hashable)?;
            tail.finish(partial.hashable)
        };
        let digest = finish(self).map_err(self.failed("hash"))?;
        if self.wants(&digest) {
            self.position.announce(self.hashable, State::Right);
        }
        Ok(Received { digest, size: self.hashable })
    }

    /// The error that says what came instead of the pinned bytes of `file` from `origin`.
    pub(crate) fn mismatch(&self, received: Received, file: &str, origin: &str) -> Error {
        let (file, origin) = (file.to_owned(), origin.to_owned());
        match self.size {
            Some(expected) if expected != received.size => {
                Error::SizeMismatch { file, origin, expected, actual: received.size }
            }
            _ => Error::DigestMismatch { file, origin, expected: self.digest, actual: received.digest },
        }
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> Error + use<> {
        let path = self.lock.as_ref().map_or(self.target.as_path(), ExclusiveLock::path).to_owned();
        move |source| Error::Io { action, path, source }
    }

    /// Publishes what was written as the blob, durably, if `received` is what is pinned.
    ///
    /// # Errors
    ///
    /// [`Error::DigestMismatch`] if it is not; what was written is then dropped.
    pub(crate) fn commit(mut self, received: Received) -> Result<Memo> {
        if received.digest != self.digest {
            self.restart()?;
            return Err(self.mismatch(received, &self.digest.to_string(), "its source"));
        }
        let source = self.path()?;
        self.make_folder()?;
        let handle = self.file().map_err(Error::io("open", &source))?;
        let sync = || {
            fs::make_read_only(&handle)?;
            handle.sync_all()
        };
        sync().map_err(Error::io("sync", &source))?;
        fs::rename(&source, &self.target)?;
        fs::sync_folder(&self.target)?;
        // What is left says where a blob came from; the next sweep takes it.
        let _ = Origin::remove(&source);
        // From here on the lock's file is the blob: dropping must not remove it.
        self.lock = None;
        let fingerprint = fs::fingerprint(&handle).map_err(Error::io("look at", &self.target))?;
        Ok(Memo { fingerprint, hashed_at: time::unix_seconds(time::now()) })
    }

    /// Makes the folder of the blob, durably.
    fn make_folder(&self) -> Result<()> {
        let made = self.target.parent().map(fs::create_folders).transpose()?;
        made.into_iter().flatten().try_for_each(|made| fs::sync_folder(&made))
    }

    /// Publishes a [`draft`](Store::draft) as the blob it turned out to be, unless that is there already.
    #[cfg(feature = "cli")]
    pub(crate) fn publish(mut self, received: Received, store: &Store, waiting: &Waiting<'_>) -> Result<()> {
        match store.slot(&received.digest, Some(received.size), received.size, waiting)? {
            Slot::Present => Ok(()),
            Slot::Vacant(place) => {
                self.digest = received.digest;
                self.target.clone_from(&place.target);
                // `place` holds the blob's own lock until the blob is there.
                self.commit(received).map(|_| drop(place))
            }
        }
    }

    /// What was written, from its first byte on.
    pub(crate) fn reader(&self) -> Result<std::fs::File> {
        let rewound = || {
            let mut file = self.file()?;
            io::Seek::rewind(&mut file).map(|()| file)
        };
        rewound().map_err(self.failed("read"))
    }

    /// Removes it: its bytes are of no more use.
    pub(crate) fn discard(mut self) -> Result<()> {
        self.position.abandon();
        let Some(lock) = self.lock.take() else { return Ok(()) };
        Origin::remove(lock.path())?;
        lock.remove()
    }

    fn file(&self) -> io::Result<std::fs::File> {
        self.lock.as_ref().ok_or_else(committed)?.file().try_clone()
    }

    fn path(&self) -> Result<PathBuf> {
        let lock = self.lock.as_ref().ok_or_else(committed).map_err(Error::io("open", &self.target))?;
        Ok(lock.path().to_owned())
    }
}

fn committed() -> io::Error {
    io::Error::other("the partial was not started, or is committed")
}

impl Drop for Partial {
    fn drop(&mut self) {
        self.position.abandon();
        let Some(lock) = self.lock.take() else { return };
        let is_empty = !lock.file().metadata().is_ok_and(|metadata| metadata.len() > 0);
        if is_empty || self.keep != Keep::Yes {
            // What is left of it is found by the next one who fills it.
            let _ = (Origin::remove(lock.path()), lock.remove());
        }
    }
}
