//! What is said when, with moments that the tests give.

use std::fmt::Write as _;

use super::*;
use crate::error::Error;

/// A listener, and the moment that it is at.
struct Run {
    plain: Plain,
    start: Instant,
    /// What was said, each line behind the second it was said in.
    said: String,
}

impl Run {
    fn new() -> Self {
        Self { plain: Plain::new(Duration::from_secs(10)), start: Instant::now(), said: String::new() }
    }

    fn at(&mut self, millis: u64, step: &Step<'_>) {
        for line in self.plain.hear(step, self.start + Duration::from_millis(millis)) {
            writeln!(self.said, "{}: {line}", millis / 1000).unwrap();
        }
    }

    /// Fetches a file at a steady rate, from `there` on, telling the time; ends with its last byte.
    fn fetch(&mut self, model: &str, from_millis: u64, (there, bytes): (u64, u64), per_second: u64) -> u64 {
        self.at(from_millis, &Step::Lacks { model, files: 1, bytes: Some(bytes) });
        self.at(from_millis, &Step::Begin { model, file: "model.bin", bytes: Some(bytes), there });
        let mut done = there;
        let mut millis = from_millis;
        while done < bytes {
            millis += 200;
            done = (done + per_second / 5).min(bytes);
            self.at(millis, &Step::Bytes { model, file: "model.bin", done });
            self.at(millis, &Step::Tick { model });
        }
        millis
    }
}

fn broken() -> Error {
    Error::Transport { url: "http://127.0.0.1/model.bin".to_owned(), message: "connection reset".to_owned() }
}

#[test]
fn hits_and_short_fetches_say_nothing() {
    let mut run = Run::new();
    for second in 0..60 {
        run.at(second * 1000, &Step::Done { model: "tiny" });
    }
    for second in (60..120).step_by(10) {
        let ended = run.fetch("base", second * 1000, (0, 9_000_000), 1_000_000);
        run.at(ended, &Step::Done { model: "base" });
    }
    assert_eq!(run.said, "");
}

#[test]
fn a_long_fetch_is_a_line_in_ten_seconds_and_one_at_its_end() {
    let mut run = Run::new();
    let ended = run.fetch("base", 0, (0, 300_000_000), 10_000_000);
    run.at(ended + 400, &Step::Done { model: "base" });
    assert_eq!(
        run.said,
        "10: fetching 1 file, 102 MB of 300 MB, 10.0 MB/s, about 20 s left\n\
         20: fetching 1 file, 202 MB of 300 MB, 10.0 MB/s, about 10 s left\n\
         30: base is in place after 30.4 s (300 MB)\n"
    );
}

#[test]
fn bytes_from_before_are_no_rate() {
    let mut run = Run::new();
    run.fetch("base", 0, (900_000_000, 1_000_000_000), 8_000_000);
    assert_eq!(run.said, "10: fetching 1 file, 982 MB of 1.00 GB, 8.00 MB/s, about 3 s left\n");
}

#[test]
fn a_line_that_went_dead_shows_it() {
    let mut run = Run::new();
    let model = "base";
    run.at(0, &Step::Begin { model, file: "model.bin", bytes: Some(1_000_000), there: 0 });
    run.at(100, &Step::Bytes { model, file: "model.bin", done: 500_000 });
    for second in 0..=20 {
        run.at(second * 1000, &Step::Tick { model });
    }
    assert_eq!(
        run.said,
        "10: fetching 1 file, 500 kB of 1.00 MB, 0 B/s\n\
         20: fetching 1 file, 500 kB of 1.00 MB, 0 B/s\n"
    );
}

