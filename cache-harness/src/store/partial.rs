//! A blob in the making: its lock, its bytes so far, and the only way to a published blob.

use std::io::{self, Seek as _, Write as _};
use std::path::PathBuf;

use super::tail::Tail;
use super::{Memo, Store};
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

/// A blob that this process alone is filling. Dropped before [`commit`](Self::commit), it is removed.
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
        Ok(Slot::Vacant(Partial { lock: Some(lock), digest: *digest, size, limit, target, written: 0, tail: None }))
    }

    /// A partial for what `url` will send, when nobody knows its digest yet: until [`Partial::publish`] it is named
    /// by the digest of the address, so that two processes do not fetch the same at once.
    #[cfg(feature = "cli")]
    pub(crate) fn draft(&self, url: &str, limit: u64, waiting: &Waiting<'_>) -> Result<Partial> {
        let digest = Sha256Digest::of(url.as_bytes());
        let lock = ExclusiveLock::acquire(&self.partial(&digest), waiting)?;
        let target = self.blob(&digest);
        Ok(Partial { lock: Some(lock), digest, size: None, limit, target, written: 0, tail: None })
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
    /// [`Error::DigestMismatch`] if it is not; the partial is then removed.
    pub(crate) fn commit(mut self, received: Received) -> Result<Memo> {
        if received.digest != self.digest {
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
        if let Some(lock) = self.lock.take() {
            // What is left of it is emptied by the next one who fills it.
            let _ = lock.remove();
        }
    }
}
