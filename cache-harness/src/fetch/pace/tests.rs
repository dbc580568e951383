//! The policy against simulated hosts, under a simulated clock.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use proptest::prelude::*;

use super::*;

const START: u64 = 1_763_704_346_000;
const PLENTY: u64 = 32;

/// How a host counts.
#[derive(Debug, Clone, Copy)]
enum Counting {
    /// From one full window to the next, wherever the windows begin.
    Fixed { phase: u64 },
    /// The last window before each request; refused ones count where `strict`.
    Sliding { strict: bool },
    /// A bucket of so many tokens, refilled evenly.
    Bucket { size: u64 },
}

#[derive(Debug, Clone, Copy)]
enum Telling {
    /// `Retry-After` in whole seconds until it may work again.
    RetryAfter,
    /// `Retry-After: 1`, whatever the window.
    OneSecond,
    /// `RateLimit` on every answer.
    Remaining,
    /// A bare 429.
    Nothing,
}

/// A host that allows so many requests in a window.
struct Simulated {
    counting: Counting,
    telling: Telling,
    requests: u64,
    window: u64,
    passed: VecDeque<u64>,
    /// Each ms adds `requests`, each request takes `window`.
    credit: u64,
    refilled: u64,
    closed_until: u64,
    refused: usize,
    early: usize,
}

impl Simulated {
    fn new(counting: Counting, telling: Telling, requests: u64, window: u64) -> Self {
        let size = if let Counting::Bucket { size } = counting { size } else { 0 };
        Self {
            counting,
            telling,
            requests,
            window,
            passed: VecDeque::new(),
            credit: size * window,
            refilled: START,
            closed_until: 0,
            refused: 0,
            early: 0,
        }
    }

