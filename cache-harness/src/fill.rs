//! The way of a request that is no plain hit: wait for the turn, look again, verify, make room, fetch, restore.

#[cfg(feature = "cli")]
mod keep;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use crate::ask::Ask;
use crate::cache::{Account, Inner};
use crate::config::Verify;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::event::Outcome;
use crate::fetch::{Effort, Job, Source};
use crate::fs::{self, Found, LinkMode};
use crate::lock::Waiting;
use crate::pins::PinnedFile;
use crate::prepared::Prepared;
use crate::progress::Step;
use crate::proof::Proof;
use crate::provider::Wanted;
use crate::restore::restore;
use crate::store::{Checked, Entry, Filled, Memo, OnDamage, Proofs, Recorded, Slot, Store, Turn};
use crate::{ByteSize, archive, time};

#[cfg(feature = "cli")]
pub(crate) use keep::keep;

/// How many files of one model are fetched at once.
const FETCHES: usize = 4;

/// A file whose blob is to be fetched, and what lies there instead.
struct Lacking<'a> {
    file: &'a PinnedFile,
    damage: Option<Sha256Digest>,
    /// Whether the right bytes had been there.
    was_here: bool,
}

impl Lacking<'_> {
    fn is_repair(&self) -> bool {
        self.was_here || self.damage.is_some()
    }
}

/// Fills, verifies and restores the entry of `prepared`, which the caller has leased.
pub(crate) fn fill(
    inner: &Inner,
    ask: &Ask<'_>,
    prepared: &Prepared,
    verify: Verify,
    account: &mut Account,
) -> Result<(Outcome, Arc<Proof>)> {
    let (started, since) = (Instant::now(), time::now());
    let turn = waiting(inner, prepared, |waiting| inner.store.turn(&prepared.id, waiting))?;
    account.waited_seconds = started.elapsed().as_secs_f64();
    if let Some(message) = turn.failure_since(since) {
        return Err(Error::SourcesJustFailed { message: message.to_owned() });
    }
    turn.sign();
    lead(inner, ask, prepared, verify, &turn, account).inspect_err(|error| {
        if matches!(error, Error::SourcesFailed { .. }) {
            turn.leave_failure(error);
        }
    })
}

/// Fills the entry in this process's turn.
fn lead(
    inner: &Inner,
    ask: &Ask<'_>,
    prepared: &Prepared,
    verify: Verify,
    turn: &Turn<'_>,
    account: &mut Account,
) -> Result<(Outcome, Arc<Proof>)> {
    if verify == Verify::Memo
        && let Some(proof) = inner.proven(prepared)?
    {
        return Ok((Outcome::Hit, proof));
    }
    let known = inner.store.entry(&prepared.id)?;
    let is_recorded = known.is_some();
    let mut entry = known.unwrap_or_else(|| new_entry(prepared));
    if !is_recorded && prepared.pins.files.iter().any(|file| inner.store.blob(&file.sha256).exists()) {
        // Named from here on, so that no eviction takes the blobs between this look at them and their use.
        turn.record(&mut entry)?;
    }
    (entry.model, entry.provider) = (prepared.name().clone(), prepared.provider.to_string());

    let offline = ask.offline.unwrap_or(inner.config.offline.value);
    let lacking = check(inner, prepared, verify, offline, &mut entry)?;
    refuse_if_offline(inner, prepared, offline, &lacking)?;
    let copies = copies(inner, prepared);
    entry.arriving = prepared.pins.archive.as_ref().filter(|_| !lacking.is_empty()).map(recorded);
    if !lacking.is_empty() || copies > 0 {
        let reserved = Store::reserve(turn, &mut entry, copies, &inner.budget())?;
        inner.log_evictions(&reserved.evicted);
        if reserved.excess > 0 {
            inner.warn_once(&format!(
                "models in use exceed max_size by {}; the excess goes when they are released",
                ByteSize(reserved.excess)
            ));
        }
    }
    if !lacking.is_empty() {
        let repair = lacking.iter().any(Lacking::is_repair);
        account.reason = Some(if repair { "lost or damaged" } else { "not in the cache" }.to_owned());
        let model = prepared.name().as_str();
        let (files, bytes) = match &prepared.pins.archive {
            Some(archive) => (1, archive.size),
            None => (lacking.len(), lacking.iter().try_fold(0_u64, |sum, lacking| sum.checked_add(lacking.file.size?))),
        };
        inner.progress.step(Step::Lacks { model, files, bytes });
        inner.progress.ticking(model, || fetch(inner, prepared, &lacking, &mut entry, account))?;
        entry.arriving = None;
        turn.record(&mut entry)?;
    }
    let unfinished = entry.placed.is_empty() || entry.is_interrupted();
    let restored = restore(turn, &mut entry, &prepared.layout, verify)?;
    if !lacking.is_empty() || restored.copied > 0 || unfinished {
        // Only now is it known what it all takes: sizes that are not pinned, folders, copies where no link was possible.
        inner.log_evictions(&inner.store.trim(&inner.budget())?);
    }
    if !lacking.is_empty() {
        inner.note_room();
    }

    let damaged = lacking.iter().filter(|lacking| lacking.is_repair());
    account.repairs.extend(damaged.map(|lacking| lacking.file.path.to_string()));
    account.repairs.extend(restored.repaired.iter().map(|path| path.display().to_string()));
    let outcome = match (account.repairs.is_empty(), lacking.is_empty()) {
        (false, _) => Outcome::Repaired,
        (true, false) => Outcome::Miss,
        (true, true) => Outcome::Hit,
    };
    let proof = proof(inner, prepared, &entry)?;
    Ok((outcome, proof))
}

