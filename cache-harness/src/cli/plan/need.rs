//! What a set of models takes: a pure function of their files and of what is here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::digest::Sha256Digest;
use crate::fs::LinkMode;
use crate::prepared::Prepared;
use crate::provider::Wanted;

/// What a file or folder is rounded up to by the common file systems.
const BLOCK: u64 = 4096;
/// The folders and files of a store before its first model.
const STORE: u64 = 16 * BLOCK;
/// Blobs are spread over so many folders.
const SHARDS: u64 = 256;
/// What the record says of a file or a path, but for the path itself.
const LINE: usize = 512;

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
    /// Folders of the layouts.
    folders: BTreeSet<PathBuf>,
    /// Bytes of records, links and small files.
    records: u64,
}

/// What there is room for, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// `max_size`.
    pub(super) budget: u64,
    /// What the store's own folders and files take.
    pub(super) overhead: u64,
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
    /// The files alone would not be.
    OverBudgetWithRecords,
    /// More than the disk has, also if everything else in the store goes.
    OverDisk,
}

impl Fit {
    pub(super) fn is_over_budget(self) -> bool {
        matches!(self, Self::OverBudget | Self::OverBudgetWithRecords)
    }
}

impl Part {
    fn rounding(&self) -> u64 {
        let bytes = self.size.unwrap_or(self.here);
        blocks(bytes) - bytes
    }
}

fn blocks(bytes: u64) -> u64 {
    bytes.next_multiple_of(BLOCK)
}

impl Need {
    /// What `prepared` needs, of which these are the blobs.
    pub(super) fn of(prepared: &Prepared, parts: BTreeMap<Sha256Digest, Part>, copies: u64) -> Self {
        let (root, layout) = (prepared.root.path.as_path(), &prepared.layout);
        let above = |path: &Path| path.parent().into_iter().flat_map(Path::ancestors).map(Path::to_owned).collect();
        let is_ours = |folder: &PathBuf| folder.starts_with(root) || !folder.exists();
        let paths: Vec<Vec<PathBuf>> = layout.items.iter().map(|item| above(&item.path)).collect();
        let hard = layout.ladder.first() == Some(&LinkMode::Hardlink) && copies == 0;
        let beside = layout.items.iter().map(|item| match &item.wanted {
            Wanted::Bytes { .. } if hard => 0,
            Wanted::Bytes { .. } | Wanted::Pointer { .. } => BLOCK,
            Wanted::Text { text, .. } => blocks(text.len() as u64),
        });
        let said = layout.items.iter().map(|item| {
            let text = if let Wanted::Text { text, .. } = &item.wanted { 2 * text.len() } else { 0 };
            LINE + 2 * item.path.as_os_str().len() + text
        });
        let recorded = said.sum::<usize>() + prepared.pins.files.len() * LINE;
        // Beside the record, who is filling the entry leaves a note.
        let records = beside.sum::<u64>() + blocks(recorded as u64) + 2 * BLOCK;
        Self { parts, copies, folders: paths.into_iter().flatten().filter(is_ours).collect(), records }
    }

    /// Takes another model in.
    pub(super) fn add(&mut self, other: &Self) {
        self.parts.extend(&other.parts);
        self.copies += other.copies;
        self.folders.extend(other.folders.iter().cloned());
        self.records += other.records;
    }

    /// The most that folders, records and whole blocks add to the bytes in a store that has so much of its own.
    pub(super) fn overhead(&self, of_store: u64) -> u64 {
        let rounding: u64 = self.parts.values().map(Part::rounding).sum();
        let to_come = self.parts.values().filter(|part| part.size != Some(part.here)).count() as u64;
        let folders = self.folders.len() as u64 + to_come.min(SHARDS);
        of_store.max(STORE) + rounding + folders * BLOCK + self.records
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
        self.bytes() + self.overhead(room.overhead) <= room.budget
    }

    pub(super) fn fits_disk(&self, room: &Room) -> bool {
        let others = room.evictable.saturating_sub(self.here());
        room.free.is_none_or(|free| self.missing() + self.copies <= free.saturating_add(others))
    }

    pub(super) fn fit(&self, room: &Room) -> Fit {
        match (self.fits_budget(room), self.fits_disk(room)) {
            (true, true) => Fit::Fits,
            (false, _) if self.bytes() <= room.budget => Fit::OverBudgetWithRecords,
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
        Need { parts: parts.iter().map(part).collect(), ..Need::default() }
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
        // The store's own folders and files, and a block and a folder for each file to come.
        let own = STORE + 2 * BLOCK - 15 + BLOCK;
        let room = |budget: u64, free, evictable| Room { budget: budget + own, overhead: 0, free, evictable };
        let need = need(&[("a", Some(10), 0), ("b", Some(5), 5)]);
        assert_eq!(need.fit(&room(15, Some(10), 5)), Fit::Fits);
        assert_eq!(need.fit(&room(14, Some(10), 5)), Fit::OverBudgetWithRecords);
        assert_eq!(need.fit(&Room { budget: 14, ..room(0, None, 0) }), Fit::OverBudget);
        assert!(!need.fits_budget(&Room { overhead: STORE + 1, ..room(15, None, 0) }));
        assert_eq!(need.fit(&room(15, Some(9), 5)), Fit::OverDisk);
        assert_eq!(need.fit(&room(15, Some(9), 6)), Fit::Fits);
        assert_eq!(need.fit(&room(15, None, 0)), Fit::Fits);
        assert_eq!(Need { copies: 1, ..need }.fit(&room(16, Some(10), 5)), Fit::OverDisk);
    }
}
