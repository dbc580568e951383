//! The only door to the disk: durable writes, the ladder of links, removal, fingerprints.
//!
//! Nothing here writes through what lies at a path: a file appears by a link or rename of a finished
//! one, or is created exclusively. Errors name their path.
#![expect(clippy::disallowed_methods, reason = "this module is the door")]

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::digest::{Hashing, Sha256Digest};
use crate::error::{Error, Result};

/// Begins the name of a file that is not yet what it is to be.
pub(crate) const TEMPORARY: &str = ".tmp-";

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
    OpenOptions::new().read(true).custom_flags(nofollow()).open(path)
}

/// Opens a file to read, following symbolic links: a consumer's own layout may use them.
pub(crate) fn open_through(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Whether the file that `path` leads to has this digest, by hashing it.
pub(crate) fn has_digest(path: &Path, digest: &Sha256Digest) -> io::Result<bool> {
    let (actual, _) = Sha256Digest::of_reader(open_through(path)?)?;
    Ok(actual == *digest)
}

/// Opens or creates a file to read and write, neither truncating nor following a symbolic link.
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).custom_flags(nofollow()).open(path)
}

/// Creates a file whose every write goes to its end.
pub(crate) fn create_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).open(path)
}

fn nofollow() -> i32 {
    OFlags::NOFOLLOW.bits().cast_signed()
}

/// Reads a small text file; `None` if there is none.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>> {
    let mut text = String::new();
    match File::open(path).and_then(|mut file| file.read_to_string(&mut text)) {
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
    fs::create_dir_all(path).map_err(Error::io("create the folder", path))?;
    Ok(missing)
}

/// Creates a folder that must not be there yet.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// A folder for what is there only as long as the returned guard.
pub(crate) fn temporary_folder(prefix: &str) -> Result<tempfile::TempDir> {
    let parent = std::env::temp_dir();
    tempfile::Builder::new().prefix(prefix).tempdir_in(&parent).map_err(Error::io("create a folder in", parent))
}

/// A folder of this user alone among the system's temporary files; it stays.
///
/// # Errors
///
/// If somebody else made it, or may write to it.
pub(crate) fn private_folder(name: &str) -> Result<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let path = std::env::temp_dir().join(format!("{name}-{user}"));
    match fs::DirBuilder::new().mode(0o700).create(&path) {
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
    place_text(content, TEMPORARY, path, Placing::New)?;
    sync_folder(path)
}

/// Puts a small file at `path`, whole or not at all. Its temporary file's name begins with `tag`.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`] if the file must be new and is not.
pub(crate) fn place_text(content: &[u8], tag: &str, path: &Path, placing: Placing) -> Result<()> {
    let temporary = write_temporary(path, tag, content)?.into_temp_path();
    persist(temporary, path, placing).map_err(Error::io("write", path))
}

fn write_temporary(path: &Path, tag: &str, content: &[u8]) -> Result<tempfile::NamedTempFile> {
    let write = || {
        let mut file = temporary_beside(path, tag)?;
        file.write_all(content)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    write().map_err(Error::io("write", path))
}

fn temporary_beside(path: &Path, tag: &str) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(tag).tempfile_in(folder_of(path))
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
            File::open(&temporary)?.set_permissions(fs::Permissions::from_mode(0o644))?;
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
            temporary.as_file().sync_all()?;
            persist(temporary.into_temp_path(), target, placing)
        }
    }
}

fn persist(temporary: tempfile::TempPath, target: &Path, placing: Placing) -> io::Result<()> {
    match placing {
        Placing::New => temporary.persist_noclobber(target).map_err(|error| error.error),
        Placing::Replace => temporary.persist(target).map_err(|error| error.error),
    }
}

/// A symbolic link at `target` that says `text.path`, whatever that leads to.
pub(crate) fn place_symlink(text: Source<'_>, target: &Path, placing: Placing) -> Result<()> {
    place_by(LinkMode::Symlink, text, target, placing).map_err(Error::io("put a symbolic link at", target))
}

/// What the symbolic link at `path` says.
pub(crate) fn read_symlink(path: &Path) -> Option<PathBuf> {
    fs::read_link(path).ok()
}

/// A name beside `target` that no other process or thread chooses.
fn unique_beside(target: &Path, tag: &str) -> PathBuf {
    static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    target.with_file_name(format!("{tag}{}-{count}", std::process::id()))
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
        Found::Other => remove_folder(path),
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
