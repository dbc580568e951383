//! Leased blobs into a consumer's layout: what is right stays, what is missing is placed, what is ours and
//! drifted is healed, what is somebody else's is adopted or named in an error, never touched.
//!
//! What will be placed is recorded before it is placed, and its fingerprint afterwards. So a kill at any
//! point leaves only files that a record names.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::config::Verify;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fs::{self, Fingerprint, Found, LinkMode, Placing};
use crate::model::{FilePath, ModelName};
use crate::provider::{Item, Layout, Wanted};
use crate::store::{Content, Entry, EntryId, Owner, Placed, Store, Survey, TakenBack, Turn};

/// What a restore did.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// Paths that had been placed before and were not right any more.
    pub(crate) repaired: Vec<PathBuf>,
}

/// Makes `layout` true on disk for the blobs of `entry`, which are all proven, and records it.
///
/// # Errors
///
/// [`Error::Foreign`] if something that is not ours stands in the way.
pub(crate) fn restore(turn: &Turn<'_>, entry: &mut Entry, layout: &Layout, verify: Verify) -> Result<Restored> {
    let interrupted = entry.placed.iter().any(is_intended);
    let restored = Restored::default();
    let mut restoring = Restoring { turn, entry, layout, verify, interrupted, neighbours: None, restored };
    restoring.remove_leftovers()?;
    let mut missing = Vec::new();
    for item in &layout.items {
        match restoring.state(item)? {
            State::Right(placed) => restoring.remember(placed),
            State::Missing(placing) => missing.push((item, placing)),
            State::LeftAlone => restoring.entry.placed.retain(|known| known.path != item.path),
        }
    }
    if !missing.is_empty() {
        restoring.announce(&missing)?;
        for (item, placing) in missing {
            restoring.settle(item, placing)?;
        }
    }
    turn.record(restoring.entry)?;
    Ok(restoring.restored)
}

/// Makes `layout` true on disk without a record: for places that the cache does not look after.
///
/// `blob` gives a verified file with the digest; it is asked only for what is missing.
///
/// # Errors
///
/// [`Error::Foreign`] if other content stands in the way.
pub(crate) fn place_unrecorded(
    model: &ModelName,
    layout: &Layout,
    mut blob: impl FnMut(&FilePath, &Sha256Digest) -> Result<PathBuf>,
) -> Result<()> {
    for item in &layout.items {
        let mut attempts = 8;
        loop {
            match place_item_unrecorded(model, layout, item, &mut blob) {
                // Another process was faster: what it put there is looked at.
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists && attempts > 0 => {
                    attempts -= 1;
                }
                placed => break placed?,
            }
        }
    }
    Ok(())
}

fn place_item_unrecorded(
    model: &ModelName,
    layout: &Layout,
    item: &Item,
    blob: &mut impl FnMut(&FilePath, &Sha256Digest) -> Result<PathBuf>,
) -> Result<()> {
    if let Some(parent) = item.path.parent() {
        fs::create_folders(parent)?;
    }
    let (Wanted::Bytes { file, sha256 } | Wanted::Pointer { file, sha256, .. }) = &item.wanted else {
        if let (Wanted::Text(text), Found::Nothing) = (&item.wanted, fs::look(&item.path)?) {
            fs::write_new(&item.path, text.as_bytes())?;
        }
        return Ok(());
    };
    match fs::look_through(&item.path)? {
        Found::File(_) if has_digest(&item.path, sha256)? => return Ok(()),
        Found::Nothing if fs::look(&item.path)? == Found::Nothing => {}
        _ => {
            let (model, path) = (model.to_string(), item.path.clone());
            return Err(Error::Foreign { model, file: file.to_string(), path });
        }
    }
    let source = match &item.wanted {
        Wanted::Pointer { target, .. } => target.clone(),
        _ => blob(file, sha256)?,
    };
    let source = fs::Source { path: &source, digest: sha256, tag: fs::TEMPORARY };
    match item.leads_to() {
        Some(_) => fs::place_symlink(source, &item.path, Placing::New),
        None => fs::place(source, &item.path, layout.ladder, Placing::New).map(drop),
    }
}

/// Whether the file that `path` leads to has this digest, by hashing it.
fn has_digest(path: &Path, digest: &Sha256Digest) -> Result<bool> {
    fs::has_digest(path, digest).map_err(Error::io("read", path))
}

