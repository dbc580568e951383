//! Making room: choosing entries, taking back what was placed for them, removing their blobs.
//!
//! Everything here happens under the exclusive `gc.lock`, which no download and no test ever holds. A kill
//! in the middle leaves an entry with some blobs missing, which the next use fills again or the next
//! eviction removes: what was placed goes first, then the blobs, then the record that names them.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::entry::Read;
use super::retention::{Plan, Reason, RetentionPolicy, Use};
use super::{Content, Entry, EntryId, Owner, Placed, Resident, Store, Survey, Turn};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fs::{self, Fingerprint, Found, LinkMode};
use crate::lock::{ExclusiveLock, SharedLock, Waiting};
use crate::time;

/// How much the store may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) policy: RetentionPolicy,
    /// Bytes of free disk that models are evicted for.
    pub(crate) min_free_disk: u64,
    /// Refuse a model rather than exceed `max_size` by models in use.
    pub(crate) strict: bool,
}

/// An entry that was evicted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evicted {
    pub(crate) model: String,
    /// Bytes freed.
    pub(crate) bytes: u64,
    pub(crate) reason: Reason,
}

/// Room that was made for a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reserved {
    pub(crate) evicted: Vec<Evicted>,
    /// Bytes by which models in use will exceed the budget.
    pub(crate) excess: u64,
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
struct Choosing<'a> {
    store: &'a Store,
    survey: Survey,
    _lock: ExclusiveLock,
}

impl Store {
    /// Waits for the right to choose, does what must come before the count, and counts.
    fn choosing(&self, first: impl FnOnce() -> Result<()>) -> Result<Choosing<'_>> {
        if !self.is_ours() {
            let reason = "its CACHEDIR.TAG is missing or not ours, so nothing is removed from it".to_owned();
            return Err(Error::Unusable { dir: self.dir().to_owned(), reason });
        }
        let lock = ExclusiveLock::acquire(&self.gc_file(), &Waiting::BRIEF)?;
        if !lock.excludes_others() {
            let reason = "locks do nothing on its file system, so what is in use cannot be told".to_owned();
            return Err(Error::Unusable { dir: self.dir().to_owned(), reason });
        }
        first()?;
        Ok(Choosing { store: self, survey: self.survey()?, _lock: lock })
    }

    /// Makes room for the blobs `entry` lacks and `copies` more bytes, and records the entry.
    ///
    /// # Errors
    ///
    /// [`Error::OverBudget`] if the model alone exceeds the budget, [`Error::NoRoom`] if models in use leave no
    /// room and the budget is strict, [`Error::DiskFull`] if the disk has none.
    pub(crate) fn reserve(turn: &Turn<'_>, entry: &Entry, copies: u64, budget: &Budget) -> Result<Reserved> {
        let store = turn.store();
        let (bytes, max_bytes) = (entry.bytes(), budget.policy.max_size);
        if bytes > max_bytes {
            return Err(Error::OverBudget { model: entry.model.to_string(), bytes, max_bytes });
        }
        // Counted as promised from here on, also by others.
        let mut choosing = store.choosing(|| store.write_record(turn.id(), entry))?;
        let coming = choosing.survey.promised(store) + copies;
        let (plan, evicted) = choosing.make_room(coming, budget)?;
        let held = plan.remaining.saturating_sub(coming);
        if plan.remaining > max_bytes {
            if budget.strict {
                return Err(Error::NoRoom { model: entry.model.to_string(), bytes, held, max_bytes });
            }
            fs::write_durable(&store.over_budget, b"")?;
        }
        drop(choosing);
        store.empty_trash()?;
        match fs::free_bytes(store.dir()) {
            Some(available) if available < coming => {
                Err(Error::DiskFull { path: store.dir().to_owned(), needed: coming, available })
            }
            _ => Ok(Reserved { evicted, excess: plan.remaining.saturating_sub(max_bytes) }),
        }
    }

    /// Evicts what `budget` does not let stay. Cheap if nothing exceeded it.
    pub(crate) fn trim_if_over_budget(&self, budget: &Budget) -> Result<Vec<Evicted>> {
        match fs::look(&self.over_budget)? {
            Found::Nothing => Ok(Vec::new()),
            _ => self.trim(budget),
        }
    }

    /// Evicts what `budget` does not let stay.
    pub(crate) fn trim(&self, budget: &Budget) -> Result<Vec<Evicted>> {
        let mut choosing = self.choosing(|| Ok(()))?;
        let coming = choosing.survey.promised(self);
        let (plan, evicted) = choosing.make_room(coming, budget)?;
        if plan.remaining <= budget.policy.max_size {
            fs::remove_file(&self.over_budget)?;
        }
        drop(choosing);
        self.empty_trash()?;
        Ok(evicted)
    }

    /// What [`trim`](Self::trim) would evict now.
    pub(crate) fn plan_trim(&self, budget: &Budget) -> Result<Vec<(Resident, Reason)>> {
        let survey = self.survey()?;
        let coming = survey.promised(self);
        let plan = survey.plan(coming, budget);
        let mut residents = survey.residents;
        let take = |(id, reason): &(EntryId, Reason)| {
            let index = residents.iter().position(|resident| resident.id == *id)?;
            Some((residents.swap_remove(index), *reason))
        };
        Ok(plan.evict.iter().filter_map(take).collect())
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

    /// Removes what no entry needs: partials nobody fills, quarantine, blobs nobody names, temporary files.
    /// Returns the bytes freed.
    pub(crate) fn sweep(&self) -> Result<u64> {
        let mut choosing = self.choosing(|| Ok(()))?;
        let before = choosing.survey.used();
        choosing.sweep_partials()?;
        choosing.sweep_quarantine()?;
        choosing.sweep_orphans()?;
        drop(choosing);
        self.empty_trash()?;
        Ok(before.saturating_sub(self.survey()?.used()))
    }

    fn empty_trash(&self) -> Result<()> {
        for path in fs::list(&self.folder("trash"))? {
            fs::remove_file(&path)?;
        }
        Ok(())
    }
}

