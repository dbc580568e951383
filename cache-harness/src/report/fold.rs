//! Events in any order, and what they add up to.
//!
//! The files of a run are read in no particular order, so nothing may depend on it: events are sorted before they are
//! looked at, and [`Sums`] adds whole numbers.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Report;
use super::sums::{Sums, seconds};
use crate::event::{Event, Evict, Header, Line, Request, Via, Warning};
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
        Report {
            run,
            started: self.started.map(time::rfc3339),
            tests: count(self.requests.iter().filter_map(|it| it.test.as_deref()).collect::<BTreeSet<_>>()),
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
            evictions: count(&self.evicted),
            fallbacks: all.fallbacks,
            skips: all.skips,
            models,
            slowest: slowest(&self.requests),
            failures: all.failures,
            bypassed: count(self.requests.iter().filter(|request| request.bypass)),
            seconds_waiting: all.waiting.as_secs_f64(),
            warnings: distinct(self.warnings),
            evicted: self.evicted,
            unreadable: self.unreadable,
            warmed: self.warmed,
            per_test: self.requests,
            hits_by: all.hits_by,
            misses_by: all.misses_by,
            seconds_fetching: all.fetching.as_secs_f64(),
            store: None,
            since: None,
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