    fn asked(&mut self, now: u64) -> Told {
        if now < self.closed_until {
            self.early += 1;
        }
        let (left, opens) = match self.counting {
            Counting::Fixed { phase } => {
                let begin = now - (now + phase) % self.window;
                self.passed.retain(|at| *at >= begin);
                (self.requests - self.passed.len() as u64, begin + self.window)
            }
            Counting::Sliding { .. } => {
                self.passed.retain(|at| at + self.window > now);
                let left = self.requests.saturating_sub(self.passed.len() as u64);
                (left, self.passed.front().map_or(now, |at| at + self.window))
            }
            Counting::Bucket { size } => {
                self.credit = (self.credit + (now - self.refilled) * self.requests).min(size * self.window);
                self.refilled = now;
                (self.credit / self.window, now + self.window.div_ceil(self.requests))
            }
        };
        let passes = left > 0;
        if passes || matches!(self.counting, Counting::Sliding { strict: true }) {
            self.passed.push_back(now);
        }
        self.credit = self.credit.saturating_sub(if passes { self.window } else { 0 });
        let seconds = Duration::from_secs((opens - now).div_ceil(1000).max(1));
        let pause = match self.telling {
            Telling::RetryAfter => Some(seconds),
            Telling::OneSecond => Some(Duration::from_secs(1)),
            Telling::Remaining | Telling::Nothing => None,
        };
        let allowance = matches!(self.telling, Telling::Remaining).then(|| Allowance {
            name: "api".to_owned(),
            remaining: left.saturating_sub(1),
            reset: seconds,
        });
        if !passes {
            self.refused += 1;
            self.closed_until = self.closed_until.max(pause.map_or(0, |pause| now + millis(pause)));
        }
        let verdict = if passes { Verdict::Dealt } else { Verdict::TooMany(pause) };
        Told { verdict, allowance, policy: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive(u64),
    /// The client sees the answer at this index.
    Answer(u64, usize),
}

struct Outcome {
    refused: usize,
    early: usize,
    /// Requests that were on their way together because the host counted as free.
    together: usize,
    took: u64,
}

/// Has clients ask for `files` over so many connections, with so many ms on the way each way.
fn simulate(host: &mut Simulated, files: usize, connections: usize, way: u64) -> Outcome {
    let mut events = BinaryHeap::new();
    let mut text = String::new();
    let mut told: Vec<Told> = Vec::new();
    let (mut done, mut open, mut next, mut now, mut together) = (0, 0, START, START, 0);
    while done < files {
        let may_ask = open < connections && done + open < files;
        let first = events.peek().map_or(u64::MAX, |Reverse((moment, _))| *moment);
        if may_ask && next < first {
            now = now.max(next);
            let mut pace = Pace::read(&text, now);
            let pause = millis(pace.wait(now));
            if pause > 0 {
                next = now + pause.min(500);
                continue;
            }
            let Grant(granted) = pace.grant(now);
            let overlap = if pace.is_free() { 0 } else { millis(pace.overlap()).min(2 * way) };
            (next, open) = (now + overlap, open + 1);
            together = together.max(if pace.is_free() { open } else { 0 });
            events.push(Reverse((now + way, Event::Arrive(granted))));
            text = pace.to_text();
            continue;
        }
        let Reverse((moment, event)) = events.pop().unwrap();
        assert!(moment < START + 40_000_000, "{done} of {files} after eleven hours: {text}");
        now = now.max(moment);
        match event {
            Event::Arrive(granted) => {
                told.push(host.asked(now));
                events.push(Reverse((now + way, Event::Answer(granted, told.len() - 1))));
            }
            Event::Answer(granted, index) => {
                open -= 1;
                done += usize::from(told[index].verdict == Verdict::Dealt);
                let mut pace = Pace::read(&text, now);
                pace.answered(Grant(granted), now, &told[index], PLENTY);
                text = pace.to_text();
                assert!(text.len() < 4096, "{text}");
            }
        }
    }
    Outcome { refused: host.refused, early: host.early, together, took: now - START }
}

fn simulated(counting: Counting, telling: Telling, requests: u64, window: u64) -> Outcome {
    simulate(&mut Simulated::new(counting, telling, requests, window), 128, 8, 2)
}

#[test]
fn ten_a_second_are_found_out_by_few_refusals() {
    for phase in (0..1000).step_by(50) {
        for telling in [Telling::RetryAfter, Telling::OneSecond, Telling::Remaining, Telling::Nothing] {
            for counting in [
                Counting::Fixed { phase },
                Counting::Sliding { strict: false },
                Counting::Sliding { strict: true },
                Counting::Bucket { size: 10 },
            ] {
                let outcome = simulated(counting, telling, 10, 1000);
                assert!(outcome.refused <= 4, "{counting:?} {telling:?}: {}", outcome.refused);
                assert_eq!(outcome.early, 0, "{counting:?} {telling:?}");
                assert!(outcome.took < 25_000, "{counting:?} {telling:?}: {} ms", outcome.took);
            }
        }
    }
}

#[test]
fn a_host_that_never_refuses_is_soon_free() {
    let mut host = Simulated::new(Counting::Sliding { strict: false }, Telling::Nothing, u64::MAX, 1);
    let outcome = simulate(&mut host, 1000, 8, 30);
    // 64 one after the other, the rest eight at a time.
    assert!(outcome.took <= 65 * 61 + 936 / 8 * 61, "{}", outcome.took);
}

fn asked(pace: &mut Pace, now: u64, verdict: Verdict) {
    let grant = pace.grant(now);
    pace.answered(grant, now, &Told { verdict, allowance: None, policy: None }, PLENTY);
}

const ONE: Verdict = Verdict::TooMany(Some(Duration::from_secs(1)));

#[test]
fn one_refusal_pauses_the_host_and_teaches_no_quota() {
    let mut pace = Pace::default();
    asked(&mut pace, START, Verdict::Dealt);
    asked(&mut pace, START, ONE);
    assert_eq!(pace.wait(START), Duration::from_millis(1010));
    assert_eq!(pace.quota, None);
    assert!(pace.limits());
    assert!(!Pace::read(&pace.to_text(), START + LONGEST).limits());
}

#[test]
fn refusals_that_crossed_on_the_way_count_as_one() {
    let mut pace = Pace::default();
    let grants: Vec<_> = (0..8).map(|_| pace.grant(START)).collect();
    for grant in grants {
        let told = Told { verdict: ONE, allowance: None, policy: None };
        pace.answered(grant, START + 100, &told, PLENTY);
    }
    assert_eq!((pace.refusals, pace.wait(START + 100)), (1, Duration::from_millis(1010)));
}

#[test]
fn a_host_that_refuses_again_and_again_is_asked_less_and_less() {
    let (mut pace, mut now, mut asks) = (Pace::default(), START, 0);
    while now < START + 600_000 {
        now += millis(pace.wait(now));
        pace = Pace::read(&pace.to_text(), now);
        asked(&mut pace, now, ONE);
        asks += 1;
    }
    assert!(asks <= 26, "{asks}");
}

#[test]
fn a_policy_is_a_quota_once_the_host_refuses() {
    let mut pace = Pace::default();
    let policy = Some(Policy { requests: 500, window: Duration::from_secs(300) });
    let grant = pace.grant(START);
    pace.answered(grant, START, &Told { verdict: Verdict::Dealt, allowance: None, policy }, PLENTY);
    assert_eq!(pace.quota, None);
    let grant = pace.grant(START);
    pace.answered(grant, START, &Told { verdict: ONE, allowance: None, policy }, PLENTY);
    assert_eq!(pace.quota, Some(Quota { requests: 128, window: 84_480 }));
}

#[test]
fn nothing_left_waits_for_the_reset_and_plenty_left_is_no_limit() {
    let told = |remaining, reset| Told {
        verdict: Verdict::Dealt,
        allowance: Some(Allowance { name: "api".to_owned(), remaining, reset: Duration::from_secs(reset) }),
        policy: None,
    };
    let mut pace = Pace::default();
    pace.answered(Grant(START), START, &told(499, 300), PLENTY);
    assert!(pace.is_free());
    pace.answered(Grant(START), START, &told(2, 55), PLENTY);
    assert!(!pace.is_free());
    let (one, two) = (pace.grant(START), pace.grant(START));
    assert_eq!(pace.wait(START), Duration::from_millis(55_010));
    // The first answer does not know of the second request.
    pace.answered(one, START, &told(1, 55), PLENTY);
    assert_eq!(pace.wait(START), Duration::from_millis(55_010));
    pace.answered(two, START, &told(0, 9_999_999), PLENTY);
    assert_eq!(pace.wait(START), Duration::from_millis(LONGEST));
    assert_eq!(Pace::read(&pace.to_text(), START + LONGEST).wait(START + LONGEST), Duration::ZERO);
}

#[test]
fn a_clock_set_back_costs_minutes_and_no_more() {
    let mut pace = Pace::default();
    for _ in 0..5 {
        asked(&mut pace, START, Verdict::Dealt);
        asked(&mut pace, START, Verdict::TooMany(Some(Duration::from_secs(250))));
    }
    let before = START - 86_400_000;
    assert_eq!(Pace::read(&pace.to_text(), before).wait(before), Duration::ZERO);
}

#[test]
fn a_state_of_another_version_and_a_torn_one_say_nothing() {
    let text = Pace { good: 7, ..Pace::default() }.to_text();
    assert_eq!(Pace::read(&text, START).good, 7);
    for foreign in ["", "null", "{}", &text[..text.len() - 1], &text.replace("\"version\":1", "\"version\":2")] {
        assert_eq!(Pace::read(foreign, START).good, 0, "{foreign}");
    }
}

fn countings() -> impl Strategy<Value = Counting> {
    prop_oneof![
        (0..60_000_u64).prop_map(|phase| Counting::Fixed { phase }),
        any::<bool>().prop_map(|strict| Counting::Sliding { strict }),
        (1..40_u64).prop_map(|size| Counting::Bucket { size }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn everything_arrives_with_few_refusals_and_none_too_early(
        counting in countings(),
        telling in prop_oneof![Just(Telling::RetryAfter), Just(Telling::OneSecond), Just(Telling::Nothing)],
        requests in 4..32_u64,
        window in 200..5000_u64,
        way in 0..40_u64,
        connections in 1..16_usize,
    ) {
        let mut host = Simulated::new(counting, telling, requests, window);
        let outcome = simulate(&mut host, 200, connections, way);
        // A host that is free, and then refuses, meets what is on its way already, and what follows until the refusal
        // is there; a slow one is forgotten after five minutes and may do so again.
        let crossing = 3 * outcome.together;
        // Where the pause is not to be relied upon, the window has to be found out, anew after each time it is forgotten.
        let most = if matches!(telling, Telling::RetryAfter) { 20 } else { 40 };
        prop_assert!(outcome.refused <= most + crossing, "{} refused", outcome.refused);
        prop_assert!(outcome.early <= crossing, "{} too early", outcome.early);
    }

    #[test]
    fn no_state_panics_or_waits_for_longer_than_five_minutes(
        numbers in proptest::collection::vec(any::<u64>(), 8),
        recent in proptest::collection::vec(any::<u64>(), 0..300),
        now in 0..u64::MAX / 2,
    ) {
        let pace = Pace {
            version: VERSION,
            good: 3,
            not_before: numbers[0],
            refused_at: Some(numbers[1]),
            refusals: u32::MAX,
            closed_at: numbers[6],
            closed_for: numbers[7],
            quota: Some(Quota { requests: numbers[2] % 9, window: numbers[3] }),
            left: Some(Left { name: String::new(), requests: numbers[4] % 2, resets_at: numbers[5] }),
            recent,
        };
        let mut pace = Pace::read(&serde_json::to_string(&pace).unwrap(), now);
        prop_assert!(millis(pace.wait(now)) <= LONGEST + LONGEST / 10);
        asked(&mut pace, now, Verdict::TooMany(Some(Duration::from_secs(numbers[6]))));
        asked(&mut pace, now, Verdict::Unavailable(Duration::from_secs(numbers[7])));
        prop_assert!(millis(pace.wait(now)) <= LONGEST + LONGEST / 10);
    }
}
