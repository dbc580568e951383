use super::super::Report;
use super::super::sample::{ORDINARY, eventful, report};

#[track_caller]
fn assert_text(report: &Report, expected: &str) {
    let text = report.text().to_string();
    assert_eq!(text, expected.trim_matches('\n'), "\n{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "\n{text}");
}

const MISS: &str = ORDINARY[0];
const HIT: &str = ORDINARY[1];

#[test]
fn an_ordinary_run_is_a_few_lines() {
    assert_text(
        &report(&ORDINARY),
        "
hit rate    66.6 %  █████████████░░░░░░░  2 hits, 1 miss in 3 tests
target        80 %  not reached
hits       1 in place, 1 linked
misses     1 never seen
fetched    151 MB         saved 242 MB
preparing  12.4 s         saved 19.5 s
  of it    fetching 12.1 s
run        cargo-71-9042 of 2026-11-21T05:52:26Z

model                       asked   hits   fetched       p50       p95       max
sentence-transformers/all…      1   100%       0 B     38 ms     38 ms     38 ms
whisper-tiny                    2  50.0%    151 MB    0.4 ms    12.4 s    12.4 s

slowest      12.4 s  miss      whisper-tiny in speech::transcribes_silence
              38 ms  hit       sentence-transformers/a… in text::embeds
             0.4 ms  hit       whisper-tiny in speech::knows_german
",
    );
}

#[test]
fn what_is_out_of_the_ordinary_is_said_with_its_reason() {
    assert_text(
        &eventful(),
        "
hit rate    28.5 %  █████░░░░░░░░░░░░░░░  2 hits, 5 misses in 6 tests
target        80 %  not reached
hits       2 in place
misses     1 evicted, 4 unknown
fetched    38.0 MB        saved 242 MB
preparing  1 min 5 s      saved 12.4 s
store      1.20 GB of 2.00 GB used
run        cargo-71-9042 of 2026-11-21T05:52:26Z
since      cargo-70-1 of 2026-11-20T05:52:26Z: hit rate -38.1 points; 113 MB
           less fetched; 52.6 s more preparing; 2 skipped, 0 before; 1 failed, 0
           before; new: llama, minilm, whisper-tiny-q5 and 1 more; no longer
           asked for: sentence-transformers/all-MiniLM-L6-v2

model                       asked   hits   fetched       p50       p95       max
llama                           2   0.0%       0 B    0.0 ms    0.0 ms    0.0 ms
minilm                          1   100%       0 B    0.0 ms    0.0 ms    0.0 ms
whisper-tiny                    1   100%       0 B    0.4 ms    0.4 ms    0.4 ms
whisper-tiny-q5                 1   0.0%   32.0 MB 1 min 5 s 1 min 5 s 1 min 5 s
yolo                            2   0.0%   6.00 MB    0.0 ms    0.0 ms    0.0 ms

failed     yolo: every source failed (in t::x)
skipped    llama: no HF_TOKEN, and the model is gated (2 times)
repaired   minilm: config.json, model.safetensors (in t::r)
fallback   whisper-tiny-q5 instead of whisper-tiny (in t::f)
bypassed   yolo
evicted    bert (440 MB): unused for 9 days
warning    the cache folder `/a/rather/long/path/to/the/cache` cannot be used:
           [31mread-only file system
network    3 exchanges tried again, 1 download resumed
log        1 line of the log could not be read; the counts lack what they said

slowest    1 min 5 s  fallback  whisper-tiny-q5 in t::f
             0.4 ms  hit       whisper-tiny in speech::knows_german
             0.0 ms  miss      yolo
",
    );
}

#[test]
fn a_run_without_requests_says_what_to_do() {
    assert_text(
        &report(&[]),
        "
No model was asked for in run `cargo-71-9042`.
Annotate a test with #[cached_model(\"name\")] and run `cargo test`, or put a
model in place with `cache-harness restore NAME`.
",
    );
}

#[test]
fn what_was_only_warmed_is_no_request() {
    let warm = r#"{"event":"request","at":1,"model":"minilm","via":"warm","outcome":"miss","fetched_bytes":90868376,"seconds":7}"#;
    assert_text(
        &report(&[warm]),
        "
hit rate         -  no model was asked for yet
fetched    90.9 MB        saved 0 B
preparing  0.0 ms         saved 0.0 ms
run        cargo-71-9042 of 2026-11-21T05:52:26Z

model                       asked   hits   fetched       p50       p95       max
minilm                          0      -   90.9 MB         -         -         -
",
    );
}

#[test]
fn a_hundred_percent_is_said_of_nothing_less() {
    let lines: Vec<&str> = std::iter::repeat_n(HIT, 2999).chain([MISS]).collect();
    assert!(report(&lines).text().to_string().starts_with("hit rate    99.9 %  ███████████████████░"));
    assert!(
        report(&[HIT])
            .text()
            .to_string()
            .starts_with("hit rate     100 %  ████████████████████  1 hit, 0 misses in 1 test\n")
    );
}

#[test]
fn many_models_and_long_words_stay_within_the_page() {
    let long = "x".repeat(300);
    let mut lines: Vec<String> = (0..40).map(|i| HIT.replace("whisper-tiny", &format!("model-{i}-{long}"))).collect();
    lines.push(format!(r#"{{"event":"warning","at":1,"text":"{long} {long}"}}"#));
    lines.extend((0..9).map(|i| format!(r#"{{"event":"warning","at":2,"text":"warning {i}"}}"#)));
    let text = report(&lines.iter().map(String::as_str).collect::<Vec<_>>()).text().to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "\n{text}");
    assert!(text.contains("\n… and 28 more: `--format json` lists all\n"), "\n{text}");
    assert!(text.contains("\nwarning    … and 4 more: `--format json` lists all\n"), "\n{text}");
}
