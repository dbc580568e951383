//! Looking through folders that are somebody else's: no link is followed, no folder is entered twice, depth and number
//! are bounded, and what could not be looked into is told instead of failing the search.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Fingerprint, Found, fingerprint, look, open};
use crate::digest::{Hasher, Sha256Digest};
use crate::error::{Error, Result};

/// What shows that a folder is somebody's work, not a cache.
pub(crate) const WORK: [&str; 5] = [".git", "Cargo.toml", "cache-harness.toml", "package.json", "pyproject.toml"];

/// How far a search goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Folders below the one where it begins.
    pub(crate) depth: usize,
    /// Names in all folders together.
    pub(crate) entries: usize,
}

impl Limits {
    /// Deeper than any cache, and as many names as a disk lists within seconds.
    pub(crate) const USUAL: Self = Self { depth: 32, entries: 1_000_000 };
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighted {
    pub(crate) path: PathBuf,
    pub(crate) fingerprint: Fingerprint,
}

/// What a search did not look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unseen {
    Unreadable { path: PathBuf, reason: String },
    TooDeep { path: PathBuf, depth: usize },
    TooMany { path: PathBuf, entries: usize },
    Work { path: PathBuf, mark: &'static str },
}

/// Whether folders are entered that are somebody's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Works {
    Entered,
    LeftOut,
}

impl fmt::Display for Unseen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, reason } => write!(formatter, "`{}` was left out: {reason}", path.display()),
            Self::TooDeep { path, depth } => {
                write!(formatter, "`{}` was left out: it is more than {depth} folders deep", path.display())
            }
            Self::TooMany { path, entries } => {
                write!(formatter, "the search ended in `{}`, after {entries} names", path.display())
            }
            Self::Work { path, mark } => {
                write!(formatter, "`{}` was left out: it is somebody's work, it holds `{mark}`", path.display())
            }
        }
    }
}

/// A search through some folders.
#[derive(Debug)]
pub(crate) struct Search {
    limits: Limits,
    /// A folder with all below it that is not entered.
    left_out: Option<PathBuf>,
    works: Works,
    entered: HashSet<(u64, u64)>,
    entries: usize,
    /// Regular files, each path once.
    pub(crate) files: Vec<Sighted>,
    pub(crate) symlinks: Vec<PathBuf>,
    pub(crate) unseen: Vec<Unseen>,
}

impl Search {
    pub(crate) fn new(limits: Limits, left_out: Option<PathBuf>) -> Self {
        let (files, symlinks, unseen) = <(Vec<_>, Vec<_>, Vec<_>)>::default();
        let works = Works::Entered;
        Self { limits, left_out, works, entered: HashSet::new(), entries: 0, files, symlinks, unseen }
    }

    /// The same search that enters such folders or not.
    #[cfg(feature = "cli")]
    pub(crate) fn with(self, works: Works) -> Self {
        Self { works, ..self }
    }

    /// Looks through `start`, a folder or a single file; nothing there is fine.
    pub(crate) fn through(&mut self, start: &Path) {
        // What leads to it may be links: whoever named it meant what it leads to.
        let Ok(start) = start.canonicalize() else { return };
        let mut open = vec![(start, 0)];
        while let Some((path, depth)) = open.pop() {
            match look(&path) {
                Ok(Found::File(fingerprint)) => self.files.push(Sighted { path, fingerprint }),
                Ok(Found::Symlink(_)) => self.symlinks.push(path),
                Ok(Found::Other) => open.extend(self.enter(&path, depth).into_iter().map(|path| (path, depth + 1))),
                // It vanished meanwhile.
                Ok(Found::Nothing) => {}
                Err(error) => self.unreadable(&path, &error),
            }
        }
    }

