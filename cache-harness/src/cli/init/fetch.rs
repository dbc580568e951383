//! The models that are not here yet: fetched, if somebody wants that.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ask::Ask;
use crate::cache::Cache;
use crate::cli::{Context, Verdict, warm};
use crate::error::{Error, Result};
use crate::event::Via;
use crate::units::ByteSize;

/// How many models are fetched at once.
const JOBS: usize = 4;

/// Whether to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    /// A person on a terminal is asked; without one it is no.
    Ask,
}

/// What the catalog declares and the cache does not have.
#[derive(Debug)]
pub(super) struct Lacking {
    declared: usize,
    names: Vec<String>,
    /// Of the files whose size is known.
    bytes: u64,
    unpinned: Vec<Error>,
}

/// The same before anything was fetched.
#[derive(Serialize)]
pub(super) struct Summary {
    lacking: Vec<String>,
    lacking_bytes: u64,
    unpinned: usize,
}

impl Lacking {
    pub(super) fn of(cache: &Cache) -> Result<Self> {
        let (inner, store) = (&cache.inner, &cache.inner.store);
        let declared = inner.catalog.models.len();
        let mut lacking = Self { declared, names: Vec::new(), bytes: 0, unpinned: Vec::new() };
        let mut missing = BTreeMap::new();
        for name in warm::project(cache)? {
            let prepared = match inner.prepared(&Ask::exactly(&name, Via::Warm)) {
                Ok(prepared) => prepared,
                Err(error @ (Error::Unpinned { .. } | Error::StalePins { .. } | Error::Unconfirmed { .. })) => {
                    lacking.unpinned.push(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let files = prepared.pins.files.iter().filter(|file| !store.blob(&file.sha256).exists());
            let before = missing.len();
            missing.extend(files.map(|file| (file.sha256, file.size.unwrap_or(0))));
            if missing.len() > before {
                lacking.names.push(name);
            }
        }
        lacking.bytes = missing.values().sum();
        Ok(lacking)
    }

    pub(super) fn summary(&self) -> Summary {
        Summary { lacking: self.names.clone(), lacking_bytes: self.bytes, unpinned: self.unpinned.len() }
    }

    /// Fetches, or says how.
    pub(super) fn settle(&self, context: &Context, cache: &Cache, answer: Answer) -> Result<Verdict> {
        if self.declared == 0 {
            context.say("next: `cache-harness add NAME SOURCE` declares a model and pins it");
        }
        let mut verdict = Verdict::Holds;
        if let Some(first) = self.unpinned.first() {
            if answer == Answer::Yes {
                context.error(first);
                verdict = Verdict::Fails;
            } else {
                context.say(&format!("{} not pinned: `cache-harness lock` does it", are(self.unpinned.len())));
            }
        }
        if self.names.is_empty() {
            return Ok(verdict);
        }
        let what = format!("{} ({})", models(self.names.len()), ByteSize(self.bytes));
        let wanted = match answer {
            Answer::Yes => true,
            Answer::No => false,
            Answer::Ask => context.can_ask() && context.affirmed(&format!("Fetch {what} now?"))?,
        };
        if !wanted {
            context.say(&format!("not here yet: {what}; `cache-harness warm` fetches them"));
            return Ok(verdict);
        }
        let results = crate::warm::warm(cache, &self.names, JOBS);
        for error in results.iter().filter_map(|(_, result)| result.as_ref().err()) {
            context.error(error);
            verdict = Verdict::Fails;
        }
        let fetched = results.iter().filter_map(|(_, result)| result.as_ref().ok());
        let bytes: u64 = fetched.map(crate::CachedModel::fetched_bytes).sum();
        context.say(&format!("fetched {}", ByteSize(bytes)));
        Ok(verdict)
    }
}

fn models(count: usize) -> String {
    if count == 1 { "1 model".to_owned() } else { format!("{count} models") }
}

fn are(count: usize) -> String {
    format!("{} {}", models(count), if count == 1 { "is" } else { "are" })
}
