//! Events in any order, and what they add up to.
//!
//! The files of a run are read in no particular order, so nothing may depend on it: events are sorted before they are
//! looked at, and seconds are added up as whole nanoseconds, since adding `f64` isn't associative.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{ModelUse, Report};
use crate::event::{Event, Evict, Header, Line, Outcome, Request, Via, Warning};
use crate::time;

const SLOWEST: usize = 10;

/// The events of one run, being gathered.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    started: Option<SystemTime>,
    requests: Vec<Request>,
    warmed: Vec<Request>,
    evicted: Vec<Evict>,
    warnings: Vec<Warning>,
    unreadable: u64,
}

impl Fold {
    /// Takes one line of a log in; empty ones are nothing.
    pub(crate) fn line(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        match Line::parse(line) {
            Line::Header(Header { started, .. }) => {
                if let Ok(moment) = humantime::parse_rfc3339(&started) {
                    self.start(moment);
                }
            }
            Line::Event(event) => self.event(event),
            Line::Unknown => {}
            Line::Unreadable => self.unreadable(),
        }
    }

    /// Counts something that should have been readable.
    pub(crate) fn unreadable(&mut self) {
        self.unreadable += 1;
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Request(request) if request.via == Via::Warm => self.warmed.push(request),
            Event::Request(request) => self.requests.push(request),
            Event::Evict(evict) => self.evicted.push(evict),
            Event::Warning(warning) => self.warnings.push(warning),
        }
    }

    fn start(&mut self, moment: SystemTime) {
        self.started = Some(self.started.map_or(moment, |earlier| earlier.min(moment)));
    }

    /// Adds up.
    pub(crate) fn finish(mut self, run: String) -> Report {
        self.sort();
        self.start_with_events();
        let mut all = Sums::default();
        let mut models = BTreeMap::<&str, Sums>::new();
        for request in self.requests.iter().chain(&self.warmed) {
            all.add(request);
            models.entry(&request.model).or_default().add(request);
        }
        let models = models.into_iter().map(|(name, sums)| sums.model(name)).collect();
        let count = |matches: &dyn Fn(&Request) -> bool| count(self.requests.iter().filter(|request| matches(request)));
        Report {
            run,
            started: self.started.map(time::rfc3339),
            tests: self::count(self.requests.iter().filter_map(|it| it.test.as_deref()).collect::<BTreeSet<_>>()),
            requests: all.hits + all.misses,
            hits: all.hits,
            misses: all.misses,
            hit_rate: all.hit_rate(),
            bytes_served: all.bytes_served,
            bytes_fetched: all.bytes_fetched,
            bytes_saved: all.bytes_saved,
            seconds_preparing: all.preparing.as_secs_f64(),
            seconds_saved: all.saved.as_secs_f64(),
            retries: all.retries,
            resumes: all.resumes,
            repairs: all.repairs,
            evictions: self::count(&self.evicted),
            fallbacks: count(&|request| request.outcome == Outcome::Fallback),
            skips: count(&|request| request.outcome == Outcome::Skip),
            models,
            slowest: slowest(&self.requests),
            failures: count(&|request| request.outcome == Outcome::Failed),
            bypassed: count(&|request| request.bypass),
            seconds_waiting: all.waiting.as_secs_f64(),
            warnings: distinct(self.warnings),
            evicted: self.evicted,
            unreadable: self.unreadable,
            warmed: self.warmed,
            per_test: self.requests,
        }
    }

    fn sort(&mut self) {
        // The line decides between what happened at the same moment: it differs, or the two are exchangeable.
        let line = |event: Event| {
            let mut line = String::new();
            event.write_line(&mut line);
            line
        };
        let moment = |one: &Request, other: &Request| {
            let tie = || line(Event::Request(one.clone())).cmp(&line(Event::Request(other.clone())));
            one.at.total_cmp(&other.at).then_with(tie)
        };
        self.requests.sort_by(|one, other| one.test.cmp(&other.test).then_with(|| moment(one, other)));
        self.warmed.sort_by(moment);
        self.evicted.sort_by(|one, other| {
            let tie = || (&one.model, one.bytes, &one.reason).cmp(&(&other.model, other.bytes, &other.reason));
            one.at.total_cmp(&other.at).then_with(tie)
        });
        self.warnings.sort_by(|one, other| one.at.total_cmp(&other.at).then_with(|| one.text.cmp(&other.text)));
    }

    /// Where every header is lost, the first event tells when the run began.
    fn start_with_events(&mut self) {
        if self.started.is_some() {
            return;
        }
        let requests = self.requests.iter().chain(&self.warmed).map(|request| request.at);
        let others = self.evicted.iter().map(|evict| evict.at).chain(self.warnings.iter().map(|warning| warning.at));
        if let Some(first) = requests.chain(others).filter(|at| *at > 0.0).min_by(f64::total_cmp) {
            self.started = UNIX_EPOCH.checked_add(seconds(first));
        }
    }
}

/// What the requests of one model, or of all, add up to.
#[derive(Debug, Default)]
struct Sums {
    hits: u64,
    misses: u64,
    bytes_served: u64,
    bytes_fetched: u64,
    bytes_saved: u64,
    preparing: Duration,
    waiting: Duration,
    saved: Duration,
    retries: u64,
    resumes: u64,
    repairs: u64,
}

impl Sums {
    fn add(&mut self, request: &Request) {
        add(&mut self.bytes_fetched, request.fetched_bytes);
        add(&mut self.retries, request.retries.into());
        add(&mut self.resumes, request.resumes.into());
        add(&mut self.repairs, request.repaired_files());
        if request.via == Via::Warm {
            return;
        }
        add(&mut self.bytes_served, request.bytes);
        self.preparing = self.preparing.saturating_add(seconds(request.seconds));
        self.waiting = self.waiting.saturating_add(seconds(request.waited_seconds));
        if request.is_hit() {
            self.hits += 1;
            add(&mut self.bytes_saved, request.bytes);
            self.saved = self.saved.saturating_add(seconds(request.saved_seconds));
        } else {
            self.misses += 1;
            add(&mut self.bytes_saved, request.adopted_bytes);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate of so many requests needs no more digits")]
    fn hit_rate(&self) -> Option<f64> {
        let requests = self.hits + self.misses;
        (requests > 0).then(|| self.hits as f64 / requests as f64)
    }

    fn model(&self, name: &str) -> ModelUse {
        ModelUse {
            name: name.to_owned(),
            requests: self.hits + self.misses,
            hits: self.hits,
            misses: self.misses,
            hit_rate: self.hit_rate(),
            bytes_served: self.bytes_served,
            bytes_fetched: self.bytes_fetched,
            seconds_preparing: self.preparing.as_secs_f64(),
            seconds_saved: self.saved.as_secs_f64(),
            repairs: self.repairs,
        }
    }
}

fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

/// What a damaged line may say, below zero or beyond time, counts as nothing.
fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}

fn count<T>(items: impl IntoIterator<Item = T>) -> u64 {
    items.into_iter().fold(0, |count, _| count + 1)
}

fn slowest(requests: &[Request]) -> Vec<Request> {
    let mut slowest: Vec<&Request> = requests.iter().collect();
    // Stable: of those that took equally long, the order by test and time stays.
    slowest.sort_by(|one, other| other.seconds.partial_cmp(&one.seconds).unwrap_or(Ordering::Equal));
    slowest.into_iter().take(SLOWEST).cloned().collect()
}

fn distinct(warnings: Vec<Warning>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    warnings.into_iter().map(|warning| warning.text).filter(|text| seen.insert(text.clone())).collect()
}

#[cfg(test)]
mod tests;
