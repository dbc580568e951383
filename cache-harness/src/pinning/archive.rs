//! Pinning what comes out of an archive, and the archive itself.
//!
//! The files go into the store as they come out, each under its digest, so that the first test need not fetch the
//! archive again.

use std::fs::File;
use std::io::{ErrorKind, Read};

use super::{Download, size};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fs;
use crate::lock::Waiting;
use crate::model::FilePath;
use crate::pattern::matches;
use crate::pins::PinnedFile;
use crate::store::{Checked, OnDamage, Partial, Proofs, Received, Slot, Store};
use crate::unpack::Archive;

/// An archive that was fetched. Its partial is kept locked while it is read.
struct Sent {
    file: File,
    received: Received,
    partial: Option<Partial>,
}

impl Download<'_> {
    /// The pins of the archive and of the files in it that `patterns` mean.
    pub(super) fn unpack(&self, patterns: &[String]) -> Result<(PinnedFile, Vec<PinnedFile>)> {
        let archive = Archive::new(self.path, patterns, self.limit())?;
        self.pinning.with_store(self.model(), |store| {
            let sent = match self.declared.sha256 {
                Some(sha256) => self.sent(store, sha256)?,
                None => self.sent_unknown(store)?,
            };
            let mut files = Vec::new();
            archive.unpack(sent.file, &mut |path, content| {
                files.push(self.take_out(store, &archive, &sent.received.digest, path, content)?);
                Ok(())
            })?;
            files.sort_by(|left, right| left.path.cmp(&right.path));
            let idle = |pattern: &&String| !files.iter().any(|file| matches(pattern, file.path.as_str()));
            if let Some(idle) = patterns.iter().find(idle) {
                return Err(archive.refused(format!(
                    "no file in it is meant by `{idle}`, which is compared with whole paths, as `*/{idle}` is"
                )));
            }
            if files.is_empty() {
                return Err(archive.refused("there is no file in it"));
            }
            sent.partial.map_or(Ok(()), Partial::discard)?;
            Ok((pinned(self.path.clone(), sent.received), files))
        })
    }

    fn sent_unknown(&self, store: &Store) -> Result<Sent> {
        let (draft, received) = self.bring_unknown(store)?;
        Ok(Sent { file: draft.reader()?, received, partial: Some(draft) })
    }

    fn sent(&self, store: &Store, sha256: Sha256Digest) -> Result<Sent> {
        let sources = self.sources(sha256);
        let moved = || size(&store.partial(&sha256));
        loop {
            match self.wait(&moved, |waiting| store.slot(&sha256, None, self.limit(), waiting))? {
                Slot::Vacant(partial) => {
                    self.refuse_offline()?;
                    let bring = || self.pinning.fetcher.bring(self.job(&sources), partial, self.progress());
                    let (partial, received) = self.progress().ticking(self.model(), bring).partial?;
                    return Ok(Sent { file: partial.reader()?, received, partial: Some(partial) });
                }
                // Another model has the archive as its own file.
                Slot::Present => {
                    let mut proofs = Proofs::new(store, self.pinning.config.rehash_after.value, OnDamage::Quarantine);
                    if let Checked::Proven(memo) = proofs.check(&sha256, None)? {
                        let path = store.blob(&sha256);
                        let file = fs::open(&path).map_err(Error::io("open", &path))?;
                        let received = Received { digest: sha256, size: memo.fingerprint.size };
                        return Ok(Sent { file, received, partial: None });
                    }
                }
            }
        }
    }

    /// Puts one file into the store.
    fn take_out(
        &self,
        store: &Store,
        archive: &Archive<'_>,
        sent: &Sha256Digest,
        path: FilePath,
        content: &mut dyn Read,
    ) -> Result<PinnedFile> {
        let mut draft = store.draft(&format!("{sent}/{path}"), None, self.limit(), &Waiting::BRIEF)?;
        let mut buffer = vec![0; 256 * 1024];
        let received = loop {
            match content.read(&mut buffer) {
                Ok(0) => break draft.finish()?,
                Ok(count) => draft.append(&buffer[..count])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(archive.unreadable(&path, &error)),
            }
        };
        draft.publish(received, store, &Waiting::BRIEF)?;
        Ok(pinned(path, received))
    }
}

fn pinned(path: FilePath, received: Received) -> PinnedFile {
    PinnedFile { path, size: Some(received.size), sha256: received.digest, etag: None }
}