    /// What is in a folder; nothing in a pipe or device, and in what is not entered.
    fn enter(&mut self, path: &Path, depth: usize) -> Vec<PathBuf> {
        if !path.is_dir() || self.left_out.as_deref() == Some(path) || !self.entered.insert(inode(path)) {
            return Vec::new();
        }
        if depth > self.limits.depth {
            self.unseen.push(Unseen::TooDeep { path: path.to_owned(), depth: self.limits.depth });
            return Vec::new();
        }
        let mut paths = Vec::new();
        let listed = fs::read_dir(path).and_then(|entries| {
            for entry in entries {
                let entry = entry?;
                if self.entries == self.limits.entries {
                    let told = |unseen: &Unseen| matches!(unseen, Unseen::TooMany { .. });
                    if !self.unseen.iter().any(told) {
                        let entries = self.limits.entries;
                        self.unseen.push(Unseen::TooMany { path: path.to_owned(), entries });
                    }
                    break;
                }
                self.entries += 1;
                paths.push(entry.path());
            }
            Ok(())
        });
        if let Err(error) = listed {
            self.unseen.push(Unseen::Unreadable { path: path.to_owned(), reason: error.to_string() });
        }
        let is_mark = |mark: &&&str| paths.iter().any(|path| path.file_name().is_some_and(|name| name == **mark));
        if let (Works::LeftOut, Some(mark)) = (self.works, WORK.iter().find(is_mark)) {
            self.unseen.push(Unseen::Work { path: path.to_owned(), mark });
            return Vec::new();
        }
        // The last is looked at first: the same order in each search.
        paths.sort_by(|one, next| next.cmp(one));
        paths
    }

    pub(crate) fn unreadable(&mut self, path: &Path, error: &Error) {
        let reason = match error {
            Error::Io { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        self.unseen.push(Unseen::Unreadable { path: path.to_owned(), reason });
    }
}

fn inode(path: &Path) -> (u64, u64) {
    super::disk_usage(path).map_or((0, 0), |(inode, _)| inode)
}

/// The digest of a regular file, and the fingerprint that it had from before the first byte to after the last.
///
/// # Errors
///
/// Also if it is no regular file, or is written while it is read.
pub(crate) fn digest_of(path: &Path) -> Result<(Sha256Digest, Fingerprint)> {
    let read = || {
        let file = open(path)?;
        steady_digest(&file, || {})
    };
    read().map_err(Error::io("read", path))
}

/// The digest of an open file from its beginning; `beat` is called every few milliseconds meanwhile.
pub(crate) fn steady_digest(
    mut file: &fs::File,
    mut beat: impl FnMut(),
) -> std::io::Result<(Sha256Digest, Fingerprint)> {
    use std::io::{Error, ErrorKind, Read as _, Seek as _};
    if !file.metadata()?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    let before = fingerprint(file)?;
    file.rewind()?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        beat();
    }
    if fingerprint(file)? != before {
        return Err(Error::new(ErrorKind::InvalidData, "it was written while it was read"));
    }
    Ok((hasher.finish(), before))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests write what they search")]

    use super::*;

    fn names(search: &Search) -> Vec<String> {
        search.files.iter().map(|file| file.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn links_pipes_and_loops_are_not_followed_and_no_folder_is_entered_twice() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(below.join("file"), "1").unwrap();
        std::os::unix::fs::symlink(folder.path(), below.join("loop")).unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        let mut search = Search::new(Limits::USUAL, None);
        search.through(folder.path());
        search.through(&below);
        search.through(&folder.path().join("nothing"));
        assert_eq!((names(&search), search.symlinks.len(), search.unseen.len()), (vec!["file".to_owned()], 1, 0));
        assert!(digest_of(&pipe).unwrap_err().to_string().contains("no regular file"));
    }

    #[test]
    fn the_limits_are_kept_and_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("1/2/3")).unwrap();
        for name in ["1/2/3/deep", "1/flat", "left"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let mut search = Search::new(Limits { depth: 2, entries: 100 }, None);
        search.through(folder.path());
        assert_eq!(names(&search), ["flat", "left"]);
        assert!(search.unseen[0].to_string().ends_with("/1/2/3` was left out: it is more than 2 folders deep"));
        let mut search = Search::new(Limits { depth: 9, entries: 3 }, None);
        search.through(folder.path());
        assert_eq!(search.unseen.len(), 1);
        assert!(search.unseen[0].to_string().contains("after 3 names"), "{:?}", search.unseen);
        let left_out = folder.path().canonicalize().unwrap().join("1");
        let mut search = Search::new(Limits::USUAL, Some(left_out));
        search.through(folder.path());
        assert_eq!(names(&search), ["left"]);
    }
}
