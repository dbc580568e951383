//! The only door to the disk: durable writes, the ladder of links, removal, fingerprints.
//!
//! Nothing here writes through what lies at a path: a file appears by a link or rename of a finished
//! one, or is created exclusively. Errors name their path.
#![expect(clippy::disallowed_methods, reason = "this module is the door")]

mod fingerprint;
mod place;
mod search;
#[cfg(feature = "cli")]
mod trial;
#[cfg(feature = "cli")]
mod walk;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use rustix::fs::OFlags;

pub(crate) use fingerprint::{
    Fingerprint, Found, belongs_to_us_read_only, born, fingerprint, has_a_name, look, look_through, real_folder,
    refuse_other_names,
};
pub use place::LinkMode;
pub(crate) use place::{Placing, Source, has_no_symlinks, is_about_links, place, place_symlink, place_text};
pub(crate) use search::{Limits, Search, Sighted, Unseen, digest_of, steady_digest};
#[cfg(feature = "cli")]
pub(crate) use search::{WORK, Works};
#[cfg(feature = "cli")]
pub(crate) use trial::{Permission, link_modes, nearest, permission};
#[cfg(feature = "cli")]
pub(crate) use walk::Walk;

/// Who may use what is created here, whatever the umask: nobody but the user and the group writes to it.
const FOLDER_MODE: u32 = 0o775;
const FILE_MODE: u32 = 0o664;

/// Begins the name of a file that is not yet what it is to be.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// The bytes that a path takes on its disk, and the inode that takes them; `None` if nothing is there.
pub(crate) fn disk_usage(path: &Path) -> Option<((u64, u64), u64)> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some(((metadata.dev(), metadata.ino()), metadata.blocks() * 512))
}

/// The device that `path`, or its nearest existing ancestor, is on.
pub(crate) fn device(path: &Path) -> Option<u64> {
    path.ancestors().find_map(|path| fs::metadata(path).ok()).map(|metadata| metadata.dev())
}

/// Bytes that a program may still write to the disk of `path` or its nearest existing ancestor.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    let statvfs = path.ancestors().find_map(|path| rustix::fs::statvfs(path).ok())?;
    Some(statvfs.f_bavail.saturating_mul(statvfs.f_frsize))
}

/// Opens a file to read, not following a symbolic link in its last part.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(nofollow() | nonblocking()).open(path)
}

/// Opens a file to read, following symbolic links: a consumer's own layout may use them.
pub(crate) fn open_through(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(nonblocking()).open(path)
}

/// Whether the file that `path` leads to has this digest, by hashing it.
pub(crate) fn has_digest(path: &Path, digest: &Sha256Digest) -> io::Result<bool> {
    let (actual, _) = Sha256Digest::of_reader(open_through(path)?)?;
    Ok(actual == *digest)
}

/// Opens or creates a file to read and write, neither truncating nor following a symbolic link.
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .custom_flags(nofollow())
        .open(path)
}

/// Creates a file whose every write goes to its end.
pub(crate) fn create_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).mode(FILE_MODE).open(path)
}

/// Appends to a file that somebody else made; it is made if there is none.
#[cfg(feature = "cli")]
pub(crate) fn append(path: &Path, text: &str) -> Result<()> {
    let opened = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path);
    opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(Error::io("append to", path))
}

/// Opening a pipe that somebody left there would wait for ever; files do not care.
fn nonblocking() -> i32 {
    OFlags::NONBLOCK.bits().cast_signed()
}

fn nofollow() -> i32 {
    OFlags::NOFOLLOW.bits().cast_signed()
}

/// The most bytes of a text file: that of a model of 100,000 files has a third of them.
pub(crate) const LONGEST_TEXT: u64 = 64 << 20;

/// Reads a small text file; `None` if there is none. One without an end, such as `/dev/zero`, is an error.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>> {
    let mut text = String::new();
    let opened = OpenOptions::new().read(true).custom_flags(nonblocking()).open(path);
    match opened.and_then(|file| file.take(LONGEST_TEXT + 1).read_to_string(&mut text)) {
        Ok(count) if count as u64 > LONGEST_TEXT => {
            let source = std::io::Error::other(format!("it has more than {LONGEST_TEXT} bytes"));
            Err(Error::Io { action: "read", path: path.to_owned(), source })
        }
        Ok(_) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(Error::Io { action: "read", path: path.to_owned(), source }),
    }
}

/// The folders that [`create_folders`] would create, topmost first.
pub(crate) fn missing_folders(path: &Path) -> Vec<PathBuf> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.is_dir();
    let mut missing: Vec<_> = path.ancestors().take_while(is_missing).map(Path::to_owned).collect();
    missing.reverse();
    missing
}

/// Creates a folder and those above it; returns the ones that were not there, topmost first.
pub(crate) fn create_folders(path: &Path) -> Result<Vec<PathBuf>> {
    let missing = missing_folders(path);
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(Error::io("create the folder", path))?;
    Ok(missing)
}

/// Creates a folder that must not be there yet.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(FOLDER_MODE).create(path)
}

/// A folder for what is there only as long as the returned guard.
pub(crate) fn temporary_folder(prefix: &str) -> Result<tempfile::TempDir> {
    let parent = std::env::temp_dir();
    let made = tempfile::Builder::new().prefix(prefix).tempdir_in(&parent).map_err(bare);
    made.map_err(Error::io("create a folder in", parent))
}