struct Restoring<'a> {
    turn: &'a Turn<'a>,
    entry: &'a mut Entry,
    layout: &'a Layout,
    verify: Verify,
    /// A killed process announced what it did not finish: what is missing was never there.
    interrupted: bool,
    /// The other entries, read only when something unknown stands at a path.
    neighbours: Option<Survey>,
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
        let recorded = self.entry.placed_at(&item.path).cloned();
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
                let owner = self.owner(&item.path, recorded.as_ref())?;
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
        let store = self.turn.store();
        let others = self.neighbour_records(&item.path)?;
        for (id, theirs) in others.iter().filter(|(_, theirs)| theirs.owner == Owner::Ours) {
            match store.take_back_if_free(id, theirs)? {
                TakenBack::Removed => return Ok(()),
                TakenBack::Changed => {}
                TakenBack::Leased(other) => {
                    let (model, path) = (self.entry.model.to_string(), item.path.clone());
                    return Err(Error::InUse { model, path, other });
                }
            }
        }
        let is_ours = |placed: &Placed| placed.owner == Owner::Ours;
        if !recorded.is_some_and(is_ours) && !others.iter().any(|(_, theirs)| is_ours(theirs)) {
            let (model, path) = (self.entry.model.to_string(), item.path.clone());
            return Err(Error::Foreign { model, file: file.to_string(), path });
        }
        store.quarantine(&item.path)?;
        self.note_repair(recorded);
        Ok(())
    }

    fn note_repair(&mut self, recorded: Option<&Placed>) {
        if let Some(recorded) = recorded.filter(|_| !self.interrupted) {
            self.restored.repaired.push(recorded.path.clone());
        }
    }

    /// Whether `found` is a hard link to the blob, which was proven before.
    fn is_blob(&self, sha256: &Sha256Digest, found: &Fingerprint) -> bool {
        let memo = self.entry.memos.get(sha256);
        matches!(fs::look(&self.store().blob(sha256)), Ok(Found::File(blob))
            if blob == *found && memo.is_some_and(|memo| memo.fingerprint.same_content(&blob)))
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
        let survey = match self.neighbours.take() {
            Some(survey) => survey,
            None => self.turn.store().survey()?,
        };
        let others = survey.residents.iter().filter(|resident| resident.id != *self.turn.id());
        let placed = others.filter_map(|other| Some((other.id, other.entry.as_ref()?.placed_at(path)?.clone())));
        let placed = placed.collect();
        self.neighbours = Some(survey);
        Ok(placed)
    }

    fn is_text_of_ours(&mut self, path: &Path, says: &str) -> bool {
        let neighbours = self.neighbour_records(path).unwrap_or_default();
        let records = neighbours.iter().map(|(_, placed)| placed).chain(self.entry.placed_at(path));
        records.into_iter().any(|placed| matches!(&placed.content, Content::Text(text) if text == says))
    }

    fn remember(&mut self, placed: Placed) {
        self.entry.placed.retain(|known| known.path != placed.path);
        self.entry.placed.push(placed);
    }

    /// Records what is about to be placed, and makes the folders for it.
    fn announce(&mut self, missing: &[(&Item, Placing)]) -> Result<()> {
        for (item, _) in missing {
            self.remember(placed(item, LinkMode::Copy, Owner::Ours, None));
        }
        self.turn.record(self.entry)?;
        let parents: HashSet<&Path> = missing.iter().filter_map(|(item, _)| item.path.parent()).collect();
        let mut made = Vec::new();
        for parent in parents {
            made.extend(fs::create_folders(parent)?);
        }
        made.retain(|folder| !self.entry.folders.contains(folder));
        made.sort();
        self.entry.folders.extend(made);
        Ok(())
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

    fn place(&mut self, item: &Item, placing: Placing) -> Result<Placed> {
        let tag = self.tag();
        match &item.wanted {
            Wanted::Text(text) => {
                match placing {
                    Placing::New => fs::write_new(&item.path, text.as_bytes())?,
                    Placing::Replace => fs::write_durable(&item.path, text.as_bytes())?,
                }
                Ok(placed(item, LinkMode::Copy, Owner::Ours, fingerprint_at(&item.path)?))
            }
            Wanted::Pointer { target, sha256, .. } => {
                fs::place_symlink(fs::Source { path: target, digest: sha256, tag: &tag }, &item.path, placing)?;
                Ok(placed(item, LinkMode::Symlink, Owner::Ours, None))
            }
            Wanted::Bytes { sha256, .. } => self.place_bytes(item, sha256, &tag, placing),
        }
    }

    /// Our own link changes the ctime of the blob: its memo follows, if nothing else changed.
    fn place_bytes(&mut self, item: &Item, sha256: &Sha256Digest, tag: &str, placing: Placing) -> Result<Placed> {
        let blob = self.store().blob(sha256);
        let before = fs::look(&blob)?;
        let source = fs::Source { path: &blob, digest: sha256, tag };
        let mode = fs::place(source, &item.path, self.layout.ladder, placing)?;
        if mode != LinkMode::Hardlink {
            return Ok(placed(item, mode, Owner::Ours, fingerprint_at(&item.path)?));
        }
        if let (Found::File(before), Found::File(after)) = (before, fs::look(&blob)?)
            && let Some(memo) = self.entry.memos.get_mut(sha256)
            && memo.fingerprint == before
            && before.same_content(&after)
        {
            memo.fingerprint = after;
        }
        Ok(placed(item, mode, Owner::Ours, None))
    }

    /// Removes the temporary files that a killed process left while it placed this entry.
    fn remove_leftovers(&self) -> Result<()> {
        let tag = self.tag();
        let interrupted = self.entry.placed.iter().filter(|placed| is_intended(placed));
        let folders: HashSet<&Path> = interrupted.filter_map(|placed| placed.path.parent()).collect();
        for path in folders.into_iter().map(fs::list).collect::<Result<Vec<_>>>()?.into_iter().flatten() {
            if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(tag.as_bytes())) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    fn tag(&self) -> String {
        format!(".cache-harness-{}-", self.turn.id().short())
    }
}

/// Whether a record is of bytes that were announced, but not recorded as placed.
fn is_intended(placed: &Placed) -> bool {
    placed.proof.is_none() && matches!(&placed.content, Content::Blob { mode, .. } if *mode != LinkMode::Hardlink)
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