fn new_entry(prepared: &Prepared) -> Entry {
    let files = prepared.pins.files.iter().map(recorded).collect();
    Entry::new(prepared.name().clone(), prepared.provider.to_string(), files)
}

fn recorded(file: &PinnedFile) -> Recorded {
    Recorded { path: file.path.clone(), size: file.size, sha256: file.sha256 }
}

/// Waits for a lock of this entry for as long as whoever holds it gets on.
pub(crate) fn waiting<T>(
    inner: &Inner,
    prepared: &Prepared,
    wait: impl FnOnce(&Waiting<'_>) -> Result<T>,
) -> Result<T> {
    let files = || prepared.pins.files.iter().chain(&prepared.pins.archive);
    let done = || {
        let size = |digest| match (fs::look(&inner.store.partial(digest)), fs::look(&inner.store.blob(digest))) {
            (Ok(Found::File(partial)), _) => partial.size,
            (_, Ok(Found::File(blob))) => blob.size,
            _ => 0,
        };
        files().map(|file| size(&file.sha256)).sum::<u64>()
    };
    // Who waits for a server stamps its partial: that is progress too.
    let moved = || {
        let stamps = files().filter_map(|file| fs::modified(&inner.store.partial(&file.sha256)));
        stamps.map(time::unix_micros).fold(done(), u64::wrapping_add)
    };
    let (model, bytes) = (prepared.name().as_str(), prepared.pins.fetched_bytes());
    let notice = |holder: &str, waited: Duration| {
        let done = prepared.pins.fetched().map(|file| inner.store.bytes_of(&file.sha256)).sum();
        inner.progress.step(Step::Waiting { model, holder, waited, done, bytes });
    };
    wait(&Waiting { patience: inner.config.patience.value, progress: &moved, notice: &notice })
}

/// Verifies every blob of the entry and returns the files that are to be fetched.
fn check<'a>(
    inner: &Inner,
    prepared: &'a Prepared,
    verify: Verify,
    offline: bool,
    entry: &mut Entry,
) -> Result<Vec<Lacking<'a>>> {
    let memo_age = match verify {
        Verify::Memo => inner.config.rehash_after.value,
        Verify::Always => Duration::ZERO,
    };
    let on_damage = if offline { OnDamage::Leave } else { OnDamage::Quarantine };
    let mut proofs = Proofs::new(&inner.store, memo_age, on_damage);
    let mut lacking: Vec<Lacking<'_>> = Vec::new();
    let mut seen = HashSet::new();
    for file in prepared.pins.files.iter().filter(|file| seen.insert(file.sha256)) {
        let damage = match proofs.check(&file.sha256, entry.memos.get(&file.sha256))? {
            Checked::Proven(memo) => {
                remember(entry, &file.sha256, memo);
                continue;
            }
            Checked::Missing => None,
            Checked::Damaged(actual) => actual,
        };
        let was_here = entry.memos.remove(&file.sha256).is_some();
        lacking.push(Lacking { file, damage, was_here });
    }
    Ok(lacking)
}

