//! One model under way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::transfer::Transfer;

/// For how long a wait that is told once a second counts as lasting.
const WAIT_LASTS: Duration = Duration::from_secs(3);

/// A model under way.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) name: String,
    /// The files under way, in the order in which they began.
    pub(crate) transfers: Vec<Transfer>,
    pub(super) since: Instant,
    pub(super) announced: Option<Announced>,
    /// How many files, of how many bytes, are to be fetched.
    pub(super) lacks: Option<(usize, Option<u64>)>,
    pub(super) complete: BTreeMap<String, u64>,
    pub(super) wait: Option<Wait>,
}

/// That a model will be asked for, told before it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Announced {
    /// The bytes of all its files, if they are known.
    pub(super) bytes: Option<u64>,
}

/// Another process that fills a model.
#[derive(Debug, Clone)]
pub(crate) struct Wait {
    pub(crate) holder: String,
    pub(crate) done: u64,
    pub(crate) bytes: Option<u64>,
    pub(super) heard: Instant,
}

impl Model {
    pub(super) fn new(name: &str, announced: Option<Announced>, now: Instant) -> Self {
        Self {
            name: name.to_owned(),
            transfers: Vec::new(),
            since: now,
            announced,
            lacks: None,
            complete: BTreeMap::new(),
            wait: None,
        }
    }

    /// Who is waited for, as of now.
    pub(crate) fn wait(&self, now: Instant) -> Option<&Wait> {
        self.wait.as_ref().filter(|wait| now.saturating_duration_since(wait.heard) < WAIT_LASTS)
    }

    /// Whether `file` is under way with so many bytes: one that was complete is again if it comes once more, as what
    /// came was not what is pinned.
    pub(super) fn has(&mut self, file: &str, done: u64, now: Instant) -> bool {
        if let Some(bytes) = self.complete.get(file).copied().filter(|bytes| done < *bytes) {
            self.complete.remove(file);
            self.with(file, now, |transfer| transfer.go_on(Some(bytes), 0, now));
        }
        self.transfers.iter().any(|transfer| transfer.file == file)
    }

    /// Changes the transfer of `file`, which is made if need be and put aside once it is complete.
    pub(super) fn with<T>(&mut self, file: &str, now: Instant, change: impl FnOnce(&mut Transfer) -> T) -> T {
        let known = self.transfers.iter().position(|transfer| transfer.file == file);
        let index = known.unwrap_or_else(|| {
            self.transfers.push(Transfer::begin(file, now));
            self.transfers.len() - 1
        });
        let changed = change(&mut self.transfers[index]);
        if self.transfers[index].is_complete() {
            let transfer = self.transfers.remove(index);
            self.complete.insert(transfer.file, transfer.done);
        }
        changed
    }

    /// How many files are still to come.
    pub(super) fn files(&self) -> usize {
        self.lacks.map_or(self.transfers.len(), |(files, _)| files.saturating_sub(self.complete.len()))
    }

    /// Bytes of the files that are or were under way here.
    pub(super) fn here(&self) -> u64 {
        self.complete.values().sum::<u64>() + self.transfers.iter().map(|transfer| transfer.done).sum::<u64>()
    }

    /// Bytes that are there, of those that [`bytes`](Self::bytes) counts.
    pub(super) fn done(&self) -> u64 {
        let announced = self.announced.and_then(|announced| announced.bytes);
        let from_before = match (announced, self.lacks, &self.wait) {
            (Some(bytes), Some((_, Some(lacking))), _) => bytes.saturating_sub(lacking),
            (Some(_), None, Some(wait)) => wait.done,
            _ => 0,
        };
        let done = from_before + self.here();
        self.bytes().map_or(done, |bytes| done.min(bytes))
    }

    /// Bytes in all: of the whole model if it was announced, else of what is to be fetched.
    pub(super) fn bytes(&self) -> Option<u64> {
        let pinned = self.announced.and_then(|announced| announced.bytes).or_else(|| self.lacks?.1);
        pinned.or_else(|| {
            let begun = self.complete.len() + self.transfers.len();
            let under_way = self.transfers.iter().try_fold(0_u64, |sum, transfer| sum.checked_add(transfer.bytes?))?;
            let all_begun = self.lacks.is_none_or(|(files, _)| files <= begun);
            all_begun.then(|| self.complete.values().sum::<u64>() + under_way)
        })
    }
}
