//! Putting a finished file at a path: the ladder of links, each step whole or not at all.
#![expect(clippy::disallowed_methods, reason = "this module is part of the door to the disk")]

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{open, temporary_beside, write_temporary};
use crate::digest::{Hashing, Sha256Digest};
use crate::error::{Error, Result};
use crate::suggestion::listed;

/// How a file came to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LinkMode {
    /// Shares blocks until one side is written; an own inode.
    Reflink,
    /// Another name of the same inode.
    Hardlink,
    /// A symbolic link.
    Symlink,
    /// An own file with the same bytes.
    Copy,
}

impl LinkMode {
    /// The mode as it is written in `cache-harness.toml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reflink => "reflink",
            Self::Hardlink => "hardlink",
            Self::Symlink => "symlink",
            Self::Copy => "copy",
        }
    }
}

impl FromStr for LinkMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let modes = [Self::Copy, Self::Hardlink, Self::Reflink, Self::Symlink];
        modes.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
            let known = listed(modes.map(Self::as_str));
            format!("expected one of {known}, found `{}`", text.escape_debug())
        })
    }
}

/// Whether a placed file must be new or may take the place of what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placing {
    New,
    Replace,
}

/// A file to be put somewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a Path,
    pub(crate) digest: &'a Sha256Digest,
    /// Begins the name of every temporary file, so that its owner knows what a killed process left.
    pub(crate) tag: &'a str,
    /// The mtime of a file of its own.
    pub(crate) stamp: Option<SystemTime>,
}

/// Puts the bytes of `source` at `target` by the first link mode of `ladder` that works.
///
/// The target appears whole or not at all. A copy is hashed while it is made.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`] if the target must be new and is not; otherwise what the last mode failed with.
pub(crate) fn place(source: Source<'_>, target: &Path, ladder: &[LinkMode], placing: Placing) -> Result<LinkMode> {
    let mut last = None;
    for mode in ladder {
        match place_by(*mode, source, target, placing) {
            Ok(()) => return Ok(*mode),
            Err(error) if error.kind() == ErrorKind::AlreadyExists || is_final(&error) => {
                return Err(Error::io("put a file at", target)(error));
            }
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| ErrorKind::Unsupported.into());
    Err(Error::io("put a file at", target)(error))
}

fn is_final(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::NotFound)
}

fn place_by(mode: LinkMode, source: Source<'_>, target: &Path, placing: Placing) -> io::Result<()> {
    match (mode, placing) {
        (LinkMode::Hardlink, Placing::New) => fs::hard_link(source.path, target),
        (LinkMode::Symlink, Placing::New) => std::os::unix::fs::symlink(source.path, target),
        (LinkMode::Hardlink | LinkMode::Symlink, Placing::Replace) => {
            let beside = unique_beside(target, source.tag);
            place_by(mode, source, &beside, Placing::New)?;
            fs::rename(&beside, target).inspect_err(|_| drop(fs::remove_file(&beside)))
        }
        (LinkMode::Reflink, _) => {
            let beside = unique_beside(target, source.tag);
            reflink_copy::reflink(source.path, &beside)?;
            let temporary = tempfile::TempPath::try_from_path(&beside)?;
            let file = File::open(&temporary)?;
            file.set_permissions(fs::Permissions::from_mode(0o644))?;
            stamped(&file, source.stamp)?;
            persist(temporary, target, placing)
        }
        (LinkMode::Copy, _) => {
            let mut temporary = temporary_beside(target, source.tag)?;
            let mut hashing = Hashing::new(temporary.as_file_mut());
            io::copy(&mut open(source.path)?, &mut hashing)?;
            if hashing.finish().1 != *source.digest {
                return Err(io::Error::new(ErrorKind::InvalidData, "the source changed while it was copied"));
            }
            temporary.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
            stamped(temporary.as_file(), source.stamp)?;
            temporary.as_file().sync_all()?;
            persist(temporary.into_temp_path(), target, placing)
        }
    }
}

fn stamped(file: &File, stamp: Option<SystemTime>) -> io::Result<()> {
    stamp.map_or(Ok(()), |stamp| file.set_modified(stamp))
}

fn persist(temporary: tempfile::TempPath, target: &Path, placing: Placing) -> io::Result<()> {
    match placing {
        Placing::New => temporary.persist_noclobber(target).map_err(|error| error.error),
        Placing::Replace => temporary.persist(target).map_err(|error| error.error),
    }
}

/// Puts a small file at `path`, whole or not at all. Its temporary file's name begins with `tag`.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`] if the file must be new and is not.
pub(crate) fn place_text(
    content: &[u8],
    (tag, stamp): (&str, Option<SystemTime>),
    path: &Path,
    placing: Placing,
) -> Result<()> {
    let temporary = write_temporary(path, tag, content)?;
    stamped(temporary.as_file(), stamp).map_err(Error::io("write", path))?;
    persist(temporary.into_temp_path(), path, placing).map_err(Error::io("write", path))
}

/// A symbolic link at `target` that says `text.path`, whatever that leads to.
pub(crate) fn place_symlink(text: Source<'_>, target: &Path, placing: Placing) -> Result<()> {
    place_by(LinkMode::Symlink, text, target, placing).map_err(Error::io("put a symbolic link at", target))
}

/// Whether making a symbolic link failed because the file system has none.
pub(crate) fn has_no_symlinks(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied)
}

/// Whether a file could not be put somewhere because of the kind of link.
pub(crate) fn is_about_links(error: &io::Error) -> bool {
    let kinds =
        [ErrorKind::Unsupported, ErrorKind::CrossesDevices, ErrorKind::PermissionDenied, ErrorKind::TooManyLinks];
    kinds.contains(&error.kind()) || error.kind() == ErrorKind::InvalidInput
}

/// A name beside `target` that no other process or thread chooses.
fn unique_beside(target: &Path, tag: &str) -> PathBuf {
    static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    target.with_file_name(format!("{tag}{}-{count}", std::process::id()))
}
