//! Whether a blob still has the bytes of its name: by fingerprint where one proves it, else by hashing.

use once_cell::unsync::OnceCell;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::{Memo, Store};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fs::{self, Fingerprint, Found};
use crate::time;

/// What became of looking at a blob.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Checked {
    /// The bytes are those of the digest.
    Proven(Memo),
    Missing,
    /// Other bytes lie there, or no file. The digest they have, if they were a file.
    Damaged(Option<Sha256Digest>),
}

/// What to do with a blob that is not right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDamage {
    Quarantine,
    /// It could not be fetched again, or was only asked about.
    Leave,
}

/// The memos of all entries, read when a fingerprint differs from the entry's own memo.
///
/// `link` and `unlink` change the ctime of the shared inode. Whoever linked a blob for another entry
/// recorded a memo of the new fingerprint there, and what one entry proved holds for all.
#[derive(Debug)]
pub(crate) struct Proofs<'a> {
    store: &'a Store,
    memos: OnceCell<HashMap<Sha256Digest, Vec<Memo>>>,
    /// A memo older than this proves nothing.
    max_age: Duration,
    on_damage: OnDamage,
    /// Bytes hashed so far.
    pub(crate) hashed: u64,
}

impl<'a> Proofs<'a> {
    pub(crate) fn new(store: &'a Store, max_age: Duration, on_damage: OnDamage) -> Self {
        Self { store, memos: OnceCell::new(), max_age, on_damage, hashed: 0 }
    }

    fn put_aside(&self, path: &Path) -> Result<()> {
        match self.on_damage {
            OnDamage::Quarantine => self.store.quarantine(path),
            OnDamage::Leave => Ok(()),
        }
    }

    /// Whether a memo may still stand in for hashing.
    pub(crate) fn holds(&self, memo: &Memo, fingerprint: &Fingerprint) -> bool {
        let hashed = time::from_unix_seconds(memo.hashed_at);
        memo.fingerprint == *fingerprint && time::age(hashed, time::now()) <= self.max_age && !self.max_age.is_zero()
    }

    fn elsewhere(&self, digest: &Sha256Digest, fingerprint: &Fingerprint) -> Result<Option<Memo>> {
        let memos = self.memos.get_or_try_init(|| self.store.memos())?;
        let of_digest = memos.get(digest).into_iter().flatten();
        Ok(of_digest.copied().find(|memo| self.holds(memo, fingerprint)))
    }

    /// Looks at the blob of a digest; what is not right is treated as [`OnDamage`] says.
    pub(crate) fn check(&mut self, of: &Sha256Digest, memo: Option<&Memo>) -> Result<Checked> {
        let path = self.store.blob(of);
        loop {
            let fingerprint = match fs::look(&path)? {
                Found::Nothing => return Ok(Checked::Missing),
                Found::File(fingerprint) => fingerprint,
                Found::Symlink(_) | Found::Other => {
                    self.put_aside(&path)?;
                    return Ok(Checked::Damaged(None));
                }
            };
            if let Some(memo) = memo.filter(|memo| self.holds(memo, &fingerprint)) {
                return Ok(Checked::Proven(*memo));
            }
            if !self.max_age.is_zero()
                && let Some(memo) = self.elsewhere(of, &fingerprint)?
            {
                return Ok(Checked::Proven(memo));
            }
            let opened = fs::open(&path).map_err(Error::io("open", &path))?;
            let (digest, bytes) = Sha256Digest::of_reader(&opened).map_err(Error::io("read", &path))?;
            self.hashed += bytes;
            if fs::fingerprint(&opened).map_err(Error::io("look at", &path))? != fingerprint {
                continue; // Written, linked or replaced while it was read.
            }
            if digest == *of {
                return Ok(Checked::Proven(Memo { fingerprint, hashed_at: time::unix_seconds(time::now()) }));
            }
            self.put_aside(&path)?;
            return Ok(Checked::Damaged(Some(digest)));
        }
    }
}

impl Store {
    fn memos(&self) -> Result<HashMap<Sha256Digest, Vec<Memo>>> {
        let mut memos: HashMap<_, Vec<_>> = HashMap::new();
        for (digest, memo) in self.entries()?.into_iter().flat_map(|(_, entry)| entry.memos) {
            memos.entry(digest).or_default().push(memo);
        }
        Ok(memos)
    }
}
