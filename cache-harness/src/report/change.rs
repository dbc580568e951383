//! What changed since an earlier run of the same project.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Report;
use super::words::cut;
use crate::event::MissReason;
use crate::units::{ByteSize, show_seconds};

/// More names than these are left to `--format json`.
const NAMES: usize = 3;
/// Longer names are cut.
const NAME: usize = 60;

/// What an earlier run was worth, and which models came, went or moved since.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The earlier run's name.
    pub run: String,
    /// When it began, RFC 3339 in UTC.
    pub started: Option<String>,
    /// Its requests.
    pub requests: u64,
    /// Its hit rate, from 0 to 1; none without requests.
    pub hit_rate: Option<f64>,
    /// What it fetched, in bytes.
    pub bytes_fetched: u64,
    /// How long its tests waited for their models, in seconds.
    pub seconds_preparing: f64,
    /// Its skipped tests.
    pub skips: u64,
    /// Its failed requests.
    pub failures: u64,
    /// Models that it did not ask for and this run did, by name.
    pub models_added: Vec<String>,
    /// Models that it asked for and this run did not, by name.
    pub models_removed: Vec<String>,
    /// Models that this run found with other pins, by name.
    pub pins_moved: Vec<String>,
}

impl Change {
    pub(super) fn since(earlier: &Report, now: &Report) -> Self {
        let asked = |report: &Report| -> BTreeSet<String> {
            report.models.iter().filter(|model| model.requests > 0).map(|model| model.name.clone()).collect()
        };
        let (before, after) = (asked(earlier), asked(now));
        let moved = now.warmed.iter().chain(&now.per_test);
        let moved = moved.filter(|request| request.miss_reason == Some(MissReason::OtherPin));
        let moved: BTreeSet<_> = moved.map(|request| request.model.clone()).collect();
        Self {
            run: earlier.run.clone(),
            started: earlier.started.clone(),
            requests: earlier.requests,
            hit_rate: earlier.hit_rate,
            bytes_fetched: earlier.bytes_fetched,
            seconds_preparing: earlier.seconds_preparing,
            skips: earlier.skips,
            failures: earlier.failures,
            models_added: after.difference(&before).cloned().collect(),
            models_removed: before.difference(&after).cloned().collect(),
            pins_moved: moved.into_iter().collect(),
        }
    }
    /// The differences in a sentence.
    pub(super) fn words(&self, now: &Report) -> String {
        let mut words = Vec::new();
        if let (Some(before), Some(after)) = (self.hit_rate, now.hit_rate) {
            let points = (after - before) * 100.0;
            let sign =
                if points.abs() < 0.05 { "the same hit rate".into() } else { format!("hit rate {points:+.1} points") };
            words.push(sign);
        }
        let (more, less) = (now.bytes_fetched, self.bytes_fetched);
        if more != less {
            let than = if more > less { "more" } else { "less" };
            words.push(format!("{} {than} fetched", ByteSize(more.abs_diff(less))));
        }
        let seconds = now.seconds_preparing - self.seconds_preparing;
        if seconds.abs() >= 0.1 {
            let than = if seconds > 0.0 { "more" } else { "less" };
            words.push(format!("{} {than} preparing", show_seconds(seconds.abs())));
        }
        for (before, after, what) in [(self.skips, now.skips, "skipped"), (self.failures, now.failures, "failed")] {
            if before != after {
                words.push(format!("{after} {what}, {before} before"));
            }
        }
        for (names, what) in [
            (&self.models_added, "new"),
            (&self.models_removed, "no longer asked for"),
            (&self.pins_moved, "pins moved"),
        ] {
            if !names.is_empty() {
                let shown: Vec<_> = names.iter().take(NAMES).map(|name| cut(name, NAME)).collect();
                let more = names.len().saturating_sub(NAMES);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                words.push(format!("{what}: {}{more}", shown.join(", ")));
            }
        }
        words.join("; ")
    }
}
