//! What a set of models takes: a pure function of their files and of what is here.

use std::collections::BTreeMap;

use crate::digest::Sha256Digest;

/// One blob or archive that models need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Bytes; unknown until a file that is pinned by its digest alone was fetched or locked.
    pub(super) size: Option<u64>,
    /// Bytes of it that are here.
    pub(super) here: u64,
}

/// What models need at the same time, each blob once.
#[derive(Debug, Clone, Default)]
pub(super) struct Need {
    pub(super) parts: BTreeMap<Sha256Digest, Part>,
    /// Bytes that restoring adds beside the blobs, where a layout takes no links.
    pub(super) copies: u64,
}

/// What there is room for, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// `max_size`.
    pub(super) budget: u64,
    /// What is free on the disk of the store; `None` where the system does not say.
    pub(super) free: Option<u64>,
    /// What may be evicted from the store, what is needed itself included.
    pub(super) evictable: u64,
}

/// Whether there is room. Where a size is unknown, for what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Fits,
    /// More than the cache may hold.
    OverBudget,
    /// More than the disk has, also if everything else in the store goes.
    OverDisk,
}

impl Need {
    /// Takes another model in.
    pub(super) fn add(&mut self, other: &Self) {
        self.parts.extend(&other.parts);
        self.copies += other.copies;
    }

    /// The known bytes, copies included.
    pub(super) fn bytes(&self) -> u64 {
        self.parts.values().map(|part| part.size.unwrap_or(part.here)).sum::<u64>() + self.copies
    }

    /// The bytes that are here.
    pub(super) fn here(&self) -> u64 {
        self.parts.values().map(|part| part.here).sum()
    }

    /// The known bytes that are to be fetched.
    pub(super) fn missing(&self) -> u64 {
        self.parts.values().map(|part| part.size.unwrap_or(0).saturating_sub(part.here)).sum()
    }

    /// Whether every size is known.
    pub(super) fn is_known(&self) -> bool {
        self.parts.values().all(|part| part.size.is_some())
    }

    pub(super) fn fits_budget(&self, room: &Room) -> bool {
        self.bytes() <= room.budget
    }

    pub(super) fn fits_disk(&self, room: &Room) -> bool {
        let others = room.evictable.saturating_sub(self.here());
        room.free.is_none_or(|free| self.missing() + self.copies <= free.saturating_add(others))
    }

    pub(super) fn fit(&self, room: &Room) -> Fit {
        match (self.fits_budget(room), self.fits_disk(room)) {
            (true, true) => Fit::Fits,
            (false, _) => Fit::OverBudget,
            (true, false) => Fit::OverDisk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(parts: &[(&str, Option<u64>, u64)]) -> Need {
        let part = |(name, size, here): &(&str, Option<u64>, u64)| {
            (Sha256Digest::of(name.as_bytes()), Part { size: *size, here: *here })
        };
        Need { parts: parts.iter().map(part).collect(), copies: 0 }
    }

    #[test]
    fn what_two_models_share_is_needed_once() {
        let mut both = need(&[("a", Some(10), 0), ("shared", Some(5), 5)]);
        both.add(&need(&[("b", Some(20), 7), ("shared", Some(5), 5)]));
        assert_eq!((both.bytes(), both.here(), both.missing(), both.is_known()), (35, 12, 23, true));
        both.add(&need(&[("c", None, 3)]));
        assert_eq!((both.bytes(), both.missing(), both.is_known()), (38, 23, false));
    }

    #[test]
    fn the_budget_counts_all_of_it_and_the_disk_what_is_missing() {
        let room = |budget, free, evictable| Room { budget, free, evictable };
        let need = need(&[("a", Some(10), 0), ("b", Some(5), 5)]);
        assert_eq!(need.fit(&room(15, Some(10), 5)), Fit::Fits);
        assert_eq!(need.fit(&room(14, Some(10), 5)), Fit::OverBudget);
        assert_eq!(need.fit(&room(15, Some(9), 5)), Fit::OverDisk);
        assert_eq!(need.fit(&room(15, Some(9), 6)), Fit::Fits);
        assert_eq!(need.fit(&room(15, None, 0)), Fit::Fits);
        assert_eq!(Need { copies: 1, ..need }.fit(&room(16, Some(10), 5)), Fit::OverDisk);
    }
}
