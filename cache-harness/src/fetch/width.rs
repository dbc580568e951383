//! How many connections a download should have: a pure function of what came when.
//!
//! It begins with one. A line that this fills is left alone; so is a server that is faster than a hash. Otherwise
//! three more are tried, then four: they stay if they bring what they should, else they end with what they are
//! bringing. After a pause that doubles it tries again, for lines change.

use std::time::{Duration, Instant};

/// Bytes a second that one connection must stay below to get company: a gigabit line.
const FAST: f64 = 128e6;
/// What is left must take longer than this for further connections to be worth their setup.
const WORTHWHILE: Duration = Duration::from_millis(250);
/// For how long bytes are counted before the first rate is believed.
const LOOK: Duration = Duration::from_millis(20);
/// For how long they are counted later, when nothing is lost by looking twice.
const LONG_LOOK: Duration = Duration::from_millis(250);
/// How long new connections may take to bring their first byte.
const SETUP: Duration = Duration::from_secs(2);
/// How long a settled width is left alone at first: the first look may have been unlucky.
const REST: Duration = Duration::from_millis(300);

/// Decides how many connections a download has.
#[derive(Debug)]
pub(super) struct Width {
    /// Bytes a second when they were last counted.
    rate: f64,
    wanted: usize,
    most: usize,
    phase: Phase,
    rest: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Nothing has come yet.
    Waiting,
    /// The bytes of the present width are being counted.
    Watching { mark: Mark, look: Duration },
    /// New connections have been asked for; `before` is the rate without them.
    Opening { since: Instant, before: f64, width: usize },
    /// They bring bytes, which are being counted.
    Comparing { mark: Mark, before: f64, width: usize },
    /// It stays as it is until then.
    Settled { until: Instant },
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Instant,
    bytes: u64,
}

impl Mark {
    /// Bytes a second since the mark, if enough time has passed.
    fn rate(self, now: Instant, bytes: u64, at_least: Duration) -> Option<f64> {
        let passed = now.duration_since(self.at);
        (passed >= at_least).then(|| decimal(bytes.saturating_sub(self.bytes)) / passed.as_secs_f64())
    }
}

/// What is known at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) now: Instant,
    /// Bytes that came so far, over all connections.
    pub(super) bytes: u64,
    /// Bytes that are still to come.
    pub(super) lacking: u64,
    /// Connections that have brought bytes.
    pub(super) flowing: usize,
    /// How long an answer takes to begin.
    pub(super) delay: Duration,
}

impl Width {
    pub(super) fn new(most: usize) -> Self {
        Self { rate: 0.0, wanted: 1, most: most.max(1), phase: Phase::Waiting, rest: REST }
    }

    /// The width that is wanted now.
    pub(super) fn wanted(&self) -> usize {
        self.wanted
    }

    /// Bytes a second of each connection, as last counted.
    pub(super) fn each(&self) -> f64 {
        self.rate / decimal(self.wanted as u64)
    }

    /// A further connection is not to be had: no more than `most` from here on.
    pub(super) fn limit(&mut self, most: usize, now: Instant) {
        self.most = most.max(1);
        if self.wanted > self.most {
            self.wanted = self.most;
            self.phase = Phase::Settled { until: now + self.rest };
        }
    }

    /// Looks at what came, and decides.
    pub(super) fn observe(&mut self, facts: Facts) {
        let Facts { now, bytes, .. } = facts;
        let mark = Mark { at: now, bytes };
        self.phase = match self.phase {
            Phase::Waiting if facts.flowing == 0 => Phase::Waiting,
            Phase::Waiting => Phase::Watching { mark, look: LOOK },
            Phase::Watching { mark: since, look } => match since.rate(now, bytes, look) {
                None => self.phase,
                Some(rate) => {
                    self.rate = rate;
                    self.open(now, facts.lacking)
                }
            },
            Phase::Opening { since, before, width } => {
                if facts.flowing >= self.wanted || now.duration_since(since) >= SETUP {
                    self.wanted = facts.flowing.clamp(width, self.most);
                    Phase::Comparing { mark, before, width }
                } else {
                    self.phase
                }
            }
            // A new connection begins slowly: its window grows with every round trip.
            Phase::Comparing { mark: since, before, width } => {
                match since.rate(now, bytes, LOOK.max(facts.delay * 2) * 2) {
                    None => self.phase,
                    Some(rate) => {
                        self.rate = rate;
                        self.judge(before, width, mark)
                    }
                }
            }
            Phase::Settled { until } if now >= until => Phase::Watching { mark, look: LONG_LOOK },
            Phase::Settled { .. } => self.phase,
        };
    }

