//! A model whose files come out of an archive: fetched as one file, and unpacked while it comes into the blobs that lack.
//!
//! ```text
//! fetch ─ hash ─┬─ the pinned digest: done once everything is out, else (or if that failed) unpacked once more
//!    └─ unpack ─┘  another: its bytes are dropped; what came out has its own pinned digest, so it stays
//! ```
//! So an error about what is in an archive is one about the pinned bytes. A zip says at its end what is in it, and is
//! unpacked then.
//!
//! The archive is a partial like any other: resumed, retried, taken over from a killed process. It never becomes a
//! blob; it goes once every blob that lacked is there. So a kill leaves the archive, and blobs that are right: who
//! comes next asks for nothing twice. Where another model has the same archive as its own file, that blob is read.

mod reading;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Seek};
use std::sync::mpsc::{self, RecvTimeoutError};

use reading::{Arriving, Output, SIGN_OF_LIFE, Verified};

use crate::cache::Inner;
use crate::catalog;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fetch::{Effort, Job, Source};
use crate::fill::{Arrived, proven, waiting};
use crate::fs;
use crate::lock::Waiting;
use crate::model::FilePath;
use crate::pins::PinnedFile;
use crate::prepared::Prepared;
use crate::store::{Following, Memo, Partial, Received, Slot, Store};
use crate::unpack::Archive;

/// Fetches the archive of a model and publishes those of its files that lack in `store`.
pub(crate) fn fetch<'a>(
    inner: &Inner,
    prepared: &Prepared,
    store: &Store,
    archive: &PinnedFile,
    lacking: impl IntoIterator<Item = &'a PinnedFile>,
) -> Arrived {
    let patterns = match &prepared.declared.source {
        catalog::Source::Archive { files, .. } => files.as_slice(),
        _ => &[],
    };
    let limit = inner.config.max_size.value.0;
    let wanted = lacking.into_iter().map(|file| (&file.path, file)).collect();
    let mut effort = Effort::default();
    let memos = Archive::new(&archive.path, patterns, limit).and_then(|unpacking| {
        let mut filling = Filling { inner, prepared, store, archive, unpacking, wanted, memos: Vec::new() };
        filling.fetch(&mut effort).map(|()| filling.memos)
    });
    Arrived { memos, effort }
}

struct Filling<'a> {
    inner: &'a Inner,
    prepared: &'a Prepared,
    store: &'a Store,
    archive: &'a PinnedFile,
    unpacking: Archive<'a>,
    /// The files that still lack.
    wanted: BTreeMap<&'a FilePath, &'a PinnedFile>,
    memos: Vec<(Sha256Digest, Memo)>,
}

/// How a file is taken out.
#[derive(Clone, Copy)]
enum Stage<'o> {
    /// From what is there of an archive that is still coming.
    Arriving(&'o Output),
    /// From the pinned bytes.
    Verified,
}

