//! A blob from a file that somebody else has on this disk, without a copy where the disk can do without.
//!
//! 1. *Reflink*: a clone is hashed, not the file, so nobody changes it between the look and its use.
//! 2. *Hard link*, but only to a file that could as well be a blob of ours: in the read-only, content-addressed part
//!    of a cache (`…/<2 digits>/<64 digits>`, as `huggingface_hub` keeps what repositories share and another
//!    cache-harness its blobs), this user's own, and writable for nobody. Through a link to any other file its owner
//!    would write into the store, or a test into its owner's file; and as no layout has such a path, no restore takes
//!    the owner's name for one that we placed and may remove.
//! 3. *Copy*, hashed while it is made.
//!
//! The owner's file is only read: its bytes, mode and time stay (a hard link changes its link count). Whatever happens
//! to it afterwards, what is published has the pinned digest, and is as durable as a download.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use super::{Memo, Partial};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fs::{self, LinkMode, Placing};
use crate::time;

/// Whose file is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// A hard link to a blob that this store had, by a record of its own: it may be a blob again.
    Ours,
    Theirs,
}

/// What came of taking a file.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It is the blob now.
    Published { memo: Memo, mode: LinkMode },
    /// It is not the blob, or could not be read.
    Refused { partial: Partial, reason: String },
}

/// What became of one way of taking a file.
enum Attempt {
    Published(Memo),
    /// Another way may do.
    Impossible,
    Refused(String),
}

impl Partial {
    /// Publishes the bytes of the file at `source` as the blob, if they are what is pinned.
    ///
    /// # Errors
    ///
    /// What fails in the store. What is wrong with the file is no error.
    pub(crate) fn take(self, source: &Path, whose: Whose) -> Result<Taken> {
        let refused = |partial, reason: String| Ok(Taken::Refused { partial, reason });
        // A link cannot be linked or cloned: what it leads to is.
        let opened = source.canonicalize().and_then(|path| Ok((fs::open(&path)?, path)));
        let (file, path) = match opened {
            Ok(opened) => opened,
            Err(error) => return refused(self, error.to_string()),
        };
        match self.plausible(&file) {
            Ok(None) => {}
            Ok(Some(reason)) => return refused(self, reason),
            Err(error) => return refused(self, error.to_string()),
        }
        let mut modes = vec![LinkMode::Reflink];
        let is_ours = whose == Whose::Ours && path == source;
        if (is_ours || is_content_addressed(&path)) && fs::belongs_to_us_read_only(&file).unwrap_or(false) {
            modes.push(LinkMode::Hardlink);
        }
        for mode in modes {
            match self.link(&file, &path, mode)? {
                Attempt::Published(memo) => {
                    // What a download left of it is of no more use.
                    return self.discard().map(|()| Taken::Published { memo, mode });
                }
                Attempt::Refused(reason) => return refused(self, reason),
                Attempt::Impossible => {}
            }
        }
        self.copy(&file)
    }

    /// Why an open file cannot be the blob, as far as that shows without reading it.
    fn plausible(&self, file: &File) -> io::Result<Option<String>> {
        let metadata = file.metadata()?;
        let right_size = self.size.map_or(metadata.len() <= self.limit, |size| metadata.len() == size);
        Ok(match (metadata.is_file(), right_size) {
            (false, _) => Some("it is no regular file".to_owned()),
            (_, false) => Some(format!("it has {} bytes", metadata.len())),
            _ => None,
        })
    }

    /// Takes the file as a clone or as another name of it.
    fn link(&self, file: &File, path: &Path, mode: LinkMode) -> Result<Attempt> {
        // This partial's lock is this name's too.
        let temporary = self.path()?.with_file_name(format!("{}{}", fs::TEMPORARY, self.digest));
        fs::remove_file(&temporary)?;
        let source = fs::Source { path, digest: &self.digest, tag: fs::TEMPORARY, stamp: None };
        if fs::place(source, &temporary, &[mode], Placing::New).is_err() {
            return Ok(Attempt::Impossible);
        }
        let attempt = self.publish_link(file, &temporary, mode);
        if !matches!(attempt, Ok(Attempt::Published(_))) {
            fs::remove_file(&temporary)?;
        }
        attempt
    }

    fn publish_link(&self, file: &File, temporary: &Path, mode: LinkMode) -> Result<Attempt> {
        let hashed = || {
            let ours = fs::open(temporary)?;
            let (digest, fingerprint) = fs::steady_digest(&ours, || self.stamp())?;
            Ok((ours, digest, fingerprint, fs::fingerprint(file)?))
        };
        let (ours, digest, fingerprint, source) = match hashed() {
            Ok(hashed) => hashed,
            Err(error) => return Ok(Attempt::Refused(io::Error::to_string(&error))),
        };
        if digest != self.digest {
            return Ok(Attempt::Refused(other_digest(&digest)));
        }
        if mode == LinkMode::Hardlink && !fingerprint.same_file(&source) {
            return Ok(Attempt::Impossible);
        }
        self.make_folder()?;
        let durable = || {
            if mode == LinkMode::Reflink {
                fs::make_read_only(&ours)?;
            }
            ours.sync_all()
        };
        durable().map_err(Error::io("sync", temporary))?;
        fs::rename(temporary, &self.target)?;
        fs::sync_folder(&self.target)?;
        let fingerprint = fs::fingerprint(&ours).map_err(Error::io("look at", &self.target))?;
        let memo = Memo { fingerprint, hashed_at: time::unix_seconds(time::now()) };
        Ok(Attempt::Published(memo))
    }

    fn copy(mut self, mut file: &File) -> Result<Taken> {
        let refused = |partial, reason: String| Ok(Taken::Refused { partial, reason });
        // What a download left is worth more than a file with other bytes.
        if self.there()?.total() > 0 {
            match fs::steady_digest(file, || self.stamp()) {
                Ok((digest, _)) if digest == self.digest => {}
                Ok((digest, _)) => return refused(self, other_digest(&digest)),
                Err(error) => return refused(self, error.to_string()),
            }
        }
        if let Err(error) = io::Seek::rewind(&mut file) {
            return refused(self, error.to_string());
        }
        self.restart()?;
        let mut left = self.limit;
        let mut buffer = vec![0; 256 * 1024];
        let wrong = loop {
            match file.read(&mut buffer) {
                Ok(0) => break None,
                Ok(count) if count as u64 > left => break Some("it grew while it was read".to_owned()),
                Ok(count) => {
                    left -= count as u64;
                    self.append(&buffer[..count])?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Some(error.to_string()),
            }
        };
        let received = self.finish()?;
        match wrong {
            None if received.digest == self.digest => {
                let memo = self.commit(received)?;
                Ok(Taken::Published { memo, mode: LinkMode::Copy })
            }
            wrong => {
                self.restart()?;
                refused(self, wrong.unwrap_or_else(|| other_digest(&received.digest)))
            }
        }
    }
}

fn other_digest(digest: &Sha256Digest) -> String {
    format!("its sha256 is {digest}")
}

/// Whether a file lies where its cache only ever adds and removes whole files named by what is in them.
fn is_content_addressed(path: &Path) -> bool {
    let text = |path: Option<&Path>| path.and_then(|path| path.file_name()?.to_str()).map(str::to_owned);
    let (Some(name), Some(folder)) = (text(Some(path)), text(path.parent())) else { return false };
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    name.len() == 64 && folder.len() == 2 && name.bytes().all(is_digit) && name.starts_with(&folder)
}
