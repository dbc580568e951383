//! Leased blobs into a consumer's layout: what is right stays, what is missing is placed, what is ours and
//! drifted is healed, what is somebody else's is adopted or named in an error, never touched.
//!
//! What will be placed is recorded before it is placed, and its fingerprint afterwards. So a kill at any
//! point leaves only files that a record names.

mod unrecorded;

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::config::Verify;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::event::Placement;
use crate::fs::{self, Fingerprint, Found, LinkMode, Placing};
use crate::model::FilePath;
use crate::provider::{Item, Layout, Wanted};
use crate::store::{Content, Entry, EntryId, Owner, Placed, Store, TakenBack, Turn};

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
    let index = entry.placed.iter().enumerate().map(|(place, placed)| (placed.path.clone(), place)).collect();
    let mut restoring = Restoring { turn, entry, index, layout, verify, interrupted, neighbours: None, restored };
    let mut missing = Vec::new();
    for item in &layout.items {
        match restoring.state(item)? {
            State::Right(right) => restoring.remember(right),
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
    restored: Restored,
}

enum State {
    Right(Placed),
    Missing(Placing),
    LeftAlone,
}

impl Restoring<'_> {
    fn store(&self) -> &Store {
        self.turn.store()
    }

    /// Compares what stands at an item's path with what should.
    fn state(&mut self, item: &Item) -> Result<State> {
        let found = fs::look(&item.path)?;
        let recorded = self.recorded(&item.path).cloned();
        match (&item.wanted, found) {
            (_, Found::Nothing) => {
                self.note_repair(recorded.as_ref());
                Ok(State::Missing(Placing::New))
            }
            (Wanted::Text(text), Found::File(_)) => self.text_state(item, text, recorded.as_ref()),
            (Wanted::Text(_), _) => Ok(State::LeftAlone),
            (Wanted::Pointer { target, .. }, Found::Symlink(_))
                if fs::read_symlink(&item.path).as_ref() == Some(target) =>
            {
                let owner = match self.owner(&item.path, recorded.as_ref())? {
                    Owner::Adopted if recorded.is_none() && self.leads_to_ours(item) => Owner::Ours,
                    owner => owner,
                };
                Ok(State::Right(placed(item, LinkMode::Symlink, owner, None)))
            }
            (Wanted::Bytes { sha256, .. }, Found::File(found)) if self.is_blob(sha256, &found) => {
                Ok(if self.layout.ladder.contains(&LinkMode::Hardlink) {
                    State::Right(placed(item, LinkMode::Hardlink, Owner::Ours, None))
                } else {
                    State::Missing(Placing::Replace)
                })
            }
            (Wanted::Bytes { file, sha256 } | Wanted::Pointer { file, sha256, .. }, _) => {
                self.unknown_state(item, file, sha256, recorded.as_ref())
            }
        }
    }

    fn text_state(&mut self, item: &Item, text: &String, recorded: Option<&Placed>) -> Result<State> {
        let says = fs::read_text(&item.path)?;
        let owner = self.owner(&item.path, recorded)?;
        if says.as_ref() == Some(text) {
            return Ok(State::Right(placed(item, LinkMode::Copy, owner, fingerprint_at(&item.path)?)));
        }
        // A branch that another pin of ours moved, or that the user's own download moved.
        let ours = owner == Owner::Ours && says.is_some_and(|says| self.is_text_of_ours(&item.path, &says));
        Ok(if ours { State::Missing(Placing::Replace) } else { State::LeftAlone })
    }

    /// Something stands there that is neither our link nor absent: its bytes decide.
    fn unknown_state(
        &mut self,
        item: &Item,
        file: &FilePath,
        sha256: &Sha256Digest,
        recorded: Option<&Placed>,
    ) -> Result<State> {
        let owner = self.owner(&item.path, recorded)?;
        if let Found::File(leads_to) = fs::look_through(&item.path)? {
            let proven = recorded.is_some_and(|recorded| recorded.proof == Some(leads_to));
            if (proven && self.verify == Verify::Memo) || has_digest(&item.path, sha256)? {
                return Ok(State::Right(placed(item, LinkMode::Copy, owner, Some(leads_to))));
            }
        }
        self.make_way(item, file, recorded)?;
        Ok(State::Missing(Placing::New))
    }

    /// Removes other content from an item's path if cache-harness put something there before.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] if it did not, [`Error::InUse`] if it did so for an entry that is in use, for example
    /// another pin of the same name.
    fn make_way(&mut self, item: &Item, file: &FilePath, recorded: Option<&Placed>) -> Result<()> {
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
        // What we place appears whole. Other bytes where it was only announced came from somebody else, after
        // we were interrupted.
        let is_ours = |placed: &Placed| placed.owner == Owner::Ours && !placed.is_intended();
        if !recorded.is_some_and(is_ours) && !others.iter().any(|(_, theirs)| is_ours(theirs)) {
            return Err(self.foreign(item, file));
        }
        self.store().quarantine(&item.path)?;
        self.note_repair(recorded);
        Ok(())
    }

    fn foreign(&self, item: &Item, file: &FilePath) -> Error {
        Error::Foreign { model: self.entry.model.to_string(), file: file.to_string(), path: item.path.clone() }
    }

    /// Whether a pointer that no record names leads to a link of ours: then the record that named it was lost.
    fn leads_to_ours(&self, item: &Item) -> bool {
        let target = item.leads_to().and_then(|target| self.entry.placed_at(target));
        target.is_some_and(|target| target.owner == Owner::Ours && !target.is_intended())
    }

    fn note_repair(&mut self, recorded: Option<&Placed>) {
        if let Some(recorded) = recorded.filter(|_| !self.interrupted) {
            self.restored.repaired.push(recorded.path.clone());
        }
    }

    /// Whether `found` is a hard link to the blob, which was proven before. Its ctime says nothing: another
    /// process may be linking the blob for another entry.
    fn is_blob(&self, sha256: &Sha256Digest, found: &Fingerprint) -> bool {
        let memo = self.entry.memos.get(sha256);
        matches!(fs::look(&self.store().blob(sha256)), Ok(Found::File(blob))
            if blob.same_file(found) && memo.is_some_and(|memo| memo.fingerprint.same_content(&blob)))
    }

    /// Whose file stands at `path`: ours if this or another entry recorded it so.
    fn owner(&mut self, path: &Path, recorded: Option<&Placed>) -> Result<Owner> {
        if let Some(recorded) = recorded {
            return Ok(recorded.owner);
        }
        let ours = self.neighbour_records(path)?.iter().any(|(_, placed)| placed.owner == Owner::Ours);
        Ok(if ours { Owner::Ours } else { Owner::Adopted })
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
            self.remember(placed(item, LinkMode::Copy, Owner::Ours, None));
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
                placed => return placed.map(|placed| self.remember(placed)),
            }
            self.neighbours = None;
            placing = match self.state(item)? {
                State::Right(placed) => {
                    self.remember(placed);
                    return Ok(());
                }
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
            if recorded.proof.is_some() {
                continue; // A file of its own.
            }
            match (fs::look_through(&item.path)?, fs::look_through(leads_to)?) {
                (Found::File(found), Found::File(expected)) if found.same_file(&expected) => {}
                _ => return Err(self.foreign(item, file)),
            }
        }
        Ok(())
    }

    fn place(&mut self, item: &Item, placing: Placing) -> Result<Placed> {
        let tag = Store::leftover_tag(self.turn.id());
        self.restored.placement = self.restored.placement.max(Placement::Linked);
        match &item.wanted {
            Wanted::Text(text) => {
                fs::place_text(text.as_bytes(), &tag, &item.path, placing)?;
                Ok(placed(item, LinkMode::Copy, Owner::Ours, fingerprint_at(&item.path)?))
            }
            Wanted::Pointer { target, sha256, .. } => {
                fs::place_symlink(fs::Source { path: target, digest: sha256, tag: &tag }, &item.path, placing)?;
                Ok(placed(item, LinkMode::Symlink, Owner::Ours, None))
            }
            Wanted::Bytes { sha256, .. } => self.place_bytes(item, sha256, &tag, placing),
        }
    }

    /// Our own link, or the end of one, changes the ctime of the blob: its memo follows, if nothing else changed.
    fn place_bytes(&mut self, item: &Item, sha256: &Sha256Digest, tag: &str, placing: Placing) -> Result<Placed> {
        let blob = self.store().blob(sha256);
        let before = fs::look(&blob)?;
        let source = fs::Source { path: &blob, digest: sha256, tag };
        let mode = fs::place(source, &item.path, self.layout.ladder, placing)?;
        if let (Found::File(before), Found::File(after)) = (before, fs::look(&blob)?)
            && let Some(memo) = self.entry.memos.get_mut(sha256)
            && memo.fingerprint == before
            && before.same_content(&after)
        {
            memo.fingerprint = after;
        }
        if mode == LinkMode::Hardlink {
            return Ok(placed(item, mode, Owner::Ours, None));
        }
        self.restored.copied += 1;
        if mode == LinkMode::Copy {
            self.restored.placement = Placement::Copied;
        }
        Ok(placed(item, mode, Owner::Ours, fingerprint_at(&item.path)?))
    }
}

fn fingerprint_at(path: &Path) -> Result<Option<Fingerprint>> {
    Ok(match fs::look(path)? {
        Found::File(found) => Some(found),
        _ => None,
    })
}

fn placed(item: &Item, mode: LinkMode, owner: Owner, proof: Option<Fingerprint>) -> Placed {
    let content = match &item.wanted {
        Wanted::Bytes { sha256, .. } => Content::Blob { sha256: *sha256, mode },
        Wanted::Pointer { sha256, target, .. } => Content::Pointer { sha256: *sha256, target: target.clone() },
        Wanted::Text(text) => Content::Text(text.clone()),
    };
    Placed { path: item.path.clone(), content, owner, proof }
}
