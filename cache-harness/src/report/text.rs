//! The report for people: the answer in the first line, what is out of the ordinary last, nothing that is only zero.

use std::collections::BTreeMap;
use std::fmt::{self, Formatter, Write as _};

use super::Report;
use crate::event::{Outcome, Request};
use crate::units::{ByteSize, show_seconds};

const WIDTH: usize = 80;
const BAR: usize = 20;
/// More models, notes of a kind or slow requests than these are left to `--format json`.
const MODELS: usize = 12;
const NOTES: usize = 6;
const SLOWEST: usize = 3;
/// The width of the words that lines begin with.
const LABEL: usize = 11;
/// The width of a model's name in the table and below it.
const NAME: usize = 30;

/// Prints at most 80 columns, without colour and without a last line break.
#[derive(Debug)]
pub(super) struct TextReport<'a>(pub(super) &'a Report);

impl fmt::Display for TextReport<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let mut text = String::new();
        headline(report, &mut text)?;
        models(report, &mut text)?;
        notes(report, &mut text)?;
        slowest(report, &mut text)?;
        formatter.write_str(text.trim_end())
    }
}

fn headline(report: &Report, text: &mut String) -> fmt::Result {
    match report.hit_rate {
        Some(rate) => {
            let hits = format!("{}, {}", plural(report.hits, "hit"), plural_es(report.misses, "miss"));
            let tests = if report.tests > 0 { format!(" in {}", plural(report.tests, "test")) } else { String::new() };
            writeln!(text, "{:LABEL$}{:>7}  {}  {hits}{tests}", "hit rate", percent(rate), bar(rate))?;
        }
        None if report.warmed.is_empty() => {
            wrap(text, "", &format!("No model was asked for in run `{}`.", plain(&report.run)));
            let remedy = "Annotate a test with #[cached_model(\"name\")] and run `cargo test`, or put a model in place with \
                 `cache-harness restore NAME`.";
            wrap(text, "", remedy);
            return Ok(());
        }
        None => writeln!(text, "{:LABEL$}{:>7}  no model was asked for yet", "hit rate", "-")?,
    }
    let size = |bytes| ByteSize(bytes).to_string();
    pair(text, "fetched", &size(report.bytes_fetched), &size(report.bytes_saved))?;
    pair(text, "preparing", &show_seconds(report.seconds_preparing), &show_seconds(report.seconds_saved))?;
    let started = report.started.as_deref().map(|started| format!(" of {}", plain(started))).unwrap_or_default();
    wrap(text, &format!("{:LABEL$}", "run"), &format!("{}{started}", plain(&report.run)));
    Ok(())
}

fn pair(text: &mut String, label: &str, spent: &str, saved: &str) -> fmt::Result {
    writeln!(text, "{label:LABEL$}{spent:<14} saved {saved}")
}

fn models(report: &Report, text: &mut String) -> fmt::Result {
    if report.models.is_empty() {
        return Ok(());
    }
    let mut models: Vec<_> = report.models.iter().collect();
    if models.len() > MODELS {
        models.sort_by(|one, other| other.seconds_preparing.total_cmp(&one.seconds_preparing));
    }
    writeln!(
        text,
        "\n{:NAME$} {:>8} {:>6} {:>9} {:>9} {:>12}",
        "model", "requests", "hits", "served", "fetched", "preparing"
    )?;
    for model in models.iter().take(MODELS) {
        writeln!(
            text,
            "{:NAME$} {:>8} {:>6} {:>9} {:>9} {:>12}",
            cut(&model.name, NAME),
            model.requests,
            model.hit_rate.map_or_else(|| "-".into(), |rate| percent(rate).replace(' ', "")),
            ByteSize(model.bytes_served).to_string(),
            ByteSize(model.bytes_fetched).to_string(),
            show_seconds(model.seconds_preparing),
        )?;
    }
    more(text, "", models.len().saturating_sub(MODELS))
}

/// What a person should look at, by kind; the same thing in many tests is one line.
fn notes(report: &Report, text: &mut String) -> fmt::Result {
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
    if !notes.is_empty() {
        text.push('\n');
    }
    for (label, lines) in notes {
        let indent = format!("{label:LABEL$}");
        for line in lines.iter().take(NOTES) {
            wrap(text, &indent, &plain(line));
        }
        more(text, &indent, lines.len().saturating_sub(NOTES))?;
    }
    Ok(())
}

/// What is said of a request, without the test: the same of many tests is said once.
fn describe(request: &Request) -> String {
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

fn slowest(report: &Report, text: &mut String) -> fmt::Result {
    if report.slowest.is_empty() {
        return Ok(());
    }
    text.push('\n');
    for (index, request) in report.slowest.iter().take(SLOWEST).enumerate() {
        let label = if index == 0 { "slowest" } else { "" };
        let outcome = request.outcome.as_str();
        let begin = format!("{label:LABEL$}{:>8}  {outcome:8}  ", show_seconds(request.seconds));
        let room = WIDTH.saturating_sub(begin.chars().count());
        let what = match &request.test {
            Some(name) => {
                let model = format!("{} in ", cut(&request.model, NAME.min(room / 2)));
                let left = room.saturating_sub(model.chars().count());
                model + &cut_begin(name, left)
            }
            None => cut(&request.model, room),
        };
        writeln!(text, "{begin}{what}")?;
    }
    Ok(())
}

fn more(text: &mut String, indent: &str, left: usize) -> fmt::Result {
    if left > 0 { writeln!(text, "{indent}… and {left} more: `--format json` lists all") } else { Ok(()) }
}

/// Rounded down, so that `100 %` is never said of less.
fn percent(rate: f64) -> String {
    let tenths = (rate * 1000.0 + 1e-9).floor();
    if tenths >= 1000.0 { "100 %".into() } else { format!("{:.1} %", tenths / 10.0) }
}

fn bar(rate: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most `BAR`")]
    #[expect(clippy::cast_precision_loss, reason = "twenty")]
    let full = (rate.clamp(0.0, 1.0) * BAR as f64) as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full))
}

fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn plural_es(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "es" })
}

/// Logs are files that anybody may have written: nothing in them moves the cursor.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// At most `width` characters.
fn cut(text: &str, width: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// The last `width` characters: of a test's path, its end tells it from its neighbours.
fn cut_begin(text: &str, width: usize) -> String {
    let text = plain(text);
    let long = text.chars().count();
    if long <= width {
        return text;
    }
    ['…'].into_iter().chain(text.chars().skip(long - width.saturating_sub(1))).collect()
}

/// Words in lines of at most 80 characters; the first begins with `label`, the others are indented as far.
fn wrap(text: &mut String, label: &str, words: &str) {
    let indent = label.chars().count();
    let room = WIDTH - indent;
    let mut line = label.to_owned();
    let mut used = 0;
    let mut end = |line: &mut String| {
        text.push_str(line.trim_end());
        text.push('\n');
        *line = " ".repeat(indent);
    };
    for word in words.split_whitespace() {
        let mut word = word.chars().peekable();
        let mut gap = if used > 0 { " " } else { "" };
        if used > 0 && used + 1 + word.clone().count() > room {
            end(&mut line);
            (used, gap) = (0, "");
        }
        line.push_str(gap);
        used += gap.len();
        // A path longer than a line is broken rather than cut: it may be wanted whole.
        while let Some(c) = word.next() {
            line.push(c);
            used += 1;
            if used == room && word.peek().is_some() {
                end(&mut line);
                used = 0;
            }
        }
    }
    end(&mut line);
}

#[cfg(test)]
mod tests;
