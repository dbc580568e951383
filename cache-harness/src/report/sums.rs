//! What the requests of one model, or of all, add up to.

use std::time::Duration;

use serde::Serialize;

use super::ModelUse;
use crate::event::{MissReason, Outcome, Placement, Request, Via};

/// How the hits of a run were met; together they are its hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Hits {
    /// The model stood where its consumer looks.
    pub in_place: u64,
    /// Something was linked from the store.
    pub linked: u64,
    /// Something was copied from the store.
    pub copied: u64,
    /// It came from the team's shared cache.
    pub remote: u64,
}

/// Why the misses of a run were none of its hits; together they are its misses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Misses {
    /// Nothing told that the model ever was there.
    pub never_seen: u64,
    /// It had been evicted because room was needed.
    pub evicted: u64,
    /// It had been evicted because it was unused for longer than `max_age`.
    pub expired: u64,
    /// A command had removed it.
    pub removed: u64,
    /// Some of it was lost or damaged.
    pub corrupt: u64,
    /// The model was there with other pins.
    pub other_pin: u64,
    /// It failed before anybody looked, or the log is of another version.
    pub unknown: u64,
}

impl Hits {
    fn add(&mut self, placement: Placement) {
        *match placement {
            Placement::InPlace => &mut self.in_place,
            Placement::Linked => &mut self.linked,
            Placement::Copied => &mut self.copied,
            Placement::Remote => &mut self.remote,
        } += 1;
    }

    /// Each count with its words.
    #[must_use]
    pub const fn counts(&self) -> [(&'static str, u64); 4] {
        [("in place", self.in_place), ("linked", self.linked), ("copied", self.copied), ("remote", self.remote)]
    }
}

impl Misses {
    fn add(&mut self, reason: Option<MissReason>) {
        *match reason {
            Some(MissReason::NeverSeen) => &mut self.never_seen,
            Some(MissReason::Evicted) => &mut self.evicted,
            Some(MissReason::Expired) => &mut self.expired,
            Some(MissReason::Removed) => &mut self.removed,
            Some(MissReason::Corrupt) => &mut self.corrupt,
            Some(MissReason::OtherPin) => &mut self.other_pin,
            Some(MissReason::Unknown) | None => &mut self.unknown,
        } += 1;
    }

    /// Each count with its words.
    #[must_use]
    pub const fn counts(&self) -> [(&'static str, u64); 7] {
        [
            ("never seen", self.never_seen),
            ("evicted", self.evicted),
            ("expired", self.expired),
            ("removed", self.removed),
            ("corrupt", self.corrupt),
            ("other pin", self.other_pin),
            ("unknown", self.unknown),
        ]
    }
}

/// Sums being built. Seconds are added up as whole nanoseconds, since adding `f64` isn't associative.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) hits_by: Hits,
    pub(super) misses_by: Misses,
    pub(super) bytes_served: u64,
    pub(super) bytes_fetched: u64,
    pub(super) bytes_saved: u64,
    pub(super) preparing: Duration,
    pub(super) waiting: Duration,
    pub(super) fetching: Duration,
    pub(super) saved: Duration,
    pub(super) retries: u64,
    pub(super) resumes: u64,
    pub(super) repairs: u64,
    pub(super) fallbacks: u64,
    pub(super) skips: u64,
    pub(super) failures: u64,
    /// What each request took.
    times: Vec<Duration>,
}

impl Sums {
    pub(super) fn add(&mut self, request: &Request) {
        add(&mut self.bytes_fetched, request.fetched_bytes);
        add(&mut self.retries, request.retries.into());
        add(&mut self.resumes, request.resumes.into());
        add(&mut self.repairs, request.repaired_files());
        if request.via == Via::Warm {
            return;
        }
        add(&mut self.bytes_served, request.bytes);
        let took = seconds(request.seconds);
        self.times.push(took);
        self.preparing = self.preparing.saturating_add(took);
        self.waiting = self.waiting.saturating_add(seconds(request.waited_seconds));
        self.fetching = self.fetching.saturating_add(seconds(request.fetch_seconds));
        match request.outcome {
            Outcome::Fallback => self.fallbacks += 1,
            Outcome::Skip => self.skips += 1,
            Outcome::Failed => self.failures += 1,
            Outcome::Hit | Outcome::Miss | Outcome::Repaired => {}
        }
        if request.is_hit() {
            self.hits += 1;
            self.hits_by.add(request.placement);
            add(&mut self.bytes_saved, request.bytes);
            self.saved = self.saved.saturating_add(seconds(request.saved_seconds));
        } else {
            self.misses += 1;
            self.misses_by.add(request.miss_reason);
            add(&mut self.bytes_saved, request.adopted_bytes);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate of so many requests needs no more digits")]
    pub(super) fn hit_rate(&self) -> Option<f64> {
        let requests = self.hits + self.misses;
        (requests > 0).then(|| self.hits as f64 / requests as f64)
    }

    pub(super) fn model(mut self, name: &str) -> ModelUse {
        self.times.sort_unstable();
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
            bytes_saved: self.bytes_saved,
            seconds_waiting: self.waiting.as_secs_f64(),
            seconds_fetching: self.fetching.as_secs_f64(),
            seconds_p50: percentile(&self.times, 50),
            seconds_p95: percentile(&self.times, 95),
            seconds_max: percentile(&self.times, 100),
            fallbacks: self.fallbacks,
            skips: self.skips,
            failures: self.failures,
        }
    }
}

/// The least of the sorted `times` that so many per cent do not exceed (nearest rank).
fn percentile(times: &[Duration], percent: usize) -> Option<f64> {
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).map(Duration::as_secs_f64)
}

fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

/// What a damaged line may say, below zero or beyond time, counts as nothing.
pub(super) fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times = |count: u64| (1..=count).map(Duration::from_secs).collect::<Vec<_>>();
        let of = |count, percent| percentile(&times(count), percent).map(|seconds| seconds.to_string());
        assert_eq!([of(0, 50), of(1, 50), of(1, 95)], [None, Some("1".into()), Some("1".into())]);
        assert_eq!([of(20, 50), of(20, 95), of(20, 100)], ["10", "19", "20"].map(|seconds| Some(seconds.to_owned())));
        assert_eq!([of(2, 50), of(3, 50)], ["1", "2"].map(|seconds| Some(seconds.to_owned())));
    }
}
