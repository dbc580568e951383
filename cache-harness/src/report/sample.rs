//! Events for the tests of all formats: a small run whose numbers are known, and any others.

use proptest::prelude::*;

use super::fold::Fold;
use super::{Change, Report, StoreUse};
use crate::event::{Event, Evict, MissReason, Outcome, Placement, Request, Via, Warning};

const HEADER: &str = r#"{"version":1,"run":"cargo-71-9042","started":"2026-11-21T05:52:26Z","pid":80}"#;

/// A run of two models in three tests, one of which fetched.
pub(super) const ORDINARY: [&str; 3] = [
    r#"{"event":"request","at":1.0,"test":"speech::transcribes_silence","model":"whisper-tiny","outcome":"miss","seconds":12.4,"fetch_seconds":12.1,"bytes":151061672,"fetched_bytes":151061672,"miss_reason":"never_seen","file":"tests/speech.rs","line":7}"#,
    r#"{"event":"request","at":2.0,"test":"speech::knows_german","model":"whisper-tiny","outcome":"hit","seconds":0.0004,"bytes":151061672,"saved_seconds":12.3996}"#,
    r#"{"event":"request","at":2.5,"test":"text::embeds","model":"sentence-transformers/all-MiniLM-L6-v2","outcome":"hit","seconds":0.038,"bytes":90868376,"saved_seconds":7.1,"placement":"linked"}"#,
];

/// What is out of the ordinary, each once; the last line was cut by a kill.
pub(super) const EVENTFUL: [&str; 9] = [
    r#"{"event":"request","at":3,"test":"llm::a","model":"llama","outcome":"skip","reason":"no HF_TOKEN, and the model is gated","file":"tests/llm.rs","line":12}"#,
    r#"{"event":"request","at":3,"test":"llm::b","model":"llama","outcome":"skip","reason":"no HF_TOKEN, and the model is gated","file":"tests/llm.rs","line":20}"#,
    r#"{"event":"request","at":4,"test":"t::r","model":"minilm","outcome":"repaired","repairs":["config.json","model.safetensors"],"bytes":90868376,"file":"tests/t.rs","line":3}"#,
    r#"{"event":"request","at":5,"test":"t::f","model":"whisper-tiny-q5","outcome":"fallback","fallback_for":"whisper-tiny","fetched_bytes":32000000,"bytes":32000000,"retries":3,"resumes":1,"seconds":65,"miss_reason":"evicted","file":"tests/t.rs","line":9}"#,
    r#"{"event":"request","at":6,"test":"t::x","model":"yolo","outcome":"failed","reason":"every source failed","file":"tests/t.rs","line":30}"#,
    r#"{"event":"request","at":6.5,"model":"yolo","via":"restore","outcome":"miss","bypass":true,"bytes":6000000,"fetched_bytes":6000000}"#,
    r#"{"event":"evict","at":7,"model":"bert","bytes":440000000,"reason":"unused for 9 days"}"#,
    r#"{"event":"warning","at":8,"text":"the cache folder `/a/rather/long/path/to/the/cache` cannot be used: \u001b[31mread-only file system"}"#,
    r#"{"event":"request","at":9,"mod"#,
];

/// The report of these lines of a log.
pub(super) fn report<'a>(lines: impl IntoIterator<Item = &'a &'a str>) -> Report {
    let mut fold = Fold::default();
    fold.line(HEADER.as_bytes());
    lines.into_iter().for_each(|line| fold.line(line.as_bytes()));
    fold.finish("cargo-71-9042".into())
}

/// The eventful run, compared with the ordinary one.
pub(super) fn eventful() -> Report {
    let mut report = report(EVENTFUL.iter().chain([&ORDINARY[1]]));
    let mut earlier = self::report(&ORDINARY);
    (earlier.run, earlier.started) = ("cargo-70-1".into(), Some("2026-11-20T05:52:26Z".into()));
    report.since = Some(Change::since(&earlier, &report));
    report.store = Some(StoreUse { used_bytes: 1_200_000_000, max_bytes: 2_000_000_000 });
    report
}

/// Names as nobody should give them.
pub(super) fn any_name() -> impl Strategy<Value = String> {
    let odd = [
        "",
        "a\"b'c<d>&e|f`g\n\r\th\u{0}\u{1b}[31m",
        "]]>--><script>alert(1)</script>",
        "::error file=a,line=1::b%0A%",
        "🦀👩‍👩‍👧\u{202e}\u{2028}\u{ffff}",
        "# EOF\n{}\\",
        "@somebody #1 ![x](y) *_~",
    ];
    let odd = prop::sample::select(odd.map(str::to_owned).to_vec());
    let long = prop::sample::select(vec!["x", "<", "ü", " ", "a b"]).prop_map(|part| part.repeat(10_000));
    let usual = || prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned);
    prop_oneof![6 => usual(), 2 => odd, 1 => any::<String>(), 1 => long]
}

/// Any event; moments and sizes are often equal, and sometimes beyond everything.
pub(super) fn any_event(name: fn() -> BoxedStrategy<String>) -> impl Strategy<Value = Event> {
    let outcomes = [Outcome::Hit, Outcome::Miss, Outcome::Repaired, Outcome::Fallback, Outcome::Skip, Outcome::Failed];
    let placements = [Placement::InPlace, Placement::Linked, Placement::Copied, Placement::Remote];
    let reasons = [
        MissReason::NeverSeen,
        MissReason::Evicted,
        MissReason::Expired,
        MissReason::Removed,
        MissReason::Corrupt,
        MissReason::OtherPin,
        MissReason::Unknown,
    ];
    let vias = vec![Via::Test, Via::Restore, Via::Warm];
    let seconds = || prop_oneof![8 => 0.0..9.0, 1 => Just(0.0), 1 => prop::sample::select(vec![-1.0, 1e300, 3e9])];
    let bytes = || prop_oneof![8 => 0_u64..1000, 1 => Just(u64::MAX)];
    let who = (name(), prop::option::of(name()), prop::sample::select(vias), prop::option::of(name()));
    let what = (
        prop::sample::select(outcomes.to_vec()),
        prop::sample::select(placements.to_vec()),
        prop::option::of(prop::sample::select(reasons.to_vec())),
    );
    let facts = (0_u8..3, bytes(), bytes(), seconds(), seconds());
    let asked = (who, what, facts).prop_map(|((model, test, via, file), (outcome, placement, miss_reason), facts)| {
        let (at, bytes, fetched_bytes, seconds, saved_seconds) = facts;
        Event::Request(Request {
            at: at.into(),
            test: test.clone(),
            via,
            line: file.as_ref().map(|_| 7),
            file,
            bytes,
            fetched_bytes,
            seconds,
            saved_seconds,
            waited_seconds: saved_seconds / 2.0,
            fetch_seconds: seconds / 2.0,
            placement,
            miss_reason,
            repairs: test.clone().into_iter().collect(),
            fallback_for: (outcome == Outcome::Fallback).then(|| model.clone()),
            reason: test,
            ..Request::new(model, outcome)
        })
    });
    let evicted = (name(), bytes(), name())
        .prop_map(|(model, bytes, reason)| Event::Evict(Evict { at: 1.0, model, bytes, reason }));
    let warned = name().prop_map(|text| Event::Warning(Warning { at: 1.0, text }));
    prop_oneof![8 => asked, 1 => evicted, 1 => warned]
}
