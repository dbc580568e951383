//! What a run's models cost and what the cache saved: a fold over the run's events, and one printer per format.
//!
//! `runs` finds the logs, `fold` counts, `change` compares; every other file prints one format, and printers only
//! read a [`Report`].

use serde::Serialize;

use crate::event::{Evict, Outcome, Request};

mod annotation;
mod change;
mod fold;
mod html;
mod json;
mod junit;
mod markdown;
mod markup;
mod note;
mod openmetrics;
mod runs;
#[cfg(test)]
mod sample;
mod sums;
mod text;
mod words;

pub(crate) use annotation::Annotation;
pub use change::Change;
pub(crate) use runs::Runs;
pub use sums::{Hits, Misses};

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
    /// How the hits were met.
    pub hits_by: Hits,
    /// Why the misses were misses.
    pub misses_by: Misses,
    /// The part of `seconds_preparing` spent fetching, in seconds.
    pub seconds_fetching: f64,
    /// What the store held when the report was made; logs do not tell.
    pub store: Option<StoreUse>,
    /// What changed since the run before; none if there is none.
    pub since: Option<Change>,
}

/// The store against its limit, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreUse {
    /// What the disk holds for it.
    pub used_bytes: u64,
    /// What it may hold: `max_size`.
    pub max_bytes: u64,
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
    /// What its hits served without fetching it, in bytes.
    pub bytes_saved: u64,
    /// The part of `seconds_preparing` spent waiting for somebody else's fetch, in seconds.
    pub seconds_waiting: f64,
    /// The part of `seconds_preparing` spent fetching, in seconds.
    pub seconds_fetching: f64,
    /// What half of its requests took at most, in seconds; none if it was only warmed.
    pub seconds_p50: Option<f64>,
    /// What 95 % of its requests took at most, in seconds.
    pub seconds_p95: Option<f64>,
    /// What its slowest request took, in seconds.
    pub seconds_max: Option<f64>,
    /// How often it stood in for another model.
    pub fallbacks: u64,
    /// How many tests were skipped for it.
    pub skips: u64,
    /// How many tests failed for it.
    pub failures: u64,
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

    /// The report for the summary of a CI job or a pull request, in GitHub's Markdown. Names cannot become markup.
    #[must_use]
    pub fn markdown(&self) -> impl std::fmt::Display + '_ {
        markdown::MarkdownReport(self)
    }

    /// The report as `JUnit` XML, with a case for each model.
    #[must_use]
    pub fn junit(&self) -> impl std::fmt::Display + '_ {
        junit::JunitReport(self)
    }

    /// The report as `OpenMetrics` text.
    #[must_use]
    pub fn openmetrics(&self) -> impl std::fmt::Display + '_ {
        openmetrics::OpenMetricsReport(self)
    }

    /// The report as one HTML page without outside resources. `earlier` are the runs before it, newest first, for the
    /// charts.
    #[must_use]
    pub fn html<'a>(&'a self, earlier: &'a [Self]) -> impl std::fmt::Display + 'a {
        html::HtmlReport { report: self, earlier }
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

#[cfg(test)]
mod tests;
