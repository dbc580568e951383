//! Fetching what a model lacks: its files, some at once, or the archive that has them.

use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::Instant;

use super::{Lacking, proven, remember, waiting};
use crate::cache::{Account, Inner};
use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::fetch::{Effort, Job, Source};
use crate::pins::PinnedFile;
use crate::prepared::Prepared;
use crate::progress::Step;
use crate::store::{Entry, Filled, Memo, Slot};
use crate::{archive, time};

/// How many files of one model are fetched at once.
const FETCHES: usize = 4;

/// What came of fetching some files.
pub(crate) struct Arrived {
    /// How each blob is known that is now there.
    pub(crate) memos: Result<Vec<(Sha256Digest, Memo)>>,
    pub(crate) effort: Effort,
}

/// Fetches what lacks, and says so.
pub(super) fn fetch_missing(
    inner: &Inner,
    prepared: &Prepared,
    lacking: &[Lacking<'_>],
    entry: &mut Entry,
    account: &mut Account,
) -> Result<()> {
    let model = prepared.name().as_str();
    let (files, bytes) = match &prepared.pins.archive {
        Some(archive) => (1, archive.size),
        None => (lacking.len(), lacking.iter().try_fold(0_u64, |sum, lacking| sum.checked_add(lacking.file.size?))),
    };
    inner.progress.step(Step::Lacks { model, files, bytes });
    inner.progress.ticking(model, || fetch(inner, prepared, lacking, entry, account))
}

/// Fetches what lacks.
fn fetch(
    inner: &Inner,
    prepared: &Prepared,
    lacking: &[Lacking<'_>],
    entry: &mut Entry,
    account: &mut Account,
) -> Result<()> {
    let started = Instant::now();
    let arrived = match &prepared.pins.archive {
        Some(archive) => {
            let files = lacking.iter().map(|lacking| lacking.file);
            archive::fetch(inner, prepared, &inner.store, archive, files)
        }
        None => fetch_files(inner, prepared, lacking),
    };
    account.add(arrived.effort);
    account.fetch_seconds = started.elapsed().as_secs_f64();
    for (digest, memo) in arrived.memos? {
        remember(entry, &digest, memo);
    }
    let filled =
        Filled { at: time::unix_seconds(time::now()), seconds: account.fetch_seconds, bytes: account.fetched_bytes };
    // Mending one file says nothing about what the whole model costs.
    if entry.filled.is_none_or(|before| before.bytes <= filled.bytes) {
        entry.filled = Some(filled);
    }
    Ok(())
}

/// Fetches files of their own, a few at a time.
fn fetch_files(inner: &Inner, prepared: &Prepared, lacking: &[Lacking<'_>]) -> Arrived {
    let queue = Mutex::new(lacking.iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut effort = Effort::default();
        let mut memos = Vec::new();
        while let Some(Lacking { file, .. }) = next() {
            match fill_slot(inner, prepared, file, &mut effort) {
                Ok(memo) => memos.push((file.sha256, memo)),
                Err(error) => {
                    while next().is_some() {}
                    return Arrived { memos: Err(error), effort };
                }
            }
        }
        Arrived { memos: Ok(memos), effort }
    };
    let workers = lacking.len().min(FETCHES);
    std::thread::scope(|scope| {
        // Where no more threads are to be had, this one does all.
        let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..workers).filter_map(spawn).collect();
        let joined = |other: ScopedJoinHandle<'_, Arrived>| {
            other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        let own = work();
        others.into_iter().map(joined).fold(own, Arrived::and)
    })
}

impl Arrived {
    fn and(mut self, other: Self) -> Self {
        self.effort += other.effort;
        let both = |mut memos: Vec<_>| {
            memos.extend(other.memos?);
            Ok(memos)
        };
        Self { memos: self.memos.and_then(both), effort: self.effort }
    }
}

fn fill_slot(inner: &Inner, prepared: &Prepared, file: &PinnedFile, effort: &mut Effort) -> Result<Memo> {
    let sources = Source::of(&prepared.declared, &prepared.pins, file, &inner.config);
    let patience = inner.config.patience.value;
    let job = Job { model: prepared.name().as_str(), file: &file.path, sources: &sources, patience };
    loop {
        let limit = inner.config.max_size.value.0;
        let slot = waiting(inner, prepared, |waiting| inner.store.slot(&file.sha256, file.size, limit, waiting))?;
        match slot {
            Slot::Vacant(partial) => {
                let fetched = inner.fetcher.fill(job, partial, &inner.progress);
                *effort += fetched.effort;
                return fetched.memo;
            }
            // Another entry's process filled it meanwhile.
            Slot::Present => {
                if let Some(memo) = proven(inner, &inner.store, &file.sha256)? {
                    return Ok(memo);
                }
            }
        }
    }
}