impl Filling<'_> {
    fn fetch(&mut self, effort: &mut Effort) -> Result<()> {
        loop {
            let partial = match self.slot(self.archive)? {
                Slot::Vacant(partial) => partial,
                Slot::Present if proven(self.inner, self.store, &self.archive.sha256)?.is_some() => {
                    let path = self.store.blob(&self.archive.sha256);
                    return self.unpack(fs::open(&path).map_err(Error::io("open", &path))?);
                }
                Slot::Present => continue,
            };
            // Another entry's process may have unpacked the same files meanwhile.
            self.leave_out_what_came()?;
            if self.wanted.is_empty() {
                return Ok(());
            }
            let partial = self.bring(partial, effort)?;
            return partial.discard();
        }
    }

    /// Fetches the archive and takes out of it what is wanted.
    fn bring(&mut self, partial: Partial, effort: &mut Effort) -> Result<Partial> {
        let (inner, archive) = (self.inner, self.archive);
        let sources = Source::of(&self.prepared.declared, &self.prepared.pins, archive, &inner.config);
        let (model, patience) = (self.prepared.name().as_str(), inner.config.patience.value);
        let job = Job { model, file: &archive.path, sources: &sources, patience };
        let following = if self.unpacking.is_stream() { Some(partial.follow()?) } else { None };
        let (ended, end) = mpsc::channel::<()>();
        let (partial, unpacked) = std::thread::scope(|scope| {
            let this = &mut *self;
            let thread = following.and_then(|following| {
                let along = move || {
                    let _ended = ended;
                    this.unpack_along(following)
                };
                let thread = std::thread::Builder::new().name("cache-harness unpacking".to_owned());
                // Where no more threads are to be had, it is unpacked afterwards.
                thread.spawn_scoped(scope, along).ok()
            });
            let brought = inner.fetcher.bring(job, partial, &inner.progress);
            *effort += brought.effort;
            // Without the partial nobody waits: what follows it fails.
            let (partial, _) = brought.partial?;
            let joined = thread.map(|thread| {
                while end.recv_timeout(SIGN_OF_LIFE) == Err(RecvTimeoutError::Timeout) {
                    partial.stamp();
                }
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            Ok((partial, joined.is_some_and(|unpacked| unpacked.is_ok())))
        })?;
        if !(unpacked && self.wanted.is_empty()) {
            self.unpack(Verified::new(&partial)?)?;
        }
        Ok(partial)
    }

    fn slot(&self, file: &PinnedFile) -> Result<Slot> {
        let limit = self.inner.config.max_size.value.0;
        waiting(self.inner, self.prepared, |waiting| self.store.slot(&file.sha256, file.size, limit, waiting))
    }

    fn slot_at_once(&self, file: &PinnedFile) -> Result<Slot> {
        self.store.slot(&file.sha256, file.size, self.inner.config.max_size.value.0, &Waiting::NOT_AT_ALL)
    }

    fn leave_out_what_came(&mut self) -> Result<()> {
        let here: Vec<_> =
            self.wanted.values().filter(|file| self.store.blob(&file.sha256).exists()).copied().collect();
        for file in here {
            if let Some(memo) = proven(self.inner, self.store, &file.sha256)? {
                self.memos.push((file.sha256, memo));
                self.wanted.remove(&file.path);
            }
        }
        Ok(())
    }

    /// Takes out what is wanted while the archive comes; an error counts only if it is one of the pinned bytes too.
    fn unpack_along(&mut self, following: Following) -> Result<()> {
        let unpacking = self.unpacking;
        let output = Output::default();
        let mut packed = Arriving { following, output: &output };
        unpacking
            .unpack_stream(&mut packed, &mut |path, content| self.take(&path, content, Stage::Arriving(&output)))?;
        packed.finish().map_err(|error| self.refused(error.to_string()))
    }

    fn unpack(&mut self, packed: impl Read + Seek) -> Result<()> {
        let unpacking = self.unpacking;
        unpacking.unpack(packed, &mut |path, content| self.take(&path, content, Stage::Verified))?;
        match self.wanted.first_key_value() {
            None => Ok(()),
            Some((path, _)) => Err(self.refused(format!("`{path}` is pinned, but not in it"))),
        }
    }

    fn take(&mut self, path: &FilePath, content: &mut dyn Read, stage: Stage<'_>) -> Result<()> {
        let Some(file) = self.wanted.get(path).copied() else { return Ok(()) };
        if let Some(memo) = self.publish(file, content, stage)? {
            self.memos.push((file.sha256, memo));
            self.wanted.remove(path);
        }
        Ok(())
    }

    /// Publishes a file as its blob, if it has the pinned bytes; `None` if it is to be looked at again later.
    fn publish(&self, file: &PinnedFile, content: &mut dyn Read, stage: Stage<'_>) -> Result<Option<Memo>> {
        loop {
            let slot = match stage {
                Stage::Verified => self.slot(file),
                // The archive comes whatever another process does with this file.
                Stage::Arriving(_) => self.slot_at_once(file),
            };
            match slot {
                Ok(Slot::Vacant(mut partial)) => {
                    if let Stage::Arriving(output) = stage {
                        output.begins(&partial);
                    }
                    let received = self.copy(file, content, &mut partial);
                    if let Stage::Arriving(output) = stage {
                        output.ends();
                    }
                    let error = match received {
                        Ok(received) if received.digest == file.sha256 => return partial.commit(received).map(Some),
                        Ok(received) => {
                            partial.mismatch(received, file.path.as_str(), &format!("`{}`", self.archive.path))
                        }
                        Err(error) => error,
                    };
                    // Nobody goes on from the middle of a file in an archive.
                    partial.discard()?;
                    return Err(error);
                }
                Ok(Slot::Present) => {
                    if let Some(memo) = proven(self.inner, self.store, &file.sha256)? {
                        return Ok(Some(memo));
                    }
                }
                Err(Error::Busy { .. }) if matches!(stage, Stage::Arriving(_)) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn copy(&self, file: &PinnedFile, content: &mut dyn Read, partial: &mut Partial) -> Result<Received> {
        partial.restart()?;
        let mut left = file.size.unwrap_or(u64::MAX);
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => return partial.finish(),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.unpacking.unreadable(&file.path, &error)),
            };
            left = left.checked_sub(count as u64).ok_or_else(|| {
                let pinned = file.size.unwrap_or_default();
                self.refused(format!("`{}` has more than the {pinned} bytes that are pinned", file.path))
            })?;
            partial.append(&buffer[..count])?;
        }
    }

    fn refused(&self, reason: String) -> Error {
        self.unpacking.refused(reason)
    }
}
