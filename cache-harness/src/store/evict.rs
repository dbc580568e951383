//! Evicting entries: taking back what was placed for them, removing their blobs and their records.
//!
//! Everything here happens under the exclusive `gc.lock`, which no download and no test ever holds. A kill
//! in the middle leaves an entry with some blobs missing, which the next use fills again or the next
//! eviction removes: what was placed goes first, then the blobs, then the record that names them.

use std::collections::HashSet;
use std::path::Path;

use super::entry::Read;
use super::named::{Named, is_shared};
use super::retention::{Reason, Use};
use super::{Content, Entry, EntryId, Placed, Resident, Standing, Store, Survey};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fs::{self, Fingerprint, Found};
use crate::lock::{ExclusiveLock, Waiting};

/// An entry that was evicted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evicted {
    pub(crate) model: String,
    /// Bytes freed.
    pub(crate) bytes: u64,
    pub(crate) reason: Reason,
    /// The models whose blobs it had in common with them: those stay.
    pub(crate) shared_with: Vec<String>,
}

/// What became of a file that was placed for another entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TakenBack {
    Removed,
    /// It is not what was placed any more.
    Changed,
    /// That entry, of this model, is in use.
    Leased(String),
}

/// The right to choose what goes; while it is held no entry is recorded.
pub(super) struct Choosing<'a> {
    pub(super) store: &'a Store,
    pub(super) survey: Survey,
    _lock: ExclusiveLock,
}

impl Store {
    /// Waits until nobody else chooses or records, does what must come before the count, and counts.
    pub(super) fn choosing(&self, first: impl FnOnce() -> Result<()>) -> Result<Choosing<'_>> {
        if !self.is_ours() {
            let reason = "its CACHEDIR.TAG is missing or not ours, so nothing is removed from it".to_owned();
            return Err(Error::Unusable { dir: self.dir().to_owned(), reason });
        }
        self.refuse_links()?;
        let lock = ExclusiveLock::acquire(&self.gc_file(), &Waiting::BRIEF)?;
        if !lock.excludes_others() {
            let reason = "locks do nothing on its file system, so what is in use cannot be told".to_owned();
            return Err(Error::Unusable { dir: self.dir().to_owned(), reason });
        }
        self.sweep_temporaries()?;
        first()?;
        let mut choosing = Choosing { store: self, survey: self.survey()?, _lock: lock };
        choosing.sweep_leftovers()?;
        Ok(choosing)
    }

    /// Evicts these entries unless they are in use.
    pub(crate) fn evict(&self, ids: &[EntryId]) -> Result<Vec<Evicted>> {
        let mut choosing = self.choosing(|| Ok(()))?;
        let mut evicted = Vec::new();
        for id in ids {
            evicted.extend(choosing.evict(id, Reason::Asked)?);
        }
        drop(choosing);
        self.empty_trash()?;
        Ok(evicted)
    }

    /// Removes what stands at `path` for another entry, unless that entry is in use.
    pub(crate) fn take_back_if_free(&self, id: &EntryId, path: &Path) -> Result<TakenBack> {
        let choosing = self.choosing(|| Ok(()))?;
        let Read::Entry(entry) = self.read_record(id)? else { return Ok(TakenBack::Changed) };
        let Some(_unused) = ExclusiveLock::try_acquire(&self.lease_file(id))? else {
            return Ok(TakenBack::Leased(entry.model.to_string()));
        };
        let removed = match entry.placed_at(path) {
            Some(placed) => choosing.take_back_one(placed, &entry)?,
            None => false,
        };
        // Read anew, as its memos followed the unlinking.
        match self.read_record(id)? {
            Read::Entry(mut entry) if removed => {
                // From now on the path belongs to whoever asked.
                entry.placed.retain(|placed| placed.path != path);
                self.write_record(id, &entry)?;
                Ok(TakenBack::Removed)
            }
            _ => Ok(TakenBack::Changed),
        }
    }

    /// Removes one placed file if it is ours and still what was placed.
    fn remove_placed(&self, placed: &Placed, entry: &Entry) -> Result<bool> {
        let is_ours = self.standing(placed, entry)? == Standing::Ours;
        if is_ours {
            fs::remove_file(&placed.path)?;
        }
        Ok(is_ours)
    }
}