#[test]
fn many_models_at_once_share_the_lines() {
    let mut run = Run::new();
    let names: Vec<_> = (0..12).map(|index| format!("model-{index}")).collect();
    for name in &names {
        run.at(0, &Step::Queued { model: name, bytes: Some(100_000_000) });
    }
    for hit in &names[..2] {
        run.at(0, &Step::Done { model: hit });
    }
    for model in &names[2..] {
        run.at(0, &Step::Lacks { model, files: 1, bytes: Some(100_000_000) });
        run.at(0, &Step::Begin { model, file: "a", bytes: Some(100_000_000), there: 0 });
    }
    for second in 1..=40_u64 {
        for model in &names[2..] {
            run.at(second * 1000, &Step::Bytes { model, file: "a", done: (second * 4_000_000).min(100_000_000) });
            run.at(second * 1000, &Step::Tick { model });
        }
        if second == 25 {
            run.at(25_500, &Step::Done { model: "model-2" });
            run.at(25_600, &Step::Done { model: "model-3" });
        }
    }
    names[4..].iter().for_each(|model| run.at(41_000, &Step::Done { model }));
    assert_eq!(
        run.said,
        "11: 2 of 12 models are in place, 604 MB of 1.20 GB, 40.0 MB/s, about 15 s left\n\
         21: 2 of 12 models are in place, 1.00 GB of 1.20 GB, 40.0 MB/s, about 5 s left\n\
         31: model-2 is in place after 25.5 s (100 MB) (and 1 more)\n\
         41: model-4 is in place after 41.0 s (100 MB) (and 7 more)\n"
    );
}

#[test]
fn who_waits_says_for_whom_and_how_far_that_is() {
    let mut run = Run::new();
    for second in 1..=25_u64 {
        let waited = Duration::from_secs(second);
        let (holder, done) = ("process 4711", second * 1_000_000);
        run.at(second * 1000, &Step::Waiting { model: "whisper-tiny", holder, waited, done, bytes: Some(77_700_000) });
    }
    run.at(26_000, &Step::Done { model: "whisper-tiny" });
    assert_eq!(
        run.said,
        "11: whisper-tiny: waiting for process 4711 (11.0 MB of 77.7 MB so far)\n\
         21: whisper-tiny: waiting for process 4711 (21.0 MB of 77.7 MB so far)\n\
         26: whisper-tiny is in place after 25.0 s\n"
    );
}

#[test]
fn threads_that_wait_for_their_own_process_say_nothing_of_it() {
    let mut run = Run::new();
    let holder = format!("process {}", std::process::id());
    for second in 1..=25 {
        let waited = Duration::from_secs(second);
        let step = Step::Waiting { model: "tiny", holder: &holder, waited, done: 0, bytes: None };
        run.at(second * 1000, &step);
    }
    assert_eq!(run.said, "");
}

#[test]
fn a_storm_of_retries_is_a_line_in_ten_seconds() {
    let mut run = Run::new();
    let model = "base";
    run.at(0, &Step::Lacks { model, files: 8, bytes: None });
    for tenth in 0..200_u64 {
        for file in ["a", "b", "c", "d"] {
            run.at(tenth * 100, &Step::Retry { model, file, pause: Duration::from_secs(1), error: &broken() });
        }
        run.at(tenth * 100, &Step::Tick { model });
    }
    let retries: Vec<_> = run.said.lines().filter(|line| line.contains("trying again")).collect();
    assert_eq!(retries.len(), 2, "{}", run.said);
    assert!(retries[0].starts_with("0: base/d: ") && retries[0].ends_with("trying again in 1.0 s (and 3 more)"));
    assert!(retries[1].starts_with("10: base/d: ") && retries[1].ends_with("trying again in 1.0 s (and 399 more)"));
}

#[test]
fn a_source_that_failed_is_told_unless_the_error_tells_it() {
    let failed = broken();
    for (end, lines) in [(Step::Done { model: "base" }, 1), (Step::Failed { model: "base" }, 0)] {
        let mut run = Run::new();
        run.at(0, &Step::Lacks { model: "base", files: 1, bytes: Some(1) });
        run.at(1, &Step::SourceFailed { model: "base", file: "a", error: &failed });
        run.at(2, &end);
        assert_eq!(run.said.lines().count(), lines, "{}", run.said);
    }
}

#[test]
fn what_comes_from_the_connections_thread_makes_nobody_speak() {
    let mut run = Run::new();
    let (model, file, error) = ("base", "a", broken());
    for second in 0..60 {
        run.at(second * 1000, &Step::Begin { model, file, bytes: Some(1_000), there: 0 });
        run.at(second * 1000, &Step::Bytes { model, file, done: second });
        run.at(second * 1000, &Step::Retry { model, file, pause: Duration::ZERO, error: &error });
        run.at(second * 1000, &Step::SourceFailed { model, file, error: &error });
    }
    assert_eq!(run.said, "");
}
