//! A model whose files come out of an archive: fetched as one file, verified, unpacked into the blobs that lack.
//!
//! The archive is a partial like any other: resumed, retried, taken over from a killed process. It never becomes a
//! blob; it goes once every blob that lacked is there. So a kill leaves the archive, and blobs that are right: who
//! comes next asks for nothing twice. Where another model has the same archive as its own file, that blob is read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use crate::cache::Inner;
use crate::catalog;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fetch::{Effort, Job, Source};
use crate::fill::{Arrived, proven, waiting};
use crate::fs;
use crate::model::FilePath;
use crate::pins::PinnedFile;
use crate::prepared::Prepared;
use crate::store::{Memo, Partial, Received, Slot, Store};
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
            let (inner, archive) = (self.inner, self.archive);
            let sources = Source::of(&self.prepared.declared, &self.prepared.pins, archive, &inner.config);
            let (model, patience) = (self.prepared.name().as_str(), inner.config.patience.value);
            let job = Job { model, file: &archive.path, sources: &sources, patience };
            let brought = inner.fetcher.bring(job, partial, &inner.progress);
            *effort += brought.effort;
            let (partial, _) = brought.partial?;
            self.unpack(Alive { file: partial.reader()?, partial: &partial, stamped: Instant::now() })?;
            return partial.discard();
        }
    }

    fn slot(&self, file: &PinnedFile) -> Result<Slot> {
        let limit = self.inner.config.max_size.value.0;
        waiting(self.inner, self.prepared, |waiting| self.store.slot(&file.sha256, file.size, limit, waiting))
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

    fn unpack(&mut self, packed: impl Read + Seek) -> Result<()> {
        let unpacking = self.unpacking;
        unpacking.unpack(packed, &mut |path, content| match self.wanted.remove(&path) {
            Some(file) => self.publish(file, content),
            None => Ok(()),
        })?;
        match self.wanted.first_key_value() {
            None => Ok(()),
            Some((path, _)) => Err(self.refused(format!("`{path}` is pinned, but not in it"))),
        }
    }

    /// Publishes a file as its blob, if it has the pinned bytes.
    fn publish(&mut self, file: &PinnedFile, content: &mut dyn Read) -> Result<()> {
        loop {
            match self.slot(file)? {
                Slot::Vacant(mut partial) => {
                    let received = self.copy(file, content, &mut partial);
                    let error = match received {
                        Ok(received) if received.digest == file.sha256 => {
                            self.memos.push((file.sha256, partial.commit(received)?));
                            return Ok(());
                        }
                        Ok(received) => {
                            partial.mismatch(received, file.path.as_str(), &format!("`{}`", self.archive.path))
                        }
                        Err(error) => error,
                    };
                    // Nobody goes on from the middle of a file in an archive.
                    partial.discard()?;
                    return Err(error);
                }
                Slot::Present => {
                    if let Some(memo) = proven(self.inner, self.store, &file.sha256)? {
                        self.memos.push((file.sha256, memo));
                        return Ok(());
                    }
                }
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

/// The archive while it is read: those who wait for it see that somebody is at it, also where nothing comes out.
struct Alive<'p> {
    file: File,
    partial: &'p Partial,
    stamped: Instant,
}

const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

impl Read for Alive<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stamped.elapsed() > SIGN_OF_LIFE {
            self.partial.stamp();
            self.stamped = Instant::now();
        }
        self.file.read(buffer)
    }
}

impl Seek for Alive<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}