impl Choosing<'_> {
    /// Evicts an entry; `None` if it is in use, or of a newer version.
    pub(super) fn evict(&mut self, id: &EntryId, reason: Reason) -> Result<Option<Evicted>> {
        let Some(index) = self.survey.residents.iter().position(|resident| resident.id == *id) else {
            return Ok(None);
        };
        if self.survey.residents[index].entry.is_none() && self.survey.residents[index].use_ == Use::Leased {
            return Ok(None);
        }
        // A lease taken since the survey wins.
        let Some(lease) = ExclusiveLock::try_acquire(&self.store.lease_file(id))? else { return Ok(None) };
        if matches!(self.store.read_record(id)?, Read::Newer(_)) {
            return Ok(None);
        }
        let Some(evicted) = self.survey.forecast(&[(*id, reason)]).pop() else { return Ok(None) };
        let resident = self.survey.residents.swap_remove(index);
        match self.remove(&resident) {
            Ok(()) => {
                lease.remove()?;
                // What is written down about it takes room, too.
                self.survey.overhead += self.store.remember_gone(id, &evicted.model, reason);
                Ok(Some(evicted))
            }
            Err(error) => {
                self.survey.residents.push(resident);
                Err(error)
            }
        }
    }

    /// Removes all of an entry that is no longer among the residents.
    fn remove(&mut self, resident: &Resident) -> Result<()> {
        if let Some(entry) = &resident.entry {
            self.take_back(resident, entry)?;
        }
        let named: HashSet<_> = self.survey.residents.iter().flat_map(|other| other.names.clone()).collect();
        for digest in resident.names.iter().filter(|digest| !named.contains(digest)) {
            self.discard(digest)?;
        }
        fs::remove(&self.store.record_file(&resident.id))?;
        fs::remove_file(&self.store.turn_file(&resident.id))
    }

    /// Moves a blob to the trash; returns the bytes that frees.
    pub(super) fn discard(&mut self, digest: &Sha256Digest) -> Result<u64> {
        let Some(bytes) = self.survey.blobs.remove(digest) else { return Ok(0) };
        fs::rename(&self.store.blob(digest), &self.store.folder("trash").join(digest.to_string()))?;
        Ok(bytes)
    }

    /// Removes what was placed for an entry and is still what was placed.
    fn take_back(&mut self, resident: &Resident, entry: &Entry) -> Result<()> {
        let others = self.survey.residents.iter().filter_map(|other| other.entry.as_ref());
        let theirs: HashSet<&Path> = others.flat_map(|other| &other.placed).map(|placed| &*placed.path).collect();
        // Pointers and manifests first: what they lead to tells whose they are, and what else names it whether it goes.
        let (shared, others): (Vec<_>, Vec<_>) = entry.placed.iter().partition(|placed| is_shared(&placed.path));
        let (pointers, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|placed| matches!(placed.content, Content::Pointer { .. }));
        let mut named = Named::default();
        for placed in pointers.into_iter().chain(others).chain(shared) {
            let is_anothers = theirs.contains(&*placed.path) && self.is_also_anothers(placed);
            if !is_anothers && !named.has(&placed.path)? {
                self.take_back_one(placed, entry)?;
            }
        }
        Store::remove_leftovers(&resident.id, entry)?;
        for folder in Store::own_folders(entry).into_iter().rev() {
            if !self.hand_over(folder, resident)? {
                fs::remove_empty_folder(folder);
            }
        }
        Ok(())
    }

    /// Whether another entry placed the same there.
    fn is_also_anothers(&self, placed: &Placed) -> bool {
        let others = self.survey.residents.iter().filter_map(|other| other.entry.as_ref()?.placed_at(&placed.path));
        others.into_iter().any(|other| match (&placed.content, &other.content) {
            (Content::Blob { sha256, .. }, Content::Blob { sha256: theirs, .. }) => sha256 == theirs,
            (ours, theirs) => ours == theirs,
        })
    }

    /// Removes one placed file; our own unlinking changes the ctime of a blob, so its memos follow.
    fn take_back_one(&self, placed: &Placed, entry: &Entry) -> Result<bool> {
        let Content::Blob { sha256, .. } = &placed.content else { return self.store.remove_placed(placed, entry) };
        let before = fs::look(&self.store.blob(sha256))?;
        let removed = self.store.remove_placed(placed, entry)?;
        if let (true, Found::File(before)) = (removed, before) {
            self.renew_memos(sha256, &before)?;
        }
        Ok(removed)
    }

    fn renew_memos(&self, digest: &Sha256Digest, before: &Fingerprint) -> Result<()> {
        let Found::File(now) = fs::look(&self.store.blob(digest))? else { return Ok(()) };
        if now == *before {
            return Ok(());
        }
        for other in self.survey.residents.iter().filter(|other| other.names.contains(digest)) {
            if let Read::Entry(mut entry) = self.store.read_record(&other.id)?
                && let Some(memo) = entry.memos.get_mut(digest)
                && memo.fingerprint == *before
                && before.same_content(&now)
            {
                memo.fingerprint = now;
                self.store.write_record(&other.id, &entry)?;
            }
        }
        Ok(())
    }

    /// A folder in which another entry has or is about to place something becomes that entry's to remove.
    fn hand_over(&mut self, folder: &Path, from: &Resident) -> Result<bool> {
        let holds = |resident: &&mut Resident| resident.has_placed_below(folder);
        // A process in the middle of its turn may write its record as it knew it: better one that is free.
        let mut heirs: Vec<_> = self.survey.residents.iter_mut().filter(holds).collect();
        heirs.sort_by_key(|heir| heir.use_ == Use::Leased);
        let Some(heir) = heirs.into_iter().next() else { return Ok(false) };
        if let (Some(seen), Read::Entry(mut entry)) = (&mut heir.entry, self.store.read_record(&heir.id)?)
            && !entry.folders.iter().any(|known| known == folder)
        {
            entry.folders.push(folder.to_owned());
            entry.folders.sort();
            self.store.write_record(&heir.id, &entry)?;
            seen.folders.clone_from(&entry.folders);
        }
        for counted in from.folders.iter().filter(|(counted, _)| counted == folder) {
            heir.own_bytes += counted.1;
            heir.folders.push(counted.clone());
        }
        Ok(true)
    }
}
