//! What a person should look at, by kind; the same thing in many tests is one line.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Report;
use super::words::plural;
use crate::event::{Outcome, Request};
use crate::units::ByteSize;

/// One kind of thing, and each of them in a sentence.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) label: &'static str,
    pub(super) lines: Vec<String>,
}

/// Everything out of the ordinary, worst first; no kind is empty.
pub(super) fn all(report: &Report) -> Vec<Note> {
    let mut notes = Vec::new();
    for (label, outcome) in [
        ("failed", Outcome::Failed),
        ("skipped", Outcome::Skip),
        ("repaired", Outcome::Repaired),
        ("fallback", Outcome::Fallback),
    ] {
        notes.push((label, grouped(report, |request| (request.outcome == outcome).then(|| describe(request)))));
    }
    notes.push(("bypassed", grouped(report, |request| request.bypass.then(|| describe(request)))));
    let mut evicted = BTreeMap::new();
    for evict in &report.evicted {
        let reason = if evict.reason.is_empty() { String::new() } else { format!(": {}", evict.reason) };
        *evicted.entry(format!("{} ({}){reason}", evict.model, ByteSize(evict.bytes))).or_default() += 1;
    }
    notes.push(("evicted", times(evicted)));
    notes.push(("warning", report.warnings.clone()));
    if report.retries + report.resumes > 0 {
        let resumed = plural(report.resumes, "download");
        notes.push(("network", vec![format!("{} tried again, {resumed} resumed", plural(report.retries, "exchange"))]));
    }
    if report.unreadable > 0 {
        let lost = format!(
            "{} of the log could not be read; the counts lack what they said",
            plural(report.unreadable, "line")
        );
        notes.push(("log", vec![lost]));
    }
    notes.retain(|(_, lines)| !lines.is_empty());
    notes.into_iter().map(|(label, lines)| Note { label, lines }).collect()
}

/// What is said of a request, without the test: the same of many tests is said once.
pub(super) fn describe(request: &Request) -> String {
    let mut text = request.model.clone();
    if let Some(asked) = &request.fallback_for {
        let _ = write!(text, " instead of {asked}");
    }
    let mut details = request.repairs.join(", ");
    if let Some(reason) = &request.reason {
        let gap = if details.is_empty() { "" } else { "; " };
        let _ = write!(details, "{gap}{reason}");
    }
    if !details.is_empty() {
        let _ = write!(text, ": {details}");
    }
    text
}

fn grouped(report: &Report, note: impl Fn(&Request) -> Option<String>) -> Vec<String> {
    let mut groups = BTreeMap::<String, Vec<&str>>::new();
    for request in report.warmed.iter().chain(&report.per_test) {
        if let Some(text) = note(request) {
            groups.entry(text).or_default().push(request.test.as_deref().unwrap_or_default());
        }
    }
    let with_tests = |(text, tests): (String, Vec<&str>)| match tests[..] {
        [""] => text,
        [test] => format!("{text} (in {test})"),
        _ => format!("{text} ({} times)", tests.len()),
    };
    groups.into_iter().map(with_tests).collect()
}

fn times(counts: BTreeMap<String, u64>) -> Vec<String> {
    let line = |(text, count)| if count == 1 { text } else { format!("{text} ({count} times)") };
    counts.into_iter().map(line).collect()
}
