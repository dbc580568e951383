//! Charts as inline SVG. Across, everything is in per cent of the width, so that text and strokes keep their size on
//! any screen; `data-value` is the number that a shape stands for.

use std::fmt::{self, Write as _};

use super::super::Report;
use super::super::markup::Escaped;
use super::super::words::{TARGET, cut, percent, plain, target};
use crate::units::{ByteSize, show_seconds};

/// The height of a chart of runs, and of the margins above and below what it shows, in pixels.
const HEIGHT: f64 = 160.0;
const MARGIN: f64 = 8.0;
/// Fewer runs than these leave room to the right: bars do not grow without end.
const SLOTS: usize = 8;

/// Distance from the top for a share from 0 to 1.
fn height(share: f64) -> f64 {
    MARGIN + (HEIGHT - 2.0 * MARGIN) * (1.0 - share.clamp(0.0, 1.0))
}

#[expect(clippy::cast_precision_loss, reason = "a share of a picture's width")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).clamp(0.0, 1.0) }
}

/// The middle and the width of a run's slot, in per cent.
#[expect(clippy::cast_precision_loss, reason = "a few dozen runs")]
fn slot(index: usize, runs: usize) -> (f64, f64) {
    let width = 100.0 / runs.max(SLOTS) as f64;
    ((index as f64 + 0.5) * width, width)
}

/// Opens a picture that is read aloud as its title and description.
fn open(page: &mut String, id: &str, height: f64, title: &str, description: &str) -> fmt::Result {
    writeln!(page, "<svg id=\"{id}\" height=\"{height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">")?;
    writeln!(page, "<title id=\"{id}-title\">{}</title>", Escaped(title))?;
    writeln!(page, "<desc id=\"{id}-desc\">{}</desc>", Escaped(description))
}

fn grid(page: &mut String, at: f64, class: &str) -> fmt::Result {
    let y = height(at);
    writeln!(page, "<line class=\"{class}\" x1=\"0\" x2=\"100%\" y1=\"{y:.2}\" y2=\"{y:.2}\"/>")
}

/// The hit rate of each run, oldest first: a filled dot reached the target, an open one did not.
pub(super) fn hit_rates(page: &mut String, runs: &[&Report]) -> fmt::Result {
    let rates: Vec<f64> = runs.iter().filter_map(|run| run.hit_rate).collect();
    let (first, last) = (rates.first().copied().unwrap_or(0.0), rates.last().copied().unwrap_or(0.0));
    let below = rates.iter().filter(|rate| **rate < TARGET).count();
    let description = format!(
        "{} runs, from {} to {}; {below} below the target of {}",
        rates.len(),
        percent(first),
        percent(last),
        target()
    );
    open(page, "rates", HEIGHT, "Hit rate of the last runs", &description)?;
    for at in [0.0, 0.5, 1.0] {
        grid(page, at, "grid")?;
    }
    grid(page, TARGET, "target")?;
    for (index, pair) in rates.windows(2).enumerate() {
        let ((from, _), (to, _)) = (slot(index, rates.len()), slot(index + 1, rates.len()));
        let (y1, y2) = (height(pair[0]), height(pair[1]));
        writeln!(page, "<line class=\"trend\" x1=\"{from:.3}%\" y1=\"{y1:.2}\" x2=\"{to:.3}%\" y2=\"{y2:.2}\"/>")?;
    }
    for (index, run) in runs.iter().filter(|run| run.hit_rate.is_some()).enumerate() {
        let rate = run.hit_rate.unwrap_or_default();
        let ((x, _), y) = (slot(index, rates.len()), height(rate));
        let class = if rate >= TARGET { "reached" } else { "below" };
        writeln!(
            page,
            "<circle class=\"{class}\" data-value=\"{rate}\" cx=\"{x:.3}%\" cy=\"{y:.2}\" r=\"4.5\"><title>{}: {}</title></circle>",
            Escaped(&label(run)),
            percent(rate)
        )?;
    }
    writeln!(page, "</svg>")
}

/// Bytes saved and fetched by each run, oldest first, side by side.
pub(super) fn bytes(page: &mut String, runs: &[&Report], most: u64) -> fmt::Result {
    let description = match runs.last() {
        Some(run) => {
            let (saved, fetched) = (ByteSize(run.bytes_saved), ByteSize(run.bytes_fetched));
            format!("{} runs; the last saved {saved} and fetched {fetched}", runs.len())
        }
        None => "no run".to_owned(),
    };
    open(page, "bytes", HEIGHT, "Bytes saved and fetched by the last runs", &description)?;
    for at in [0.0, 0.5, 1.0] {
        grid(page, at, "grid")?;
    }
    for (index, run) in runs.iter().enumerate() {
        let (middle, width) = slot(index, runs.len());
        let bar = width * 0.36;
        for (class, x, value) in
            [("saved", middle - bar, run.bytes_saved), ("fetched", middle + width * 0.02, run.bytes_fetched)]
        {
            let top = height(share(value, most));
            let tall = height(0.0) - top;
            writeln!(
                page,
                "<rect class=\"{class}\" data-value=\"{value}\" x=\"{x:.3}%\" y=\"{top:.2}\" width=\"{bar:.3}%\" height=\"{tall:.2}\"><title>{}: {} {class}</title></rect>",
                Escaped(&label(run)),
                ByteSize(value)
            )?;
        }
    }
    writeln!(page, "</svg>")
}

/// What the store holds, as part of what it may; beyond the limit the limit moves to the left.
pub(super) fn store(page: &mut String, used: u64, limit: u64) -> fmt::Result {
    let whole = used.max(limit);
    let (width, mark) = (share(used, whole) * 100.0, share(limit, whole) * 100.0);
    let description = format!("{} of {}", ByteSize(used), ByteSize(limit));
    open(page, "store", 24.0, "The store against its limit", &description)?;
    writeln!(page, "<rect class=\"bed\" x=\"0\" y=\"4\" width=\"100%\" height=\"16\" rx=\"3\"/>")?;
    writeln!(
        page,
        "<rect class=\"saved\" data-value=\"{used}\" x=\"0\" y=\"4\" width=\"{width:.3}%\" height=\"16\" rx=\"3\"/>"
    )?;
    writeln!(
        page,
        "<line class=\"limit\" data-value=\"{limit}\" x1=\"{mark:.3}%\" x2=\"{mark:.3}%\" y1=\"0\" y2=\"24\"/>\n</svg>"
    )
}

/// A cell with seconds and their bar, which is decoration beside the number.
pub(super) fn bar(page: &mut String, value: f64, most: f64) -> fmt::Result {
    let width = if most > 0.0 { (value / most).clamp(0.0, 1.0) * 100.0 } else { 0.0 };
    write!(
        page,
        "<td class=\"bar\">{}<svg height=\"6\" aria-hidden=\"true\"><rect class=\"bed\" width=\"100%\" height=\"6\" \
         rx=\"2\"/><rect class=\"saved\" data-value=\"{value}\" width=\"{width:.3}%\" height=\"6\" rx=\"2\"/></svg></td>",
        show_seconds(value)
    )
}

/// When a run began, to the minute and in UTC, else its name.
pub(super) fn label(run: &Report) -> String {
    match run.started.as_deref().and_then(|started| started.get(..16)?.split_once('T')) {
        Some((day, minute)) => format!("{} {}", plain(day), plain(minute)),
        None => cut(&run.run, 80),
    }
}
