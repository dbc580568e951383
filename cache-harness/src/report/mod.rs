//! What a run's models cost and what the cache saved: a fold over the run's events, and one printer per format.
//!
//! `runs` finds the logs, `fold` counts, `text` and `json` print. Printers only read a [`Report`].

use serde::Serialize;

use crate::event::{Evict, Outcome, Request};

mod fold;
mod json;
mod runs;
mod text;

pub(crate) use runs::Runs;

/// The statistics of one run.
///
/// A *request* is one model asked for by one test (or by `restore`), once. Requests are exact under any number of
/// processes and threads, panics and kills included: a request is counted when its model was in place.
///
/// Every request is a hit or a miss. [`Outcome::Hit`] is a hit, also after waiting for somebody else's fetch.
/// [`Outcome::Miss`], [`Outcome::Skip`] and [`Outcome::Failed`] are misses: the model was asked for and was not
/// there. [`Outcome::Repaired`] and [`Outcome::Fallback`] are misses if anything was fetched for them, else hits.
///
/// What `warm` did is no request. Its bytes, retries, resumes and repairs count, its time doesn't.
///
/// Serialized, this is the document of `report --format json`: sizes in bytes, durations in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The run's name.
    pub run: String,
    /// When its first process logged first, RFC 3339 in UTC; none without events.
    pub started: Option<String>,
    /// How many tests (distinct names) asked for models.
    pub tests: u64,
    /// How many requests there were: `hits` + `misses`.
    pub requests: u64,
    /// Requests whose model was there.
    pub hits: u64,
    /// Requests whose model wasn't.
    pub misses: u64,
    /// `hits` / `requests`, from 0 to 1; none without requests.
    pub hit_rate: Option<f64>,
    /// The size of what was put in place, in bytes.
    pub bytes_served: u64,
    /// What was fetched, for `warm` too, in bytes.
    pub bytes_fetched: u64,
    /// What hits served without fetching it, in bytes.
    pub bytes_saved: u64,
    /// The time that tests waited for their models, in seconds; tests in parallel each count.
    pub seconds_preparing: f64,
    /// What the fetches that filled the store took, once per hit, less the hit's own time, in seconds.
    pub seconds_saved: f64,
    /// How often an exchange with a server was tried again.
    pub retries: u64,
    /// How often a download went on from a partial.
    pub resumes: u64,
    /// How many files were damaged or lost and are whole again.
    pub repairs: u64,
    /// How many models were evicted.
    pub evictions: u64,
    /// Requests answered by another model, the catalog's `fallback`.
    pub fallbacks: u64,
    /// Requests whose test was skipped.
    pub skips: u64,
    /// Each model, by name.
    pub models: Vec<ModelUse>,
    /// The up to ten requests that took longest, longest first.
    pub slowest: Vec<Request>,
    /// Requests whose test failed because the model was not to be had.
    pub failures: u64,
    /// Requests that went past a cache folder that could not be used.
    pub bypassed: u64,
    /// The part of `seconds_preparing` spent waiting for somebody else's fetch, in seconds.
    pub seconds_waiting: f64,
    /// What was evicted, in the order of time.
    pub evicted: Vec<Evict>,
    /// What was warned of, each sentence once.
    pub warnings: Vec<String>,
    /// Lines of the log that were cut by a kill or damaged; what they said is missing here.
    pub unreadable: u64,
    /// What `warm` did, in the order of time.
    pub warmed: Vec<Request>,
    /// Every request, by test and in the order of time.
    pub per_test: Vec<Request>,
}

/// One model's part in a [`Report`]; the fields mean the same.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct ModelUse {
    /// The model.
    pub name: String,
    /// How often it was asked for.
    pub requests: u64,
    /// How often it was there.
    pub hits: u64,
    /// How often it wasn't.
    pub misses: u64,
    /// `hits` / `requests`; none if it was only warmed.
    pub hit_rate: Option<f64>,
    /// The size of what was put in place, in bytes.
    pub bytes_served: u64,
    /// What was fetched, in bytes.
    pub bytes_fetched: u64,
    /// The time that tests waited for it, in seconds.
    pub seconds_preparing: f64,
    /// The time that its hits saved, in seconds.
    pub seconds_saved: f64,
    /// How many of its files were repaired.
    pub repairs: u64,
}

impl Report {
    /// The report for a terminal: at most 80 columns, the hit rate first, no colours.
    #[must_use]
    pub fn text(&self) -> impl std::fmt::Display + '_ {
        text::TextReport(self)
    }

    /// The report as one JSON document.
    #[must_use]
    pub fn json(&self) -> impl std::fmt::Display + '_ {
        json::JsonReport(self)
    }
}

impl Request {
    /// Whether the model was there, as [`Report`] counts it.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        match self.outcome {
            Outcome::Hit => true,
            Outcome::Repaired | Outcome::Fallback => self.fetched_bytes == 0,
            Outcome::Miss | Outcome::Skip | Outcome::Failed => false,
        }
    }

    /// How many files were repaired; a repair that names none is one.
    fn repaired_files(&self) -> u64 {
        let files = u64::try_from(self.repairs.len()).unwrap_or(u64::MAX);
        if self.outcome == Outcome::Repaired { files.max(1) } else { files }
    }
}