impl Survey {
    fn plan(&self, coming: u64, budget: &Budget) -> Plan {
        let stored = self.stored();
        let counted: u64 = stored.iter().map(|stored| stored.own_bytes).sum::<u64>() + self.blobs.values().sum::<u64>();
        let named: HashSet<_> = self.residents.iter().flat_map(|resident| &resident.names).collect();
        let orphans: u64 =
            self.blobs.iter().filter(|(digest, _)| !named.contains(digest)).map(|(_, bytes)| bytes).sum();
        let other = self.used() - counted + orphans + coming;
        budget.policy.plan(&stored, other, time::now())
    }
}

impl Choosing<'_> {
    fn make_room(&mut self, coming: u64, budget: &Budget) -> Result<(Plan, Vec<Evicted>)> {
        self.sweep_orphans()?;
        let mut budget = *budget;
        if let Some(free) = fs::free_bytes(self.store.dir()) {
            let possible = (self.survey.used() + free).saturating_sub(budget.min_free_disk);
            budget.policy.max_size = budget.policy.max_size.min(possible);
        }
        if self.survey.plan(coming, &budget).evict.iter().any(|(_, reason)| *reason == Reason::Room)
            || self.survey.used() + coming > budget.policy.max_size
        {
            self.sweep_quarantine()?;
            self.sweep_partials()?;
        }
        let plan = self.survey.plan(coming, &budget);
        let mut evicted = Vec::new();
        for (id, reason) in &plan.evict {
            evicted.extend(self.evict(id, *reason)?);
        }
        Ok((plan, evicted))
    }

    fn evict(&mut self, id: &EntryId, reason: Reason) -> Result<Option<Evicted>> {
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
        let resident = self.survey.residents.swap_remove(index);
        let mut bytes = resident.own_bytes;
        if let Some(entry) = &resident.entry {
            self.take_back(entry)?;
        }
        let named: HashSet<_> = self.survey.residents.iter().flat_map(|other| other.names.clone()).collect();
        for digest in resident.names.iter().filter(|digest| !named.contains(digest)) {
            bytes += self.discard(digest)?;
        }
        fs::remove_file(&self.store.record_file(id))?;
        fs::remove_file(&self.store.turn_file(id))?;
        lease.remove()?;
        let model = resident.entry.map_or_else(|| id.short(), |entry| entry.model.to_string());
        Ok(Some(Evicted { model, bytes, reason }))
    }

    /// Moves a blob to the trash; returns the bytes that frees.
    fn discard(&mut self, digest: &Sha256Digest) -> Result<u64> {
        let Some(bytes) = self.survey.blobs.remove(digest) else { return Ok(0) };
        fs::rename(&self.store.blob(digest), &self.store.folder("trash").join(digest.to_string()))?;
        Ok(bytes)
    }

    /// Removes what was placed for an entry and is still what was placed.
    fn take_back(&self, entry: &Entry) -> Result<()> {
        let others = self.survey.residents.iter().filter_map(|other| other.entry.as_ref());
        let same = |one: &Content, other: &Content| match (one, other) {
            (Content::Blob { sha256, .. }, Content::Blob { sha256: other, .. }) => sha256 == other,
            _ => one == other,
        };
        let mut kept: HashMap<&PathBuf, Vec<&Content>> = HashMap::new();
        for placed in others.flat_map(|other| &other.placed) {
            kept.entry(&placed.path).or_default().push(&placed.content);
        }
        let is_kept = |placed: &&Placed| {
            kept.get(&placed.path).is_some_and(|contents| contents.iter().any(|other| same(other, &placed.content)))
        };
        let mut unlinked = Vec::new();
        for placed in entry.placed.iter().filter(|placed| !is_kept(placed)) {
            let hardlink = match &placed.content {
                Content::Blob { sha256, mode: LinkMode::Hardlink } => Some(*sha256),
                _ => None,
            };
            let before = hardlink.map(|digest| fs::look(&self.store.blob(&digest))).transpose()?;
            if self.store.remove_placed(placed, entry)?
                && let (Some(digest), Some(Found::File(before))) = (hardlink, before)
            {
                unlinked.push((digest, before));
            }
        }
        for folder in entry.folders.iter().rev() {
            fs::remove_empty_folder(folder);
        }
        unlinked.iter().try_for_each(|(digest, before)| self.renew_memos(digest, before))
    }

    /// Our own unlinking changed the ctime of a blob that other entries share: their memos follow.
    fn renew_memos(&self, digest: &Sha256Digest, before: &Fingerprint) -> Result<()> {
        let Found::File(now) = fs::look(&self.store.blob(digest))? else { return Ok(()) };
        for other in &self.survey.residents {
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

    fn sweep_orphans(&mut self) -> Result<()> {
        // What a process uses without a readable record cannot be known.
        if self.survey.residents.iter().any(|resident| resident.entry.is_none() && resident.use_ == Use::Leased) {
            return Ok(());
        }
        let named: HashSet<_> = self.survey.residents.iter().flat_map(|resident| resident.names.clone()).collect();
        let orphans: Vec<_> = self.survey.blobs.keys().filter(|digest| !named.contains(digest)).copied().collect();
        for digest in orphans {
            self.discard(&digest)?;
        }
        Ok(())
    }

    fn sweep_partials(&mut self) -> Result<()> {
        let mut kept = Vec::new();
        for (path, bytes) in std::mem::take(&mut self.survey.partials) {
            match ExclusiveLock::try_acquire(&path)? {
                Some(lock) => lock.remove()?,
                None => kept.push((path, bytes)),
            }
        }
        self.survey.partials = kept;
        Ok(())
    }

    fn sweep_quarantine(&mut self) -> Result<()> {
        for (path, _) in self.survey.quarantine.drain(..) {
            fs::remove_file(&path)?;
        }
        Ok(())
    }
}

impl Store {
    /// Removes what stands at one path for another entry, unless that entry is in use.
    pub(crate) fn take_back_if_free(&self, id: &EntryId, placed: &Placed) -> Result<TakenBack> {
        let Read::Entry(mut entry) = self.read_record(id)? else { return Ok(TakenBack::Changed) };
        let Some(_unused) = ExclusiveLock::try_acquire(&self.lease_file(id))? else {
            return Ok(TakenBack::Leased(entry.model.to_string()));
        };
        if !self.remove_placed(placed, &entry)? {
            return Ok(TakenBack::Changed);
        }
        entry.placed.retain(|known| known.path != placed.path);
        let _choosing = SharedLock::acquire(&self.gc_file(), &Waiting::BRIEF)?;
        self.write_record(id, &entry)?;
        Ok(TakenBack::Removed)
    }

    /// Removes one placed file if it is ours and still what was placed.
    pub(crate) fn remove_placed(&self, placed: &Placed, entry: &Entry) -> Result<bool> {
        if placed.owner != Owner::Ours {
            return Ok(false);
        }
        let unchanged = match (&placed.content, fs::look(&placed.path)?) {
            (Content::Blob { sha256, .. }, Found::File(found)) => {
                let blob = match fs::look(&self.blob(sha256))? {
                    Found::File(blob) => Some(blob),
                    _ => entry.memos.get(sha256).map(|memo| memo.fingerprint),
                };
                blob.is_some_and(|blob| blob.same_file(&found))
                    || placed.proof.is_some_and(|proof| proof.same_content(&found))
                    || (placed.proof.is_none()
                        && fs::has_digest(&placed.path, sha256).map_err(Error::io("read", &placed.path))?)
            }
            (Content::Pointer { target, .. }, Found::Symlink(_)) => {
                fs::read_symlink(&placed.path).as_ref() == Some(target)
            }
            (Content::Text(text), Found::File(_)) => fs::read_text(&placed.path)?.as_ref() == Some(text),
            _ => false,
        };
        if unchanged {
            fs::remove_file(&placed.path)?;
        }
        Ok(unchanged)
    }
}
