//! The demo as a person reads it, in 80 columns.

use std::io::{self, Write};

use super::{BYTES_PER_SECOND, LATENCY, MEGABYTE, MODELS, Measured, Scene, TESTS};
use crate::units::{ByteSize, show_seconds};

const BAR: usize = 24;

pub(super) fn introduction(out: &mut dyn Write) -> io::Result<()> {
    let sizes = MODELS.map(|(_, size)| (size / MEGABYTE).to_string()).join(", ");
    writeln!(
        out,
        "{TESTS} test processes at once need {} models ({sizes} MB) from a server behind a home",
        MODELS.len()
    )?;
    writeln!(
        out,
        "connection of {} Mbit/s, {} ms away (all on this machine). About 12 seconds.\n",
        BYTES_PER_SECOND * 8 / MEGABYTE,
        LATENCY.as_millis()
    )?;
    writeln!(out, "{:16} {:>7}  {:BAR$} {:>9} {:>9}  verified", "cache-harness", "time", "", "downloads", "fetched")?;
    out.flush()
}

pub(super) fn row(out: &mut dyn Write, row: &Measured, first: &Measured) -> io::Result<()> {
    let name = match row.scene {
        Scene::Without => "without",
        Scene::FirstRun => "with, first run",
        Scene::LaterRun => "with, later runs",
    };
    writeln!(
        out,
        "{name:16} {:>7}  {:BAR$} {:>9} {:>9}  {}",
        show_seconds(row.seconds),
        bar(row.seconds / first.seconds),
        row.downloads,
        ByteSize(row.bytes).to_string(),
        if row.verified { "yes" } else { "no" }
    )?;
    out.flush()
}

pub(super) fn conclusion(out: &mut dyn Write, measured: &[Measured]) -> io::Result<()> {
    if let [without, _, later] = measured {
        let (before, after) = (show_seconds(without.seconds), show_seconds(later.seconds));
        let saved = ByteSize(without.bytes.saturating_sub(later.bytes));
        writeln!(out, "\nEvery later run takes {after} instead of {before} and fetches {saved} less.")?;
    }
    writeln!(out, "Next: `cache-harness add NAME SOURCE`, then #[cached_model(\"NAME\")] on a test.")
}

/// A bar of `share` of the full width, in eighths of a column; anything that took time is visible.
fn bar(share: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let full = (BAR * 8) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the width")]
    let eighths = (share * full).round().clamp(1.0, full) as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(scene: Scene, seconds: f64, downloads: usize, bytes: u64) -> Measured {
        Measured { scene, tests: TESTS, seconds, downloads, bytes, verified: scene != Scene::Without }
    }

    #[test]
    fn the_table_fits_a_terminal_and_says_what_was_measured() {
        let rows = [
            measured(Scene::Without, 8.4, 8, 50 * MEGABYTE),
            measured(Scene::FirstRun, 3.4, 3, 20 * MEGABYTE),
            measured(Scene::LaterRun, 0.042, 0, 0),
        ];
        let mut out = Vec::new();
        introduction(&mut out).unwrap();
        for one in &rows {
            row(&mut out, one, &rows[0]).unwrap();
        }
        conclusion(&mut out, &rows).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let expected = "\
cache-harness       time                           downloads   fetched  verified
without            8.4 s  ████████████████████████         8   50.0 MB  no
with, first run    3.4 s  █████████▊                       3   20.0 MB  yes
with, later runs   42 ms  ▏                                0       0 B  yes

Every later run takes 42 ms instead of 8.4 s and fetches 50.0 MB less.
";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_bar_is_never_empty_and_never_wider_than_its_column() {
        assert_eq!((bar(0.0), bar(7.0)), ("▏".to_owned(), "█".repeat(BAR)));
    }
}
