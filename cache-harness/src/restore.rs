//! Leased blobs into a consumer's layout: what is right stays, what is missing is placed, what is ours and
//! drifted is healed, what is somebody else's is adopted or named in an error, never touched.
//!
//! What will be placed is recorded before it is placed, and its fingerprint afterwards. So a kill at any
//! point leaves only files that a record names.

mod state;
mod unrecorded;

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::config::Verify;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::event::Placement;
use crate::fs::{self, Fingerprint, Found, LinkMode, Placing};
use crate::provider::{Item, Layout, Wanted};
use crate::store::{
    Certainty, Circumstances, Content, Entry, EntryId, Owner, Placed, Standing, Store, TakenBack, Turn,
};
use crate::time;

use state::State;
pub(crate) use unrecorded::place_unrecorded;

/// What a restore did.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// Paths that had been placed before and were not right any more.
    pub(crate) repaired: Vec<PathBuf>,
    /// Files that take room beside the blobs.
    pub(crate) copied: usize,
    /// The costliest way in which something was placed.
    pub(crate) placement: Placement,
}

/// Makes `layout` true on disk for the blobs of `entry`, which are all proven, and records it.
///
/// # Errors
///
/// [`Error::Foreign`] if something that is not ours stands in the way.
pub(crate) fn restore(turn: &Turn<'_>, entry: &mut Entry, layout: &Layout, verify: Verify) -> Result<Restored> {
    let interrupted = entry.is_interrupted();
    Store::remove_leftovers(turn.id(), entry)?;
    let restored = Restored::default();
    let (real_folders, stamp) = (HashMap::new(), time::now());
    let index = entry.placed.iter().enumerate().map(|(place, placed)| (placed.path.clone(), place)).collect();
    let mut restoring =
        Restoring { turn, entry, index, layout, verify, interrupted, neighbours: None, real_folders, stamp, restored };
    let mut missing = Vec::new();
    for item in &layout.items {
        match restoring.state(item)? {
            State::Right(right) => restoring.witness(right)?,
            State::Missing(placing) => missing.push((item, placing)),
            State::LeftAlone => restoring.forget(&item.path),
        }
    }
    if !missing.is_empty() {
        restoring.announce(&missing)?;
        for (item, placing) in missing {
            restoring.settle(item, placing)?;
        }
    }
    restoring.check_pointers()?;
    turn.record(restoring.entry)?;
    Ok(restoring.restored)
}

/// Whether the file that `path` leads to has this digest, by hashing it.
fn has_digest(path: &Path, digest: &Sha256Digest) -> Result<bool> {
    fs::has_digest(path, digest).map_err(Error::io("read", path))
}

struct Restoring<'a> {
    turn: &'a Turn<'a>,
    entry: &'a mut Entry,
    /// Where each path is in the entry's list: a model can have thousands of files.
    index: HashMap<PathBuf, usize>,
    layout: &'a Layout,
    verify: Verify,
    /// A killed process announced what it did not finish: what is missing was never there.
    interrupted: bool,
    /// The other entries, read only when something unknown stands at a path.
    neighbours: Option<Vec<(EntryId, Entry)>>,
    /// Where folders really are.
    real_folders: HashMap<PathBuf, PathBuf>,
    /// The mtime of the files that this makes, by which they are known should it be killed.
    stamp: SystemTime,
    restored: Restored,
}

