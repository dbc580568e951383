//! A blob in the making: its lock, its bytes so far, and the only way to a published blob.

use std::io::{self, Seek as _, Write as _};
use std::path::PathBuf;

use super::tail::Tail;
use super::{Memo, Origin, Store};
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
    written: u64,
    tail: Option<Tail>,
    keep: Keep,
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
        let (written, tail, keep) = (0, None, Keep::Yes);
        Ok(Slot::Vacant(Partial { lock, digest: *digest, size, limit, target, written, tail, keep }))
    }

    /// A partial for what `url` will send, when nobody knows its digest yet: until [`Partial::publish`] it is named
    /// by the digest of the address, so that two processes do not fetch the same at once.
    #[cfg(feature = "cli")]
    pub(crate) fn draft(&self, url: &str, limit: u64, waiting: &Waiting<'_>) -> Result<Partial> {
        let digest = Sha256Digest::of(url.as_bytes());
        let lock = ExclusiveLock::acquire(&self.partial(&digest), waiting)?;
        let target = self.blob(&digest);
        let (lock, size, written, tail, keep) = (Some(lock), None, 0, None, Keep::No);
        let mut draft = Partial { lock, digest, size, limit, target, written, tail, keep };
        draft.restart()?;
        Ok(draft)
    }
}

impl Partial {
    /// The digest that is wanted.
    pub(crate) fn digest(&self) -> &Sha256Digest {
        &self.digest
    }

    /// The pinned size in bytes, if there is one.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// The most bytes that are accepted.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes written since the last [`restart`](Self::restart).
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Goes on behind what this process or, before it, another one has written. Returns how many bytes that is;
    /// they are hashed while more come.
    pub(crate) fn resume(&mut self) -> Result<u64> {
        if self.tail.is_none() {
            self.resume_file().map_err(self.failed("go on with"))?;
        }
        Ok(self.written)
    }

    fn resume_file(&mut self) -> io::Result<()> {
        let mut file = self.file()?;
        fs::refuse_other_names(&file)?;
        let there = file.seek(io::SeekFrom::End(0))?;
        if there > self.limit {
            return self.restart_file();
        }
        let mut tail = Tail::follow(file)?;
        tail.written(there);
        (self.written, self.tail) = (there, Some(tail));
        Ok(())
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

    /// Drops what was written and starts from the first byte.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.restart_file().map_err(self.failed("empty"))
    }

    fn restart_file(&mut self) -> io::Result<()> {
        if let Some(tail) = self.tail.take() {
            tail.abandon();
        }
        let mut file = self.file()?;
        fs::refuse_other_names(&file)?;
        file.set_len(0)?;
        file.rewind()?;
        self.written = 0;
        self.tail = Some(Tail::follow(file)?);
        Ok(())
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(lock) = &self.lock else { return Err(self.failed("write")(committed())) };
        let mut file = lock.file();
        file.write_all(bytes).map_err(Error::io("write", lock.path()))?;
        self.written += bytes.len() as u64;
        if let Some(tail) = &mut self.tail {
            tail.written(self.written);
        }
        Ok(())
    }

    /// Shows those who wait for this partial that somebody is at it, though no byte comes.
    pub(crate) fn stamp(&self) {
        if let Some(lock) = &self.lock {
            // Who does not see it gives up a little early.
            let _ = fs::touch(lock.file(), time::now());
        }
    }

    /// The digest and size of what was written.
    pub(crate) fn finish(&mut self) -> Result<Received> {
        let finished = self.tail.take().ok_or_else(committed).and_then(|tail| tail.finish(self.written));
        Ok(Received { digest: finished.map_err(self.failed("hash"))?, size: self.written })
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
        if let Some(folder) = self.target.parent() {
            for made in fs::create_folders(folder)? {
                fs::sync_folder(&made)?;
            }
        }
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
            file.rewind().map(|()| file)
        };
        rewound().map_err(self.failed("read"))
    }

    /// Removes it: its bytes are of no more use.
    pub(crate) fn discard(mut self) -> Result<()> {
        if let Some(tail) = self.tail.take() {
            tail.abandon();
        }
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
        if let Some(tail) = self.tail.take() {
            tail.abandon();
        }
        let Some(lock) = self.lock.take() else { return };
        let is_empty = !lock.file().metadata().is_ok_and(|metadata| metadata.len() > 0);
        if is_empty || self.keep != Keep::Yes {
            // What is left of it is found by the next one who fills it.
            let _ = (Origin::remove(lock.path()), lock.remove());
        }
    }
}
