//! The report for the summary of a CI job or a pull request, in GitHub's Markdown.
//!
//! Names and reasons come from logs: every character that Markdown or HTML would read is written as an entity, and
//! what would call somebody or link an issue is broken up.

use std::fmt::{self, Formatter, Write as _};

use super::note::{self, Note};
use super::words::{counted, cut, percent, requests, run, target, verdict};
use super::{ModelUse, Report, StoreUse};
use crate::units::{ByteSize, show_seconds};

/// More models, or notes of a kind, than these are left to `--format json`: a job's summary holds 1 MiB.
const MODELS: usize = 50;
const NOTES: usize = 10;
/// Longer names and sentences are cut.
const NAME: usize = 100;
const SENTENCE: usize = 500;

/// Prints a section that begins with a heading of the third level.
#[derive(Debug)]
pub(super) struct MarkdownReport<'a>(pub(super) &'a Report);

impl fmt::Display for MarkdownReport<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let mut text = String::new();
        headline(report, &mut text)?;
        models(report, &mut text)?;
        notes(report, &mut text)?;
        formatter.write_str(text.trim_end())
    }
}

fn headline(report: &Report, text: &mut String) -> fmt::Result {
    let size = |bytes| ByteSize(bytes).to_string();
    match report.hit_rate {
        Some(rate) => {
            let (verdict, target) = (verdict(rate), target());
            writeln!(text, "### Model cache: {} hits (target {target}: {verdict})\n", percent(rate))?;
            writeln!(text, "- {}", requests(report))?;
        }
        None => writeln!(text, "### Model cache: no model was asked for\n")?,
    }
    for (label, counts) in [("hits", &report.hits_by.counts()[..]), ("misses", &report.misses_by.counts()[..])] {
        let counts = counted(counts);
        if !counts.is_empty() {
            writeln!(text, "- {label}: {counts}")?;
        }
    }
    writeln!(text, "- {} fetched, {} saved", size(report.bytes_fetched), size(report.bytes_saved))?;
    let (preparing, saved) = (show_seconds(report.seconds_preparing), show_seconds(report.seconds_saved));
    let (waiting, fetching) = (show_seconds(report.seconds_waiting), show_seconds(report.seconds_fetching));
    writeln!(text, "- {preparing} preparing ({waiting} waiting, {fetching} fetching), {saved} saved")?;
    if let Some(StoreUse { used_bytes, max_bytes }) = report.store {
        writeln!(text, "- store: {} of {} used", size(used_bytes), size(max_bytes))?;
    }
    writeln!(text, "- run {}", sentence(&run(&report.run, report.started.as_deref())))?;
    if let Some(since) = &report.since {
        let earlier = run(&since.run, since.started.as_deref());
        writeln!(text, "- since {}: {}", sentence(&earlier), sentence(&since.words(report)))?;
    }
    Ok(())
}

fn models(report: &Report, text: &mut String) -> fmt::Result {
    if report.models.is_empty() {
        return Ok(());
    }
    let mut models: Vec<&ModelUse> = report.models.iter().collect();
    if models.len() > MODELS {
        models.sort_by(|one, other| other.seconds_preparing.total_cmp(&one.seconds_preparing));
    }
    writeln!(text, "\n| model | asked | hits | fetched | saved | p50 | p95 | max |")?;
    writeln!(text, "|---|--:|--:|--:|--:|--:|--:|--:|")?;
    let took = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), show_seconds);
    for model in models.iter().take(MODELS) {
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            name(&model.name),
            model.requests,
            model.hit_rate.map_or_else(|| "-".to_owned(), percent),
            ByteSize(model.bytes_fetched),
            ByteSize(model.bytes_saved),
            took(model.seconds_p50),
            took(model.seconds_p95),
            took(model.seconds_max),
        )?;
    }
    more(text, models.len().saturating_sub(MODELS))
}

fn notes(report: &Report, text: &mut String) -> fmt::Result {
    let notes = note::all(report);
    if !notes.is_empty() {
        writeln!(text, "\n#### Out of the ordinary\n")?;
    }
    for Note { label, lines } in notes {
        for line in lines.iter().take(NOTES) {
            writeln!(text, "- **{label}**: {}", sentence(line))?;
        }
        more(text, lines.len().saturating_sub(NOTES))?;
    }
    Ok(())
}

fn more(text: &mut String, left: usize) -> fmt::Result {
    if left > 0 { writeln!(text, "\n… and {left} more: `--format json` lists all\n") } else { Ok(()) }
}

fn name(text: &str) -> String {
    format!("<code>{}</code>", escaped(&cut(text, NAME)))
}

/// Text in which nobody is called and no issue is linked.
fn sentence(text: &str) -> String {
    escaped(&cut(text, SENTENCE)).replace("&#64;", "<span>&#64;</span>").replace("&#35;", "<span>&#35;</span>")
}

/// Entities for whatever could be markup; an entity never is.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() && !matches!(c, '-' | '.' | '/' | ':' | ',' | '(' | ')' | ';' | '%' | '+') {
            // Writing to a `String` has no error.
            let _ = write!(escaped, "&#{};", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_markup_calls_anybody_or_ends_its_cell() {
        let text = name("a|b`<img src=x>`*_[x](y)_*\\ @octocat #1");
        for markup in ["|", "<img", "*", "_", "[", "`", "\\", "@", " #"] {
            assert!(!text.contains(markup), "{markup} in {text}");
        }
        assert_eq!(sentence("ask @me in #1"), "ask <span>&#64;</span>me in <span>&#35;</span>1");
    }
}
