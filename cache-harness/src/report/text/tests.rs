use super::super::Report;
use super::super::fold::Fold;

fn report(lines: &[&str]) -> Report {
    let mut fold = Fold::default();
    fold.line(br#"{"version":1,"run":"cargo-71-9042","started":"2026-11-21T05:52:26Z","pid":80}"#);
    for line in lines {
        fold.line(line.as_bytes());
    }
    fold.finish("cargo-71-9042".into())
}

#[track_caller]
fn assert_text(report: &Report, expected: &str) {
    let text = report.text().to_string();
    assert_eq!(text, expected.trim_matches('\n'), "\n{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "\n{text}");
}

const MISS: &str = r#"{"event":"request","at":1.0,"test":"speech::transcribes_silence","model":"whisper-tiny","outcome":"miss","seconds":12.4,"bytes":151061672,"fetched_bytes":151061672}"#;
const HIT: &str = r#"{"event":"request","at":2.0,"test":"speech::knows_german","model":"whisper-tiny","outcome":"hit","seconds":0.0004,"bytes":151061672,"saved_seconds":12.3996}"#;
const OTHER: &str = r#"{"event":"request","at":2.5,"test":"text::embeds","model":"sentence-transformers/all-MiniLM-L6-v2","outcome":"hit","seconds":0.038,"bytes":90868376,"saved_seconds":7.1}"#;

#[test]
fn an_ordinary_run_is_a_few_lines() {
    assert_text(
        &report(&[MISS, HIT, OTHER]),
        "
hit rate    66.6 %  █████████████░░░░░░░  2 hits, 1 miss in 3 tests
fetched    151 MB         saved 242 MB
preparing  12.4 s         saved 19.5 s
run        cargo-71-9042 of 2026-11-21T05:52:26Z

model                          requests   hits    served   fetched    preparing
sentence-transformers/all-Min…        1   100%   90.9 MB       0 B        38 ms
whisper-tiny                          2  50.0%    302 MB    151 MB       12.4 s

slowest      12.4 s  miss      whisper-tiny in speech::transcribes_silence
              38 ms  hit       sentence-transformers/a… in text::embeds
             0.4 ms  hit       whisper-tiny in speech::knows_german
",
    );
}

#[test]
fn what_is_out_of_the_ordinary_is_said_with_its_reason() {
    let skip = |test: &str| {
        format!(
            r#"{{"event":"request","at":3,"test":"{test}","model":"llama","outcome":"skip","reason":"no HF_TOKEN, and the model is gated"}}"#
        )
    };
    let (one, other) = (skip("llm::a"), skip("llm::b"));
    let lines = [
        HIT,
        &one,
        &other,
        r#"{"event":"request","at":4,"test":"t::r","model":"minilm","outcome":"repaired","repairs":["config.json","model.safetensors"],"bytes":90868376}"#,
        r#"{"event":"request","at":5,"test":"t::f","model":"whisper-tiny-q5","outcome":"fallback","fallback_for":"whisper-tiny","fetched_bytes":32000000,"bytes":32000000,"retries":3,"resumes":1,"seconds":65}"#,
        r#"{"event":"request","at":6,"test":"t::x","model":"yolo","outcome":"failed","reason":"every source failed"}"#,
        r#"{"event":"request","at":6.5,"model":"yolo","via":"restore","outcome":"miss","bypass":true,"bytes":6000000,"fetched_bytes":6000000}"#,
        r#"{"event":"evict","at":7,"model":"bert","bytes":440000000,"reason":"unused for 9 days"}"#,
        r#"{"event":"warning","at":8,"text":"the cache folder `/a/rather/long/path/to/the/cache` cannot be used: \u001b[31mread-only file system"}"#,
        r#"{"event":"request","at":9,"mod"#,
    ];
    assert_text(
        &report(&lines),
        "
hit rate    28.5 %  █████░░░░░░░░░░░░░░░  2 hits, 5 misses in 6 tests
fetched    38.0 MB        saved 242 MB
preparing  1 min 5 s      saved 12.4 s
run        cargo-71-9042 of 2026-11-21T05:52:26Z

model                          requests   hits    served   fetched    preparing
llama                                 2   0.0%       0 B       0 B       0.0 ms
minilm                                1   100%   90.9 MB       0 B       0.0 ms
whisper-tiny                          1   100%    151 MB       0 B       0.4 ms
whisper-tiny-q5                       1   0.0%   32.0 MB   32.0 MB    1 min 5 s
yolo                                  2   0.0%   6.00 MB   6.00 MB       0.0 ms

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

model                          requests   hits    served   fetched    preparing
minilm                                0      -       0 B   90.9 MB       0.0 ms
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
