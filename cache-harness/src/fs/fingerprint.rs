//! What lies at a path, and what proves that it is unchanged.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What proves that a file's bytes are those that were hashed: any write through the file system
/// changes it. `ctime` cannot be set by a program, so size and mtime put back do not hide a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) size: u64,
    pub(crate) mtime: (i64, i64),
    pub(crate) ctime: (i64, i64),
}

impl Fingerprint {
    fn of(metadata: &Metadata) -> Self {
        Self {
            dev: metadata.dev(),
            ino: metadata.ino(),
            size: metadata.size(),
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
            ctime: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether both are of one file, changed or not.
    pub(crate) fn same_file(&self, other: &Self) -> bool {
        (self.dev, self.ino) == (other.dev, other.ino)
    }
}

impl Fingerprint {
    /// Whether both are of one file whose bytes nobody changed openly; links may have come or gone.
    pub(crate) fn same_content(&self, other: &Self) -> bool {
        self.same_file(other) && self.size == other.size && self.mtime == other.mtime
    }

    /// Whether both are equal but for the device, whose number can change when a disk is mounted again.
    pub(crate) fn same_but_for_device(&self, other: &Self) -> bool {
        *self == Self { dev: self.dev, ..*other }
    }
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    File(Fingerprint),
    Symlink(Fingerprint),
    Other,
}

/// Looks at `path` itself, not through a symbolic link.
pub(crate) fn look(path: &Path) -> Result<Found> {
    found(fs::symlink_metadata(path)).map_err(Error::io("look at", path))
}

/// Looks at what `path` leads to; a dangling link leads to nothing.
pub(crate) fn look_through(path: &Path) -> Result<Found> {
    found(fs::metadata(path)).map_err(Error::io("look at", path))
}

fn found(metadata: io::Result<Metadata>) -> io::Result<Found> {
    match metadata {
        Ok(metadata) if metadata.is_file() => Ok(Found::File(Fingerprint::of(&metadata))),
        Ok(metadata) if metadata.is_symlink() => Ok(Found::Symlink(Fingerprint::of(&metadata))),
        Ok(_) => Ok(Found::Other),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Found::Nothing),
        // A loop of symbolic links leads nowhere.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Ok(Found::Nothing),
        Err(error) => Err(error),
    }
}

/// The fingerprint of an open file.
pub(crate) fn fingerprint(file: &File) -> io::Result<Fingerprint> {
    file.metadata().map(|metadata| Fingerprint::of(&metadata))
}

/// Whether an open file still has a name in some folder.
pub(crate) fn has_a_name(file: &File) -> io::Result<bool> {
    file.metadata().map(|metadata| metadata.nlink() > 0)
}

/// Refuses to write to an open file that has another name: whoever gave it that, say in an archive, means the other.
pub(crate) fn refuse_other_names(file: &File) -> io::Result<()> {
    match file.metadata()?.nlink() {
        0 | 1 => Ok(()),
        _ => Err(io::Error::other("it has another name, whose file would be written as well: remove it")),
    }
}

/// Whether an open file is this user's own and nobody may write to it, as if it were a blob of ours.
pub(crate) fn belongs_to_us_read_only(file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    Ok(metadata.mode() & 0o222 == 0 && metadata.uid() == rustix::process::geteuid().as_raw())
}

/// When what lies at `path` was made, in seconds and nanoseconds, where the file system knows.
pub(crate) fn born(path: &Path) -> Option<(i64, i64)> {
    let created = fs::symlink_metadata(path).ok()?.created().ok()?;
    let since = created.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some((i64::try_from(since.as_secs()).ok()?, i64::from(since.subsec_nanos())))
}

/// Where a folder really is, or will be once it is made: through all symbolic links.
pub(crate) fn real_folder(path: &Path) -> PathBuf {
    let known = path.ancestors().find_map(|ancestor| Some((ancestor, ancestor.canonicalize().ok()?)));
    let Some((ancestor, real)) = known else { return path.to_owned() };
    path.strip_prefix(ancestor)
        .map_or(real.clone(), |rest| if rest.as_os_str().is_empty() { real } else { real.join(rest) })
}
