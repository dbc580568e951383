//! The line between the server and its clients: how late and how slow bytes arrive.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The limits of a line. The default has none.
///
/// # Examples
///
/// A home connection, 50 Mbit/s for everybody together:
///
/// ```
/// use std::time::Duration;
/// use cache_harness::testkit::Line;
/// let home = Line { latency: Duration::from_millis(30), bytes_per_second: Some(50_000_000 / 8), ..Line::default() };
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Line {
    /// How long the first byte of each response takes.
    pub latency: Duration,
    /// Body bytes per second of all connections together; `None` is no limit.
    pub bytes_per_second: Option<u64>,
    /// Body bytes per second of each TCP connection, over all its requests; `None` is no limit.
    pub per_connection: Option<u64>,
}

const LARGEST_PIECE: u64 = 256 * 1024;
/// As large as a piece gets on a limited line: 6.5 ms of 10 MB/s.
const LARGEST_PACED: u64 = 64 * 1024;
/// What a line makes up for when it could not send in time: longer than a busy machine lets a thread
/// sleep beyond its time, shorter than a client's pause should bring it in haste.
const LARGEST_LAG: Duration = Duration::from_millis(100);

impl Line {
    /// In how large pieces to send: small enough that a slow line flows instead of hopping.
    pub(super) fn piece(&self) -> u64 {
        let slowest = self.bytes_per_second.into_iter().chain(self.per_connection).min();
        slowest.map_or(LARGEST_PIECE, |rate| (rate / 64).clamp(512, LARGEST_PACED))
    }
}

/// When the next bytes may pass. Whoever asks books its own bytes behind those of the others, so
/// connections that each ask for one piece at a time share the rate fairly.
///
/// A sleep is always a little too long. Bookings follow the one before them and not the clock, so what
/// one piece is late the next makes up for, and the rate is exact.
#[derive(Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Before the first bytes of an answer: the time in which nothing was to be sent is lost.
    pub(super) fn begin(&self) {
        let mut booked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        *booked = Some(booked.map_or(now, |until| until.max(now)));
    }

    /// Books `bytes` at `rate` bytes per second; returns when they have passed.
    pub(super) fn book(&self, bytes: usize, rate: u64) -> Instant {
        let mut booked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let earliest = now.checked_sub(LARGEST_LAG).unwrap_or(now);
        let nanoseconds = bytes as u128 * 1_000_000_000 / u128::from(rate.max(1));
        let passed = booked.map_or(now, |until| until.max(earliest))
            + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        *booked = Some(passed);
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bookings_follow_each_other_at_the_rate() {
        let pace = Pace::default();
        let first = pace.book(1_000, 500);
        assert_eq!(pace.book(250, 500) - first, Duration::from_millis(500));
    }

    #[test]
    fn a_line_that_rested_owes_nothing() {
        let pace = Pace::default();
        let before = Instant::now();
        *pace.0.lock().unwrap() = before.checked_sub(Duration::from_secs(1));
        pace.begin();
        assert!(pace.book(500, 500) >= before + Duration::from_secs(1));
    }
    #[test]
    fn a_line_that_was_late_makes_up_for_it() {
        let pace = Pace::default();
        let before = Instant::now();
        let late = before.checked_sub(LARGEST_LAG / 2).unwrap();
        *pace.0.lock().unwrap() = Some(late);
        assert_eq!(pace.book(500, 500), late + Duration::from_secs(1));
    }
}
