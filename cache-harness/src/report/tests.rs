//! What holds for all formats, and the words of those that have no file of tests of their own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::fold::Fold;
use super::sample::{ORDINARY, any_event, any_name, eventful, report};
use super::*;

/// That every element is closed in its order and every attribute quoted; `void` elements have no end.
#[track_caller]
fn assert_balanced(document: &str, void: &[&str]) {
    let mut open = Vec::new();
    let mut rest = document;
    while let Some(begin) = rest.find('<') {
        let text = &rest[..begin];
        assert!(!text.contains('>'), "`>` in text: {text:?}");
        let end = rest[begin..].find('>').expect("an unfinished tag") + begin;
        let tag = &rest[begin + 1..end];
        rest = &rest[end + 1..];
        if tag.starts_with('!') || tag.starts_with('?') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.to_owned()), "in {document}");
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        let outside: String = tag.split('"').step_by(2).collect();
        assert!(outside.chars().all(|c| c.is_ascii_alphanumeric() || " -=/:".contains(c)), "<{tag}>");
        let name = tag.split([' ', '/', '\n']).next().unwrap_or_default();
        if name == "style" {
            rest = &rest[rest.find("</style>").expect("a style without end")..];
        }
        if !tag.ends_with('/') && !void.contains(&name) {
            open.push(name.to_owned());
        }
    }
    assert_eq!(open, Vec::<String>::new());
}

fn is_no_xml(c: char) -> bool {
    (c.is_ascii_control() && c != '\n') || c == '\u{fffe}' || c == '\u{ffff}'
}

/// That it is an exposition: families in one piece, no sample twice, quotes in pairs, and the end where it is.
#[track_caller]
fn assert_exposition(text: &str) {
    let (body, end) = text.rsplit_once('\n').unwrap();
    assert_eq!(end, "# EOF");
    let (mut families, mut samples, mut family) = (BTreeSet::new(), BTreeSet::new(), String::new());
    for line in body.split('\n') {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name) = (words.next().unwrap(), words.next().unwrap());
            if kind == "TYPE" {
                assert!(families.insert(name.to_owned()), "{name} twice");
                name.clone_into(&mut family);
            }
            assert!(["TYPE", "UNIT", "HELP"].contains(&kind) && name == family, "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(series.starts_with(&family), "{line} is not of {family}");
        assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
        let bare = series.replace("\\\\", "").replace("\\\"", "").replace("\\n", "");
        assert!(!bare.contains('\\') && bare.matches('"').count() % 2 == 0, "{line}");
        assert!(samples.insert(series.to_owned()), "{series} twice");
    }
}

const VOID: [&str; 4] = ["meta", "link", "br", "wbr"];

fn any_report() -> impl Strategy<Value = Report> {
    let events = prop::collection::vec(any_event(|| any_name().boxed()), 0..40);
    (events, any_name(), prop::option::of((any::<u64>(), any::<u64>()))).prop_map(|(events, name, store)| {
        let mut fold = Fold::default();
        for event in events {
            let mut line = String::new();
            event.write_line(&mut line);
            fold.line(line.as_bytes());
        }
        let mut report = fold.finish(name);
        report.store = store.map(|(used_bytes, max_bytes)| StoreUse { used_bytes, max_bytes });
        report
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_format_is_well_formed_whatever_happened(mut now in any_report(), earlier in any_report()) {
        now.since = Some(Change::since(&earlier, &now));
        let text = now.text().to_string();
        prop_assert!(text.lines().all(|line| line.chars().count() <= 80), "{}", text);
        prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&now.json().to_string()).is_ok());
        let markdown = now.markdown().to_string();
        prop_assert!(!markdown.contains("<script") && !markdown.contains("](") && !markdown.contains('@'));
        prop_assert!(markdown.len() < 1 << 20, "{}", markdown.len());
        let xml = now.junit().to_string();
        assert_balanced(&xml, &[]);
        prop_assert!(!xml.contains(is_no_xml), "{}", xml);
        assert_exposition(&now.openmetrics().to_string());
        let page = now.html(std::slice::from_ref(&earlier)).to_string();
        assert_balanced(&page, &VOID);
        prop_assert!(!page.contains("<script") && !page.contains("NaN") && page.len() < 1 << 21);
        for annotation in Annotation::all(&now) {
            let line = annotation.to_string();
            prop_assert!(line.starts_with("::warning ") && !line.contains(['\n', '\r']), "{}", line);
            let properties = line["::warning ".len()..].split("::").next().unwrap_or_default();
            prop_assert!(properties.split(',').all(|property| property.split_once('=').is_some()), "{}", line);
        }
    }
}

/// The words of formats that are too long to stand in a test; a page's style is no words.
fn snapshots() -> [(PathBuf, String); 5] {
    let page = eventful().html(&[report(&ORDINARY)]).to_string();
    let (head, body) = page.split_once("<style>").unwrap();
    let page = format!("{head}<style>[style]{}", &body[body.find("</style>").unwrap()..]);
    [
        ("ordinary.md", report(&ORDINARY).markdown().to_string()),
        ("eventful.md", eventful().markdown().to_string()),
        ("eventful.xml", eventful().junit().to_string()),
        ("eventful.prom", eventful().openmetrics().to_string()),
        ("eventful.html", page),
    ]
    .map(|(name, text)| (Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/snapshots").join(name), text))
}

#[test]
fn the_words_of_each_format() {
    for (path, actual) in snapshots() {
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        let hint = "if that is meant: `cargo test -p cache-harness --features cli --lib snapshots -- --ignored`";
        assert!(expected.trim_end() == actual, "{} says otherwise; {hint}\n{actual}", path.display());
    }
}

#[test]
#[ignore = "writes the snapshots anew, for a person to look at what changed"]
#[expect(clippy::disallowed_methods, reason = "files of this repository")]
fn the_snapshots_are_written() {
    for (path, actual) in snapshots() {
        std::fs::write(path, actual + "\n").unwrap();
    }
}

#[test]
fn a_warning_stands_at_the_annotation_and_escapes_what_would_end_it() {
    let lines: Vec<String> = Annotation::all(&eventful()).iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "::warning file=tests/llm.rs,line=12,title=cache-harness::skipped for want of model llama: no HF_TOKEN, and \
             the model is gated (2 requests)",
            "::warning file=tests/t.rs,line=9,title=cache-harness::fallback model whisper-tiny-q5 instead of whisper-tiny",
            "::warning file=tests/t.rs,line=3,title=cache-harness::repaired model minilm: config.json, model.safetensors",
        ]
    );
    let slow = r#"{"event":"request","at":1,"test":"t","model":"m","outcome":"hit","seconds":3,"waited_seconds":1,"file":"a,b:%c\n.rs","line":4}"#;
    let waited =
        r#"{"event":"request","at":1,"test":"t","model":"n","outcome":"hit","seconds":3,"waited_seconds":2.5}"#;
    let [annotation] = &Annotation::all(&report(&[slow, waited]))[..] else { panic!("not one") };
    assert_eq!(
        annotation.to_string(),
        "::warning file=a%2Cb%3A%25c%0A.rs,line=4,title=cache-harness::slow hit of model m: 2.0 s, and nothing was fetched"
    );
}
