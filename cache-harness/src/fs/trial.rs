//! What a folder allows, found out without leaving a trace: by asking the system, and by small files that are gone
//! again.
#![expect(clippy::disallowed_methods, reason = "this module is part of the door to the disk")]

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags};

use super::{LinkMode, Placing, Source, TEMPORARY, bare, place};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};

/// Who may do what with a folder.
#[derive(Debug)]
pub(crate) struct Permission {
    /// Whether this process may make files in it; if not, why.
    pub(crate) writable: io::Result<()>,
    /// Whether another user than this process's owns it, and this one's is not root.
    pub(crate) is_foreign: bool,
    /// The permission bits.
    pub(crate) mode: u32,
    /// Whether its file system is mounted read-only.
    pub(crate) is_on_read_only: bool,
}

impl Permission {
    /// Whether only the owner of a file may remove or replace it there.
    pub(crate) fn is_sticky(&self) -> bool {
        self.mode & 0o1000 != 0
    }

    /// Whether anybody may put, replace and remove files there.
    pub(crate) fn is_for_everybody(&self) -> bool {
        self.mode & 0o1002 == 0o002
    }
}

/// What this process may do in the folder at `path`.
///
/// # Errors
///
/// Nothing is there, it cannot be looked at, or it is no folder.
pub(crate) fn permission(path: &Path) -> io::Result<Permission> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let mine = rustix::process::geteuid().as_raw();
    let writable = rustix::fs::accessat(CWD, path, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
    Ok(Permission {
        writable: writable.map_err(Into::into),
        is_foreign: mine != 0 && metadata.uid() != mine,
        mode: metadata.mode() & 0o7777,
        is_on_read_only: rustix::fs::statvfs(path).is_ok_and(|facts| facts.f_flag.contains(StatVfsMountFlags::RDONLY)),
    })
}

/// `path`, or the nearest above it at which something stands.
pub(crate) fn nearest(path: &Path) -> PathBuf {
    let there = path.ancestors().find(|path| path.symlink_metadata().is_ok());
    there.unwrap_or(Path::new("/")).to_owned()
}

/// The ways in which a file of the folder `from` can come into the folder `to`, best first, each of them really tried.
///
/// # Errors
///
/// One of the folders cannot be written to.
pub(crate) fn link_modes(from: &Path, to: &Path) -> Result<Vec<LinkMode>> {
    let folder = |parent: &Path| {
        let made = tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(parent).map_err(bare);
        made.map_err(Error::io("create a folder in", parent))
    };
    let (source_folder, target_folder) = (folder(from)?, folder(to)?);
    let (content, path) = (b"cache-harness doctor", source_folder.path().join("source"));
    fs::write(&path, content).map_err(Error::io("write", &path))?;
    // As a blob is.
    fs::set_permissions(&path, Permissions::from_mode(0o444)).map_err(Error::io("write", &path))?;
    let digest = Sha256Digest::of(content);
    let source = Source { path: &path, digest: &digest, tag: TEMPORARY, stamp: None };
    let works = |mode: &LinkMode| {
        let target = target_folder.path().join("target");
        let placed = place(source, &target, &[*mode], Placing::New);
        let same = fs::read(&target).is_ok_and(|read| read == content);
        let removed = super::remove_file(&target);
        placed.is_ok() && same && removed.is_ok()
    };
    let ladder = [LinkMode::Reflink, LinkMode::Hardlink, LinkMode::Symlink, LinkMode::Copy];
    Ok(ladder.into_iter().filter(works).collect())
}