impl Restoring<'_> {
    fn store(&self) -> &Store {
        self.turn.store()
    }

    /// Removes other content from an item's path if cache-harness put something there before.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] if it did not, [`Error::InUse`] if it did so for an entry that is in use, for example
    /// another pin of the same name.
    fn make_way(&mut self, item: &Item, file: &str, recorded: Option<&Placed>) -> Result<()> {
        let others = self.neighbour_records(&item.path)?;
        for (id, theirs) in others.iter().filter(|(_, theirs)| theirs.owner == Owner::Ours) {
            match self.store().take_back_if_free(id, &theirs.path)? {
                TakenBack::Removed => {
                    self.neighbours = None;
                    return Ok(());
                }
                TakenBack::Changed => {}
                TakenBack::Leased(other) => {
                    let (model, path) = (self.entry.model.to_string(), item.path.clone());
                    return Err(Error::InUse { model, path, other });
                }
            }
        }
        // What we place appears whole: other bytes are ours only if somebody wrote into what we placed.
        if self.standing(&item.path)?.0 == Standing::Theirs {
            return Err(self.foreign(item, file));
        }
        self.store().quarantine_placed(&item.path)?;
        self.note_repair(recorded);
        Ok(())
    }

    fn foreign(&self, item: &Item, file: &str) -> Error {
        Error::Foreign { model: self.entry.model.to_string(), file: file.to_string(), path: item.path.clone() }
    }

    fn note_repair(&mut self, recorded: Option<&Placed>) {
        if let Some(recorded) = recorded.filter(|_| !self.interrupted) {
            self.restored.repaired.push(recorded.path.clone());
        }
    }

    /// Whose file stands at `path`: ours if this or another entry recorded it so, and it still is that file.
    fn owner(&mut self, path: &Path) -> Result<Owner> {
        Ok(match self.standing(path)? {
            (Standing::Ours, _) | (Standing::Changed, Certainty::Born) => Owner::Ours,
            _ => Owner::Adopted,
        })
    }

    /// What stands at `path` by the record of this entry or another.
    fn standing(&mut self, path: &Path) -> Result<(Standing, Certainty)> {
        if let Some(recorded) = self.recorded(path) {
            let standing = self.store().standing(recorded, self.entry)?;
            if standing != Standing::Theirs || recorded.owner == Owner::Adopted {
                return Ok((standing, recorded.certainty()));
            }
        }
        self.neighbour_records(path)?;
        let own = self.turn.id();
        for (_, other) in self.neighbours.iter().flatten().filter(|(id, _)| id != own) {
            let Some(placed) = other.placed_at(path) else { continue };
            let standing = self.store().standing(placed, other)?;
            if standing != Standing::Theirs {
                return Ok((standing, placed.certainty()));
            }
        }
        Ok((Standing::Theirs, Certainty::Born))
    }

    /// Remembers what stands at its path, with what identifies it.
    fn witness(&mut self, placed: Placed) -> Result<()> {
        let folder = self.real_folder(&placed.path);
        let witnessed = placed.witnessed(&folder)?;
        self.remember(witnessed);
        Ok(())
    }

    fn real_folder(&mut self, path: &Path) -> PathBuf {
        let parent = path.parent().unwrap_or(path);
        match self.real_folders.get(parent) {
            Some(real) => real.clone(),
            None => self.real_folders.entry(parent.to_owned()).or_insert(fs::real_folder(parent)).clone(),
        }
    }

    /// What other entries recorded for a path.
    fn neighbour_records(&mut self, path: &Path) -> Result<Vec<(EntryId, Placed)>> {
        let entries = match self.neighbours.take() {
            Some(entries) => entries,
            None => self.store().entries()?,
        };
        let others = entries.iter().filter(|(id, _)| id != self.turn.id());
        let placed = others.filter_map(|(id, other)| Some((*id, other.placed_at(path)?.clone()))).collect();
        self.neighbours = Some(entries);
        Ok(placed)
    }

    fn is_text_of_ours(&mut self, path: &Path, says: &str) -> bool {
        let neighbours = self.neighbour_records(path).unwrap_or_default();
        let records = neighbours.iter().map(|(_, placed)| placed).chain(self.recorded(path));
        records.into_iter().any(|placed| matches!(&placed.content, Content::Text(text) if text == says))
    }

    fn remember(&mut self, placed: Placed) {
        if let Some(place) = self.index.get(&placed.path) {
            self.entry.placed[*place] = placed;
        } else {
            self.index.insert(placed.path.clone(), self.entry.placed.len());
            self.entry.placed.push(placed);
        }
    }

    fn recorded(&self, path: &Path) -> Option<&Placed> {
        self.index.get(path).map(|place| &self.entry.placed[*place])
    }

    fn forget(&mut self, path: &Path) {
        if let Some(place) = self.index.remove(path) {
            self.entry.placed.swap_remove(place);
            if let Some(moved) = self.entry.placed.get(place) {
                self.index.insert(moved.path.clone(), place);
            }
        }
    }

    /// Records what is about to be placed and the folders to be made for it, then makes those.
    fn announce(&mut self, missing: &[(&Item, Placing)]) -> Result<()> {
        for (item, _) in missing {
            let mode = if item.leads_to().is_some() { LinkMode::Symlink } else { LinkMode::Copy };
            let folder = self.real_folder(&item.path);
            let intended = placed(item, mode, Owner::Ours, None);
            self.remember(intended.announced(&folder, time::parts(self.stamp)));
        }
        let parents: HashSet<&Path> = missing.iter().filter_map(|(item, _)| item.path.parent()).collect();
        let unrecorded = |entry: &Entry| -> Vec<PathBuf> {
            let missing = parents.iter().flat_map(|parent| fs::missing_folders(parent));
            missing.filter(|folder| !entry.folders.contains(folder)).collect()
        };
        let mut folders = unrecorded(self.entry);
        loop {
            self.entry.folders.append(&mut folders);
            // Each folder before those in it, so that they are removed in reverse.
            self.entry.folders.sort();
            self.entry.folders.dedup();
            self.turn.record(self.entry)?;
            // Until that record an eviction may have removed a folder that was still there when it was looked at.
            folders = unrecorded(self.entry);
            if folders.is_empty() {
                break;
            }
        }
        parents.into_iter().try_for_each(|parent| fs::create_folders(parent).map(drop))
    }

    /// Places an item; if another process was faster, looks again.
    fn settle(&mut self, item: &Item, mut placing: Placing) -> Result<()> {
        for _ in 0..8 {
            match self.place(item, placing) {
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {}
                placed => return self.witness(placed?),
            }
            self.neighbours = None;
            placing = match self.state(item)? {
                State::Right(placed) => return self.witness(placed),
                State::LeftAlone => return Ok(()),
                State::Missing(placing) => placing,
            };
        }
        let (model, path) = (self.entry.model.to_string(), item.path.clone());
        Err(Error::Foreign { model, file: item.path.display().to_string(), path })
    }

    /// A relative link in a folder that is itself a link, of somebody else's making, leads elsewhere.
    fn check_pointers(&self) -> Result<()> {
        for item in &self.layout.items {
            let (Wanted::Pointer { file, leads_to, .. }, Some(recorded)) = (&item.wanted, self.recorded(&item.path))
            else {
                continue;
            };
            if !matches!(recorded.content, Content::Pointer { .. }) {
                continue; // A file of its own.
            }
            match (fs::look_through(&item.path)?, fs::look_through(leads_to)?) {
                (Found::File(found), Found::File(expected)) if found.same_file(&expected) => {}
                _ => return Err(self.foreign(item, file.as_str())),
            }
        }
        Ok(())
    }

    fn place(&mut self, item: &Item, placing: Placing) -> Result<Placed> {
        let tag = Store::leftover_tag(self.turn.id());
        self.restored.placement = self.restored.placement.max(Placement::Linked);
        match &item.wanted {
            Wanted::Text { text, .. } => {
                fs::place_text(text.as_bytes(), (&tag, Some(self.stamp)), &item.path, placing)?;
                Ok(placed(item, LinkMode::Copy, Owner::Ours, fingerprint_at(&item.path)?))
            }
            Wanted::Pointer { target, sha256, .. } => {
                let source = fs::Source { path: target, digest: sha256, tag: &tag, stamp: None };
                match fs::place_symlink(source, &item.path, placing) {
                    // As Hub clients do it on such a file system.
                    Err(Error::Io { source, .. }) if fs::has_no_symlinks(&source) => {
                        self.place_bytes(item, sha256, &tag, placing)
                    }
                    linked => linked.map(|()| placed(item, LinkMode::Symlink, Owner::Ours, None)),
                }
            }
            Wanted::Bytes { sha256, .. } => self.place_bytes(item, sha256, &tag, placing),
        }
    }

    /// What the catalog chose cannot be had here.
    fn impossible(&self, item: &Item, error: Error) -> Error {
        match (error, self.layout.ladder) {
            (Error::Io { source, .. }, [mode]) if fs::is_about_links(&source) => Error::Setting {
                name: format!("model `{}`", self.entry.model),
                message: format!(
                    "`links = \"{}\"` is not possible at `{}`: {source}; \"copy\" always is",
                    mode.as_str(),
                    item.path.display()
                ),
            },
            (error, _) => error,
        }
    }

    /// Our own link, or the end of one, changes the ctime of the blob: its memo follows, if nothing else changed.
    fn place_bytes(&mut self, item: &Item, sha256: &Sha256Digest, tag: &str, placing: Placing) -> Result<Placed> {
        let blob = self.store().blob(sha256);
        let before = fs::look(&blob)?;
        let source = fs::Source { path: &blob, digest: sha256, tag, stamp: Some(self.stamp) };
        let placed_by = fs::place(source, &item.path, self.layout.ladder, placing);
        let mode = placed_by.map_err(|error| self.impossible(item, error))?;
        if let (Found::File(before), Found::File(after)) = (before, fs::look(&blob)?)
            && let Some(memo) = self.entry.memos.get_mut(sha256)
            && memo.fingerprint == before
            && before.same_content(&after)
        {
            memo.fingerprint = after;
        }
        if matches!(mode, LinkMode::Hardlink | LinkMode::Symlink) {
            return Ok(placed(item, mode, Owner::Ours, None));
        }
        self.restored.copied += 1;
        if mode == LinkMode::Copy {
            self.restored.placement = Placement::Copied;
        }
        Ok(placed(item, mode, Owner::Ours, fingerprint_at(&item.path)?))
    }
}

fn own_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn fingerprint_at(path: &Path) -> Result<Option<Fingerprint>> {
    Ok(match fs::look(path)? {
        Found::File(found) => Some(found),
        _ => None,
    })
}

fn placed(item: &Item, mode: LinkMode, owner: Owner, proof: Option<Fingerprint>) -> Placed {
    let content = match (&item.wanted, mode) {
        (Wanted::Pointer { sha256, target, .. }, LinkMode::Symlink) => {
            Content::Pointer { sha256: *sha256, target: target.clone() }
        }
        (Wanted::Bytes { sha256, .. } | Wanted::Pointer { sha256, .. }, _) => Content::Blob { sha256: *sha256, mode },
        (Wanted::Text { text, .. }, _) => Content::Text(text.clone()),
    };
    Placed { path: item.path.clone(), content, owner, proof, circumstances: Circumstances::default() }
}