    /// Opens more connections if these are slow, and enough is left.
    fn open(&mut self, now: Instant, lacking: u64) -> Phase {
        let width = self.wanted;
        if width >= self.most || self.each() >= FAST || decimal(lacking) / self.rate.max(1.0) < WORTHWHILE.as_secs_f64()
        {
            return Phase::Settled { until: now };
        }
        self.wanted = (width * 4).min(self.most);
        Phase::Opening { since: now, before: self.rate, width }
    }

    /// A third of what the new connections could at most add is enough for them to stay.
    fn judge(&mut self, before: f64, width: usize, mark: Mark) -> Phase {
        let possible = decimal(self.wanted as u64) / decimal(width as u64);
        if self.wanted > width && self.rate >= before * (1.0 + (possible - 1.0) / 3.0) {
            return Phase::Watching { mark, look: LOOK };
        }
        self.wanted = width;
        let until = mark.at + self.rest;
        self.rest *= 2;
        Phase::Settled { until }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn decimal(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
mod tests {
    use super::*;

    /// Plays a line until `bytes` have come: `rate` gives the bytes a second of so many connections. Tells how wide the
    /// download was at its widest and for most of the time, and how much longer it took than at the best width.
    fn play(most: usize, bytes: f64, rate: impl Fn(usize) -> f64) -> (usize, usize, f64) {
        let start = Instant::now();
        let step = Duration::from_millis(10);
        let mut width = Width::new(most);
        let (mut came, mut elapsed, mut times) = (0.0, Duration::ZERO, vec![0_u32; most + 1]);
        while came < bytes {
            elapsed += step;
            came += rate(width.wanted()) * step.as_secs_f64();
            times[width.wanted()] += 1;
            let (came, lacking) = (came as u64, (bytes - came).max(0.0) as u64);
            width.observe(Facts {
                now: start + elapsed,
                bytes: came,
                lacking,
                flowing: width.wanted(),
                delay: Duration::ZERO,
            });
        }
        let best = (1..=most).map(&rate).fold(0.0, f64::max);
        let usual = (0..=most).max_by_key(|width| times[*width]).unwrap();
        let widest = (0..=most).rfind(|width| times[*width] > 0).unwrap();
        (widest, usual, elapsed.as_secs_f64() / (bytes / best))
    }

    #[test]
    fn a_server_that_limits_connections_is_asked_over_as_many_as_allowed() {
        let limited = |width| 10e6 * width as f64;
        let (widest, usual, loss) = play(8, 100e6, limited);
        assert_eq!((widest, usual), (8, 8));
        assert!(loss < 1.1, "{loss}");
        assert_eq!(play(4, 100e6, limited).1, 4);
    }

    #[test]
    fn a_line_that_one_connection_fills_is_left_to_it() {
        let (_, usual, loss) = play(8, 1e9, |_| 20e6);
        assert_eq!(usual, 1);
        assert!(loss < 1.01, "{loss}");
    }

    #[test]
    fn a_fast_server_and_a_small_rest_get_no_further_connection() {
        assert_eq!(play(8, 1e9, |_| 500e6).0, 1);
        assert_eq!(play(8, 2e6, |width| 10e6 * width as f64).0, 1);
    }

    #[test]
    fn connections_that_help_little_go_again() {
        // Three fill the line: four are worth it, eight are not.
        let (widest, usual, _) = play(8, 1e9, |width| (10e6 * width as f64).min(30e6));
        assert_eq!((widest, usual), (8, 4));
    }
}
