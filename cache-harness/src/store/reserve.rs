//! Keeping to the budget: room is made before a model comes, and trimmed when models in use let go.

use super::evict::{Choosing, Evicted};
use super::retention::{Plan, RetentionPolicy, Use};
use super::{Entry, Store, Survey, Turn};
use crate::error::{Error, Result};
use crate::fs::{self, Found};
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

/// Room that was made for a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reserved {
    pub(crate) evicted: Vec<Evicted>,
    /// Bytes by which models in use will exceed the budget.
    pub(crate) excess: u64,
}

/// Bytes that the folders, links and records of a model may take that nobody foresees.
const UNCOUNTED: u64 = 256 * 1024;

/// What is to be made room for, and within which limits.
#[derive(Debug, Clone, Copy)]
struct Room {
    policy: RetentionPolicy,
    /// Bytes that processes are about to write.
    coming: u64,
}

impl Store {
    /// Makes room for the blobs `entry` lacks, the archive they come in and `copies` more bytes, and records the entry.
    ///
    /// # Errors
    ///
    /// [`Error::OverBudget`] if the model alone exceeds the budget, [`Error::NoRoom`] if models in use leave no
    /// room and the budget is strict, [`Error::DiskFull`] if the disk has none.
    pub(crate) fn reserve(turn: &Turn<'_>, entry: &mut Entry, copies: u64, budget: &Budget) -> Result<Reserved> {
        let store = turn.store();
        let (bytes, max_bytes) = (entry.bytes() + entry.arriving_bytes(), budget.policy.max_size);
        if bytes > max_bytes {
            return Err(Error::OverBudget { model: entry.model.to_string(), bytes, max_bytes });
        }
        // Counted as promised from here on, also by others.
        let mut choosing = store.choosing(|| turn.write(entry))?;
        let room = choosing.clear(copies, budget)?;
        // Before anything goes: a model that is refused costs no other its place.
        let remaining = choosing.survey.plan(&room).remaining;
        if budget.strict && remaining > max_bytes {
            let held = remaining.saturating_sub(room.coming);
            return Err(Error::NoRoom { model: entry.model.to_string(), bytes, held, max_bytes });
        }
        let full = |available| Error::DiskFull { path: store.dir().to_owned(), needed: room.coming, available };
        match fs::free_bytes(store.dir()) {
            Some(available) if remaining > choosing.survey.used() + available => return Err(full(available)),
            _ => {}
        }
        let (remaining, evicted) = choosing.fit(&room);
        choosing.flag(remaining, budget)?;
        drop(choosing);
        store.empty_trash()?;
        match fs::free_bytes(store.dir()) {
            Some(available) if available < room.coming => Err(full(available)),
            _ => Ok(Reserved { evicted, excess: remaining.saturating_sub(max_bytes) }),
        }
    }

    /// Evicts what `budget` does not let stay. Cheap if nothing exceeded it.
    pub(crate) fn trim_if_over_budget(&self, budget: &Budget) -> Result<Vec<Evicted>> {
        match fs::look(&self.over_budget)? {
            Found::Nothing => Ok(Vec::new()),
            _ => self.trim(budget),
        }
    }

    /// Evicts what `budget` does not let stay. What models in use hold beyond it goes when they are released.
    pub(crate) fn trim(&self, budget: &Budget) -> Result<Vec<Evicted>> {
        let mut choosing = self.choosing(|| Ok(()))?;
        let room = choosing.clear(0, budget)?;
        let (remaining, evicted) = choosing.fit(&room);
        choosing.flag(remaining, budget)?;
        drop(choosing);
        self.empty_trash()?;
        Ok(evicted)
    }

    /// What [`trim`](Self::trim) would evict now.
    pub(crate) fn plan_trim(&self, budget: &Budget) -> Result<Vec<Evicted>> {
        let survey = self.survey()?;
        Ok(survey.forecast(&survey.plan(&survey.room(self, 0, budget)).evict))
    }
}

impl Survey {
    fn room(&self, store: &Store, copies: u64, budget: &Budget) -> Room {
        let mut policy = budget.policy;
        if let Some(free) = fs::free_bytes(store.dir()) {
            policy.max_size = policy.max_size.min((self.used() + free).saturating_sub(budget.min_free_disk));
        }
        Room { policy, coming: self.promised(store) + copies }
    }

    fn plan(&self, room: &Room) -> Plan {
        let stored = self.stored();
        let own: u64 = stored.iter().map(|stored| stored.own_bytes).sum();
        let named: std::collections::HashSet<_> =
            stored.iter().flat_map(|stored| &stored.blobs).map(|(digest, _)| digest).collect();
        let blobs: u64 = self.blobs.iter().filter(|(digest, _)| named.contains(digest)).map(|(_, bytes)| bytes).sum();
        room.policy.plan(&stored, self.used() - own - blobs + room.coming, time::now())
    }
}

impl Choosing<'_> {
    /// Removes what is nobody's; under pressure also what might still have been of use to somebody.
    fn clear(&mut self, copies: u64, budget: &Budget) -> Result<Room> {
        let room = self.survey.room(self.store, copies, budget);
        if self.survey.used() + room.coming <= room.policy.max_size {
            return Ok(room);
        }
        // Say, what pinning fetched and nobody has asked for yet.
        self.sweep_orphans()?;
        self.sweep_quarantine()?;
        self.sweep_partials()?;
        // What a partial held is to come again.
        Ok(self.survey.room(self.store, copies, budget))
    }

    /// Leaves word for the next release, or takes it back. While somebody fills an entry, the word is left early:
    /// if they are killed, they do not get to count what they added.
    fn flag(&self, remaining: u64, budget: &Budget) -> Result<()> {
        let path = &self.store.over_budget;
        let expected = if self.survey.is_filling() { remaining.saturating_add(UNCOUNTED) } else { remaining };
        let is_over = expected > budget.policy.max_size;
        match (is_over, fs::look(path)? != Found::Nothing) {
            (true, false) => fs::write_durable(path, b""),
            (false, true) => fs::remove_file(path),
            _ => Ok(()),
        }
    }

    /// Evicts until `room` is kept to or only what must stay is left; returns the bytes that then remain.
    fn fit(&mut self, room: &Room) -> (u64, Vec<Evicted>) {
        let mut evicted = Vec::new();
        loop {
            let plan = self.survey.plan(room);
            let Some((id, reason)) = plan.evict.first() else { return (plan.remaining, evicted) };
            match self.evict(id, *reason) {
                Ok(Some(gone)) => evicted.push(gone),
                // Taken into use since the survey, or something of it cannot be removed, say from a folder of
                // another user's: others go instead, and that the budget is exceeded is told.
                Ok(None) | Err(_) => {
                    self.survey
                        .residents
                        .iter_mut()
                        .filter(|kept| kept.id == *id)
                        .for_each(|kept| kept.use_ = Use::Leased);
                }
            }
        }
    }
}
