//! Whether what stands at a recorded path is what was placed there: only that is ever replaced or removed.
//!
//! The right bytes are no proof: they are there as well once the user has put a copy of their own in the place. What
//! proves it is the inode (that of the blob for a hard link, the recorded one otherwise), where it was made and when,
//! and that the way to it leads through no other symbolic links than when it was placed.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Content, Entry, Owner, Placed, Store};
use crate::error::Result;
use crate::fs::{self, Fingerprint, Found};

/// Beside the fingerprint: under what circumstances something was placed. Records of older versions have none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Circumstances {
    /// The real folder it is in, if the path leads there through a symbolic link.
    #[serde(default, with = "super::path_text::option", skip_serializing_if = "Option::is_none")]
    folder: Option<PathBuf>,
    /// When the inode was made, where the file system knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    born: Option<(i64, i64)>,
    /// The mtime that it will have, while it is only intended: so a killed process's file is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stamp: Option<(i64, i64)>,
}

impl Circumstances {
    pub(super) fn are_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// What stands at a recorded path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// What was placed.
    Ours,
    /// The file that was placed, with other content: somebody wrote into it.
    Changed,
    /// Nothing, or what somebody else put there.
    Theirs,
}

/// How sure it is that a changed file is the one that was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// It was made at the recorded moment.
    Born,
    /// It has the recorded inode, which may have been given to another file.
    Inode,
}

impl Placed {
    pub(crate) fn certainty(&self) -> Certainty {
        if self.circumstances.born.is_some() { Certainty::Born } else { Certainty::Inode }
    }

    /// Adds what identifies it to a record of what now stands at its path, in this real folder.
    pub(crate) fn witnessed(mut self, folder: &Path) -> Result<Self> {
        if self.owner == Owner::Adopted {
            return Ok(self);
        }
        self.proof = match fs::look(&self.path)? {
            // What was hashed stands, whatever came there since.
            _ if self.proof.is_some() => self.proof,
            Found::File(found) => Some(found),
            Found::Symlink(found) if matches!(self.content, Content::Pointer { .. }) => Some(found),
            _ => None,
        };
        self.circumstances = Circumstances { folder: self.elsewhere(folder), born: fs::born(&self.path), stamp: None };
        Ok(self)
    }

    /// Adds by what it will be known if it is placed, but no longer recorded so.
    pub(crate) fn announced(mut self, folder: &Path, stamp: (i64, i64)) -> Self {
        self.circumstances = Circumstances { folder: self.elsewhere(folder), born: None, stamp: Some(stamp) };
        self
    }

    fn elsewhere(&self, folder: &Path) -> Option<PathBuf> {
        (self.path.parent() != Some(folder)).then(|| folder.to_owned())
    }

    /// The real folder that it was placed in.
    fn folder(&self) -> Option<&Path> {
        self.circumstances.folder.as_deref().or_else(|| self.path.parent())
    }

    fn is_in_its_folder(&self) -> bool {
        self.path.parent().is_some_and(|parent| self.folder() == Some(&*fs::real_folder(parent)))
    }

    /// Compares a file or link with the recorded fingerprint.
    fn compared(&self, found: &Fingerprint) -> Standing {
        let circumstances = &self.circumstances;
        let Some(proof) = self.proof else {
            let is_stamped = circumstances.stamp == Some(found.mtime);
            return if is_stamped { Standing::Ours } else { Standing::Theirs };
        };
        let is_same_inode = proof.same_file(found) && circumstances.born == fs::born(&self.path);
        // Where nobody knows when the inode was made, only what no program can set tells.
        if proof.same_but_for_device(found)
            || is_same_inode && circumstances.born.is_some() && proof.same_content(found)
        {
            Standing::Ours
        } else if is_same_inode || circumstances.born.is_none() && proof.same_file(found) {
            Standing::Changed
        } else {
            Standing::Theirs
        }
    }
}

impl Store {
    /// What stands where `placed` was placed for `entry`.
    pub(crate) fn standing(&self, placed: &Placed, entry: &Entry) -> Result<Standing> {
        if placed.owner != Owner::Ours || !placed.is_in_its_folder() {
            return Ok(Standing::Theirs);
        }
        let yes = |is_ours: bool| if is_ours { Standing::Ours } else { Standing::Theirs };
        Ok(match (&placed.content, fs::look(&placed.path)?) {
            (Content::Blob { sha256, .. }, Found::File(found)) => {
                let blob = match fs::look(&self.blob(sha256))? {
                    Found::File(blob) => Some(blob),
                    _ => entry.memos.get(sha256).map(|memo| memo.fingerprint),
                };
                if blob.is_some_and(|blob| blob.same_file(&found)) { Standing::Ours } else { placed.compared(&found) }
            }
            (Content::Blob { sha256, .. }, Found::Symlink(_)) => {
                yes(fs::read_symlink(&placed.path).is_some_and(|target| target == self.blob(sha256)))
            }
            (Content::Pointer { target, .. }, Found::Symlink(found)) => {
                let says_so = fs::read_symlink(&placed.path).as_ref() == Some(target);
                let is_ours = match placed.proof {
                    Some(_) => placed.compared(&found) == Standing::Ours,
                    // Announced, or of an older version: it is ours if what it leads to is.
                    None => match entry.placed_at(&beside(&placed.path, target)) {
                        Some(blob) if matches!(blob.content, Content::Blob { .. }) => {
                            self.standing(blob, entry)? == Standing::Ours
                        }
                        _ => false,
                    },
                };
                yes(says_so && is_ours)
            }
            (Content::Text(_), Found::File(found)) => placed.compared(&found),
            _ => Standing::Theirs,
        })
    }

    /// The folders of an entry that still are where they were made, as far as what was placed in them tells.
    pub(super) fn own_folders(entry: &Entry) -> Vec<&Path> {
        let parents: HashSet<(&Path, &Path)> =
            entry.placed.iter().filter_map(|placed| Some((placed.path.parent()?, placed.folder()?))).collect();
        let expected = |folder: &Path| {
            let below = parents.iter().find(|(parent, _)| parent.starts_with(folder));
            below.and_then(|(parent, real)| {
                let depth = parent.strip_prefix(folder).ok()?.components().count();
                real.ancestors().nth(depth)
            })
        };
        let stays = |folder: &&Path| expected(folder).unwrap_or(folder) == fs::real_folder(folder);
        entry.folders.iter().map(PathBuf::as_path).filter(stays).collect()
    }
}

/// Where a relative link at `path` leads, by its text.
fn beside(path: &Path, target: &Path) -> PathBuf {
    let mut place = path.parent().unwrap_or(path).to_owned();
    for part in target.components() {
        match part {
            Component::ParentDir => drop(place.pop()),
            part => place.push(part),
        }
    }
    place
}
