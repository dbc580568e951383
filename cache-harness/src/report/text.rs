//! The report for people: the answer in the first line, what is out of the ordinary last, nothing that is only zero.

use std::fmt::{self, Formatter, Write as _};

use super::note::{self, Note};
use super::words::{counted, cut, cut_begin, percent, plain, requests, run, target, verdict};
use super::{Report, StoreUse};
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
const NAME: usize = 26;

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
            writeln!(text, "{:LABEL$}{:>7}  {}  {}", "hit rate", percent(rate), bar(rate), requests(report))?;
            writeln!(text, "{:LABEL$}{:>7}  {}", "target", target(), verdict(rate))?;
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
    for (label, counts) in [("hits", &report.hits_by.counts()[..]), ("misses", &report.misses_by.counts()[..])] {
        let counts = counted(counts);
        if !counts.is_empty() {
            labelled(text, label, &counts);
        }
    }
    let size = |bytes| ByteSize(bytes).to_string();
    pair(text, "fetched", &size(report.bytes_fetched), &size(report.bytes_saved))?;
    pair(text, "preparing", &show_seconds(report.seconds_preparing), &show_seconds(report.seconds_saved))?;
    let parts = [("waiting", report.seconds_waiting), ("fetching", report.seconds_fetching)];
    let parts = parts.iter().filter(|(_, seconds)| *seconds > 0.0);
    let parts: Vec<_> = parts.map(|(what, seconds)| format!("{what} {}", show_seconds(*seconds))).collect();
    if !parts.is_empty() {
        labelled(text, "  of it", &parts.join(", "));
    }
    if let Some(StoreUse { used_bytes, max_bytes }) = report.store {
        labelled(text, "store", &format!("{} of {} used", size(used_bytes), size(max_bytes)));
    }
    labelled(text, "run", &run(&report.run, report.started.as_deref()));
    if let Some(since) = &report.since {
        labelled(text, "since", &format!("{}: {}", run(&since.run, since.started.as_deref()), since.words(report)));
    }
    Ok(())
}

fn labelled(text: &mut String, label: &str, words: &str) {
    wrap(text, &format!("{label:LABEL$}"), &plain(words));
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
    text.push('\n');
    let mut row = |cells: [&str; 7]| {
        let [name, asked, hits, fetched, half, most, max] = cells;
        writeln!(text, "{name:NAME$} {asked:>6} {hits:>6} {fetched:>9} {half:>9} {most:>9} {max:>9}")
    };
    row(["model", "asked", "hits", "fetched", "p50", "p95", "max"])?;
    for model in models.iter().take(MODELS) {
        row([
            &cut(&model.name, NAME),
            &model.requests.to_string(),
            &model.hit_rate.map_or_else(|| "-".into(), |rate| percent(rate).replace(' ', "")),
            &cut(&ByteSize(model.bytes_fetched).to_string(), 9),
            &brief(model.seconds_p50),
            &brief(model.seconds_p95),
            &brief(model.seconds_max),
        ])?;
    }
    more(text, "", models.len().saturating_sub(MODELS))
}

/// Seconds in at most nine characters.
fn brief(seconds: Option<f64>) -> String {
    let text = seconds.map_or_else(|| "-".to_owned(), show_seconds);
    match text.match_indices(' ').nth(1) {
        Some((end, _)) if text.len() > 9 => text[..end].to_owned(),
        _ => cut(&text, 9),
    }
}

fn notes(report: &Report, text: &mut String) -> fmt::Result {
    let notes = note::all(report);
    if !notes.is_empty() {
        text.push('\n');
    }
    for Note { label, lines } in notes {
        let indent = format!("{label:LABEL$}");
        for line in lines.iter().take(NOTES) {
            wrap(text, &indent, &plain(line));
        }
        more(text, &indent, lines.len().saturating_sub(NOTES))?;
    }
    Ok(())
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

fn bar(rate: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most `BAR`")]
    #[expect(clippy::cast_precision_loss, reason = "twenty")]
    let full = (rate.clamp(0.0, 1.0) * BAR as f64) as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full))
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
