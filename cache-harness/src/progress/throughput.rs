//! How fast bytes come, by those of the last seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back the rate looks: long enough to be calm, short enough to notice that a server got slower.
const WINDOW: Duration = Duration::from_secs(8);
/// How far samples are apart; so their number is bounded however small the pieces are that arrive.
const GRAIN: Duration = Duration::from_millis(250);
/// Before that a rate would be made of chance.
const SOONEST: Duration = Duration::from_millis(500);

/// Counts bytes and knows their rate.
#[derive(Debug, Clone)]
pub(crate) struct Throughput {
    bytes: u64,
    /// When the last of them came.
    last: Instant,
    /// When, and how many bytes there were until then; never empty.
    samples: VecDeque<(Instant, u64)>,
}

impl Throughput {
    pub(crate) fn start(now: Instant) -> Self {
        Self { bytes: 0, last: now, samples: VecDeque::from([(now, 0)]) }
    }

    /// Counts bytes that arrived.
    pub(crate) fn add(&mut self, bytes: u64, now: Instant) {
        (self.bytes, self.last) = (self.bytes.saturating_add(bytes), now);
        let sampled = self.samples.back().map_or(now, |(at, _)| *at);
        if now.saturating_duration_since(sampled) >= GRAIN {
            self.samples.push_back((now, self.bytes));
        }
        while self.samples.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// All bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes per second; `None` until it can be told.
    pub(crate) fn rate(&self, now: Instant) -> Option<u64> {
        let age = |at: &Instant| now.saturating_duration_since(*at);
        if age(&self.last) >= WINDOW {
            return Some(0);
        }
        let old = self.samples.iter().take_while(|(at, _)| age(at) >= WINDOW).last();
        let (at, before) = old.or(self.samples.front())?;
        let elapsed = age(at);
        if elapsed < SOONEST {
            return None;
        }
        let rate = u128::from(self.bytes.saturating_sub(*before)) * 1000 / elapsed.as_millis().max(1);
        u64::try_from(rate).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_needs_half_a_second() {
        let start = Instant::now();
        let mut throughput = Throughput::start(start);
        throughput.add(1_000, start + Duration::from_millis(100));
        assert_eq!(throughput.rate(start + Duration::from_millis(499)), None);
        assert_eq!(throughput.rate(start + Duration::from_millis(500)), Some(2_000));
    }

    #[test]
    fn the_rate_forgets_what_was_long_ago_and_ends_with_the_bytes() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut throughput = Throughput::start(start);
        (1..=20).for_each(|second| throughput.add(1_000_000, at(second)));
        (21..=40).for_each(|second| throughput.add(10_000, at(second)));
        assert_eq!(throughput.rate(at(40)), Some(10_000));
        assert_eq!(throughput.rate(at(60)), Some(0));
        assert_eq!(throughput.bytes(), 20_200_000);
    }

    proptest! {
        #[test]
        fn a_steady_stream_has_its_rate_whatever_the_pieces(
            rate in 1_000_u64..10_000_000_000,
            pauses in prop::collection::vec(1_u64..400, 50..400),
        ) {
            let start = Instant::now();
            let mut throughput = Throughput::start(start);
            let mut elapsed = 0;
            for pause in pauses {
                elapsed += pause;
                let due = rate * elapsed / 1000;
                throughput.add(due - throughput.bytes(), start + Duration::from_millis(elapsed));
            }
            if elapsed >= 1000 {
                let shown = throughput.rate(start + Duration::from_millis(elapsed)).unwrap();
                prop_assert!(shown.abs_diff(rate) <= 1 + rate / 100, "{shown} for {rate}");
            }
            prop_assert!(throughput.samples.len() <= 40);
        }
    }
}
