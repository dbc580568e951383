//! Warming: fetching ahead of need, in parallel, and remembering since when a model is warm.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::ask::Ask;
use crate::cache::Cache;
use crate::cached_model::CachedModel;
use crate::error::Result;
use crate::event::Via;
use crate::lock::{ExclusiveLock, Waiting};
use crate::progress::Step;
use crate::report::Runs;
use crate::store::EntryId;
use crate::{fs, time};

/// `<state dir>/warm.json`: since when each entry is warm. Anything unreadable in it counts as nothing.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    version: u32,
    /// Unix seconds.
    since: BTreeMap<EntryId, u64>,
}

impl Memory {
    pub(crate) fn read(state_dir: &Path) -> Self {
        let text = fs::read_text(&state_dir.join("warm.json")).ok().flatten();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Since when this entry is warm, if it was warmed.
    pub(crate) fn since(&self, id: &EntryId) -> Option<SystemTime> {
        self.since.get(id).map(|seconds| time::from_unix_seconds(*seconds))
    }

    fn add(state_dir: &Path, warmed: &[EntryId]) -> Result<()> {
        fs::create_folders(state_dir)?;
        let _writing = ExclusiveLock::acquire(&state_dir.join("warm.lock"), &Waiting::BRIEF)?;
        let mut memory = Self::read(state_dir);
        memory.version = 1;
        for id in warmed {
            memory.since.entry(*id).or_insert_with(|| time::unix_seconds(time::now()));
        }
        let text = serde_json::to_vec(&memory)
            .map_err(|error| crate::Error::io("write", state_dir.join("warm.json"))(error.into()))?;
        fs::write_durable(&state_dir.join("warm.json"), &text)
    }
}

/// Warms the models and variants of just these names with `jobs` at once. One that fails does not stop the others.
pub(crate) fn warm(cache: &Cache, names: &[String], jobs: usize) -> Vec<(String, Result<CachedModel>)> {
    for name in names.iter().filter(|_| names.len() > 1) {
        let prepared = cache.inner.prepared(&Ask::exactly(name, Via::Warm));
        let bytes = prepared.ok().and_then(|prepared| prepared.pins.fetched_bytes());
        cache.inner.progress.step(Step::Queued { model: name, bytes });
    }
    let queue = Mutex::new(names.iter().enumerate());
    let results = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, name)) = next else { break };
            let result = cache.ask(&Ask::exactly(name, Via::Warm));
            results.lock().unwrap_or_else(PoisonError::into_inner).push((index, name.clone(), result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.min(names.len()) {
            // Where no more threads are to be had, this one does all.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _, _)| *index);
    let ids = results.iter().filter_map(|(_, _, result)| Some(result.as_ref().ok()?.prepared.id));
    // Where the state folder cannot be written, the models are warm all the same.
    let _ = Memory::add(&cache.config().state_dir, &ids.collect::<Vec<_>>());
    results.into_iter().map(|(_, name, result)| (name, result)).collect()
}

/// How many of the latest runs tell what the next one will use.
const RUNS: usize = 10;

/// The models that recent runs of this project used, most used first.
pub(crate) fn predict(cache: &Cache) -> Result<Vec<String>> {
    let mut uses: HashMap<String, u64> = HashMap::new();
    for run in Runs::new(&cache.config().state_dir).list(cache.config().project.as_deref())?.take(RUNS) {
        for model in run.report()?.models {
            *uses.entry(model.name).or_default() += model.requests;
        }
    }
    uses.retain(|name, count| *count > 0 && cache.inner.catalog.get(name).is_ok());
    let mut names: Vec<_> = uses.into_iter().collect();
    names.sort_by(|(name, count), (other, other_count)| other_count.cmp(count).then_with(|| name.cmp(other)));
    Ok(names.into_iter().map(|(name, _)| name).collect())
}
