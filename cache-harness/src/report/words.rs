//! Words and numbers that the formats for people share.

use super::Report;

/// The hit rate that a report for people compares with; only `--min-hit-rate` enforces one.
pub(super) const TARGET: f64 = 0.8;

/// The target in words.
pub(super) fn target() -> String {
    format!("{:.0} %", TARGET * 100.0)
}

/// Whether a hit rate is what it should be, in a word.
pub(super) fn verdict(rate: f64) -> &'static str {
    if rate >= TARGET { "reached" } else { "not reached" }
}

/// Rounded down, so that `100 %` is never said of less.
pub(super) fn percent(rate: f64) -> String {
    let tenths = (rate * 1000.0 + 1e-9).floor();
    if tenths >= 1000.0 { "100 %".into() } else { format!("{:.1} %", tenths / 10.0) }
}

/// `1 test`, `2 tests`.
pub(super) fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `1 miss`, `2 misses`.
pub(super) fn plural_es(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "es" })
}

/// The counts that are not zero: `2 in place, 1 linked`.
pub(super) fn counted(counts: &[(&str, u64)]) -> String {
    let some = counts.iter().filter(|(_, count)| *count > 0);
    some.map(|(words, count)| format!("{count} {words}")).collect::<Vec<_>>().join(", ")
}

/// `2 hits, 1 miss in 3 tests`.
pub(super) fn requests(report: &Report) -> String {
    let tests = if report.tests > 0 { format!(" in {}", plural(report.tests, "test")) } else { String::new() };
    format!("{}, {}{tests}", plural(report.hits, "hit"), plural_es(report.misses, "miss"))
}

/// A run as a person finds it again: its name and when it began.
pub(super) fn run(name: &str, started: Option<&str>) -> String {
    started.map_or_else(|| plain(name), |started| format!("{} of {}", plain(name), plain(started)))
}

/// Logs are files that anybody may have written: nothing in them moves the cursor.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// At most `width` characters.
pub(super) fn cut(text: &str, width: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// The last `width` characters: of a test's path, its end tells it from its neighbours.
pub(super) fn cut_begin(text: &str, width: usize) -> String {
    let text = plain(text);
    let long = text.chars().count();
    if long <= width {
        return text;
    }
    ['…'].into_iter().chain(text.chars().skip(long - width.saturating_sub(1))).collect()
}