fn remember(entry: &mut Entry, digest: &Sha256Digest, memo: Memo) {
    entry.memos.insert(*digest, memo);
    for file in entry.files.iter_mut().filter(|file| file.sha256 == *digest) {
        file.size = Some(memo.fingerprint.size);
    }
}

fn refuse_if_offline(inner: &Inner, prepared: &Prepared, offline: bool, lacking: &[Lacking<'_>]) -> Result<()> {
    let is_remote = |lacking: &&Lacking<'_>| {
        let sources = Source::of(&prepared.declared, &prepared.pins, lacking.file, &inner.config);
        sources.iter().all(Source::is_remote)
    };
    match lacking.iter().find(is_remote) {
        Some(first) if offline => Err(Error::Offline {
            model: prepared.name().to_string(),
            looked: inner.store.dir().to_owned(),
            file: first.file.path.to_string(),
            damage: first.damage.map(|actual| Box::new((first.file.sha256, actual))),
        }),
        _ => Ok(()),
    }
}

/// Bytes that restoring will add beside the blobs, because the layout takes no links.
pub(crate) fn copies(inner: &Inner, prepared: &Prepared) -> u64 {
    let layout = &prepared.layout;
    let links = match layout.ladder.first() {
        Some(LinkMode::Symlink) => true,
        Some(LinkMode::Hardlink) => fs::device(&prepared.root.path) == fs::device(inner.store.dir()),
        _ => false,
    };
    if links {
        return 0;
    }
    let missing = layout.items.iter().filter(|item| matches!(fs::look(&item.path), Ok(Found::Nothing)));
    let digests = missing.filter_map(|item| match &item.wanted {
        Wanted::Bytes { sha256, .. } => Some(sha256),
        Wanted::Pointer { .. } | Wanted::Text { .. } => None,
    });
    let sizes: BTreeMap<_, _> = prepared.pins.files.iter().map(|file| (file.sha256, file.size)).collect();
    digests.filter_map(|digest| sizes.get(digest).copied().flatten()).sum()
}

/// What came of fetching some files.
pub(crate) struct Arrived {
    /// How each blob is known that is now there.
    pub(crate) memos: Result<Vec<(Sha256Digest, Memo)>>,
    pub(crate) effort: Effort,
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
    for (digest, memo) in arrived.memos? {
        remember(entry, &digest, memo);
    }
    let filled = Filled {
        at: time::unix_seconds(time::now()),
        seconds: started.elapsed().as_secs_f64(),
        bytes: account.fetched_bytes,
    };
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

/// How a blob is known that somebody else put there; `None` if it is gone, or was wrong and is put aside.
pub(crate) fn proven(inner: &Inner, store: &Store, digest: &Sha256Digest) -> Result<Option<Memo>> {
    let mut proofs = Proofs::new(store, inner.config.rehash_after.value, OnDamage::Quarantine);
    Ok(match proofs.check(digest, None)? {
        Checked::Proven(memo) => Some(memo),
        Checked::Missing | Checked::Damaged(_) => None,
    })
}

/// What the next hit will look at.
fn proof(inner: &Inner, prepared: &Prepared, entry: &Entry) -> Result<Arc<Proof>> {
    let unfinished = || Error::Unusable {
        dir: inner.store.dir().to_owned(),
        reason: "the record of a model that was just placed cannot be read back".to_owned(),
    };
    let record = Store::record_fingerprint(&prepared.entry_files)?.ok_or_else(unfinished)?;
    let memo_age = inner.config.rehash_after.value;
    Proof::of(&inner.store, entry, record, &prepared.pins, &prepared.layout, memo_age)
        .map(Arc::new)
        .ok_or_else(unfinished)
}