/// A folder of this user alone among the system's temporary files; it stays.
///
/// # Errors
///
/// If somebody else made it, or may write to it.
pub(crate) fn private_folder(name: &str) -> Result<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let path = std::env::temp_dir().join(format!("{name}-{user}"));
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(Error::io("create the folder", &path)(error));
        }
        _ => {}
    }
    let metadata = fs::symlink_metadata(&path).map_err(Error::io("look at", &path))?;
    if !metadata.is_dir() || metadata.uid() != user || metadata.mode() & 0o077 != 0 {
        let source = io::Error::new(ErrorKind::PermissionDenied, "it belongs to somebody else, or others may use it");
        return Err(Error::Io { action: "use the folder", path, source });
    }
    Ok(path)
}

/// Replaces the file at `path` by one with `content`: whoever reads sees the old or the new, also after
/// a power cut. A symbolic link at `path` is replaced, not followed.
pub(crate) fn write_durable(path: &Path, content: &[u8]) -> Result<()> {
    write_temporary(path, TEMPORARY, content)?.persist(path).map_err(|error| Error::io("write", path)(error.error))?;
    sync_folder(path)
}

/// Like [`write_durable`], but fails with [`ErrorKind::AlreadyExists`] if something is at `path`.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<()> {
    place_text(content, (TEMPORARY, None), path, Placing::New)?;
    sync_folder(path)
}

/// Replaces the file at `path` without waiting for the disk: whoever reads sees the old or the new, but after a power
/// cut perhaps neither.
pub(crate) fn write_swiftly(path: &Path, content: &[u8]) -> Result<()> {
    let file = unsynced_temporary(path, TEMPORARY, content).map_err(Error::io("write", path))?;
    file.persist(path).map(drop).map_err(|error| Error::io("write", path)(error.error))
}

fn write_temporary(path: &Path, tag: &str, content: &[u8]) -> Result<tempfile::NamedTempFile> {
    let synced = unsynced_temporary(path, tag, content).and_then(|file| file.as_file().sync_all().map(|()| file));
    synced.map_err(Error::io("write", path))
}

fn unsynced_temporary(path: &Path, tag: &str, content: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut file = temporary_beside(path, tag)?;
    file.as_file_mut().write_all(content)?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    Ok(file)
}

/// A new file in the folder of `path`, gone when it is dropped.
pub(crate) fn temporary_beside(path: &Path, tag: &str) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(tag).tempfile_in(folder_of(path)).map_err(bare)
}

/// The error without the random name that tempfile adds to it: whoever reads it is told the path that was meant,
/// and the same trouble reads the same each time.
fn bare(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((cause, _)) => io::Error::new(error.kind(), cause),
        None => error,
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a new name in the folder of `path` survive a power cut.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network file systems cannot sync a folder.
        Err(error) if error.kind() != ErrorKind::InvalidInput => Err(Error::io("sync", folder)(error)),
        _ => Ok(()),
    }
}

/// Has the kernel begin to write a range to the disk, so that a later sync finds little left to wait for.
///
/// Linux starts the write before it drops pages, and drops only clean ones: few, of a range that was just written.
pub(crate) fn start_writing(file: &File, start: u64, bytes: u64) {
    // A hint: where it is not understood, the sync does all the work.
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(file, start, std::num::NonZeroU64::new(bytes), rustix::fs::Advice::DontNeed);
    #[cfg(not(target_os = "linux"))]
    let _ = (file, start, bytes);
}

/// Makes a file read-only for everybody.
pub(crate) fn make_read_only(file: &File) -> io::Result<()> {
    file.set_permissions(fs::Permissions::from_mode(0o444))
}

/// Stamps a file as modified at `moment`.
pub(crate) fn touch(file: &File, moment: SystemTime) -> io::Result<()> {
    file.set_modified(moment)
}

/// When the file at `path` was modified.
pub(crate) fn modified(path: &Path) -> Option<SystemTime> {
    fs::symlink_metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// What the symbolic link at `path` says.
pub(crate) fn read_symlink(path: &Path) -> Option<PathBuf> {
    fs::read_link(path).ok()
}

/// Renames a file or folder; what is at `target` is replaced if it is a file.
pub(crate) fn rename(source: &Path, target: &Path) -> Result<()> {
    fs::rename(source, target).map_err(Error::io("rename", source))
}

/// Removes a file or symbolic link; none there is fine.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes whatever lies at `path`; nothing there is fine.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match look(path)? {
        Found::Other if path.is_dir() => remove_folder(path),
        _ => remove_file(path),
    }
}

/// Removes a folder if it is empty.
pub(crate) fn remove_empty_folder(path: &Path) {
    // Not empty, or gone: both are what was asked for.
    let _ = fs::remove_dir(path);
}

/// Removes a folder with all that is in it; none there is fine.
pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The paths in a folder, sorted; none if there is no such folder.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", folder)(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => paths.push(entry.path()),
            Err(error) => return Err(Error::io("list", folder)(error)),
        }
    }
    paths.sort();
    Ok(paths)
}

/// The files, symbolic links and folders below `folder`, without following links.
pub(crate) fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        // A folder that vanishes meanwhile holds nothing.
        for path in list(&folder).unwrap_or_default() {
            if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
                open.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}
