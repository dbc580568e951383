//! The lines of a frame. Nothing here looks at a clock or a terminal.

use std::time::Instant;

use crate::progress::{Model, Tally, Total, Transfer, Wait, in_words, share, waiting};
use crate::units::ByteSize;

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// Below this the bar gives way to the names.
const WITH_BAR: usize = 72;
/// Below this bytes and rate do too.
const WITH_BYTES: usize = 58;
const BAR: usize = 10;
/// The columns behind the name: two spaces before each, and room for the longest that each can be.
const FRAMED_BAR: usize = BAR + "  []".len();
const SHARE: usize = "  12.3 MB of 77.7 MB".len();
const RATE: usize = "  12.3 MB/s".len();
const LEFT: usize = "  eta 59 min".len();
const PAUSE: usize = "  again in 59 s".len();
const PERCENT: usize = "  100 %".len();

impl Size {
    pub(super) fn of_terminal() -> Self {
        let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok();
        let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
        size.map_or(Self { columns: 80, rows: 24 }, |size| Self {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
        })
    }
}

/// A line for each file under way and for each model that is waited for; one for all, if several were announced.
pub(super) fn picture(tally: &Tally, now: Instant, size: Size) -> Vec<String> {
    // The last column stays free: a line that fills it would wrap on some terminals.
    let width = size.columns.saturating_sub(1);
    let mut lines = Vec::new();
    let names = tally.models().iter().flat_map(|model| model.transfers.iter().map(move |file| name(model, file)));
    let longest = names.map(|name| name.chars().count()).max().unwrap_or(0);
    for model in tally.models() {
        lines.extend(model.transfers.iter().map(|transfer| file(model, transfer, now, width, longest)));
        lines.extend(model.wait(now).map(|wait| wait_line(model, wait, width)));
    }
    let total = tally.total(now);
    let last = (total.models > 1).then(|| sum(&total, width));
    // The cursor stands in a row of its own.
    let most = size.rows.saturating_sub(1 + usize::from(last.is_some()));
    if lines.len() > most {
        let hidden = lines.len() - most.saturating_sub(1);
        lines.truncate(most.saturating_sub(1));
        lines.push(cut(&format!("and {hidden} more"), width));
    }
    lines.extend(last);
    lines.truncate(size.rows.saturating_sub(1));
    lines
}

fn name(model: &Model, transfer: &Transfer) -> String {
    format!("{}/{}", model.name, transfer.file)
}

fn file(model: &Model, transfer: &Transfer, now: Instant, width: usize, longest: usize) -> String {
    let left = transfer.left(now).map_or(String::new(), |left| format!("  eta {}", in_words(left)));
    let rate = transfer.rate(now).map_or(String::new(), |rate| format!("  {}/s", ByteSize(rate)));
    // A pause takes the place of both.
    let pause = transfer.pauses_for(now).map(|pause| format!("  again in {}", in_words(pause)));
    let speed = pause.clone().unwrap_or_else(|| format!("{rate:RATE$}{left}"));
    let percent = transfer.bytes.map(|bytes| percent(transfer.done, bytes));
    let share = format!("  {}", share(transfer.done, transfer.bytes));
    let (room, columns) = if width + 1 >= WITH_BAR {
        let bar = percent.map_or(String::new(), |percent| format!("  [{:BAR$}]", bar(percent)));
        (FRAMED_BAR + SHARE + RATE + LEFT, format!("{bar:FRAMED_BAR$}{share:>SHARE$}{speed}"))
    } else if width + 1 >= WITH_BYTES {
        (SHARE + RATE + LEFT, format!("{share:>SHARE$}{speed}"))
    } else {
        let percent = percent.map_or(String::new(), |percent| format!("  {percent:>3} %"));
        (PERCENT + PAUSE, format!("{percent:PERCENT$}{}", pause.unwrap_or(left)))
    };
    let room = width.saturating_sub(room).min(longest);
    let name = cut(&name(model, transfer), room);
    cut_end(format!("{name:room$}{columns}").trim_end(), width)
}

fn wait_line(model: &Model, wait: &Wait, width: usize) -> String {
    let line = waiting(&model.name, wait);
    if line.chars().count() <= width {
        return line;
    }
    let percent = wait.bytes.map_or(String::new(), |bytes| format!(", {} %", percent(wait.done, bytes)));
    let rest = format!(": waiting for {}{percent}", wait.holder);
    let room = width.saturating_sub(rest.chars().count()).max(8);
    cut_end(&format!("{}{rest}", cut(&model.name, room)), width)
}

fn sum(total: &Total, width: usize) -> String {
    let mut line = format!("{} of {} models, {}", total.models_done, total.models, share(total.done, total.bytes));
    let rate = total.rate.map_or(String::new(), |rate| format!(", {}/s", ByteSize(rate)));
    let left = total.left.map_or(String::new(), |left| format!(", eta {}", in_words(left)));
    for part in [rate, left] {
        if line.chars().count() + part.chars().count() <= width {
            line += &part;
        }
    }
    cut_end(&line, width)
}

fn percent(done: u64, bytes: u64) -> usize {
    let percent = u128::from(done) * 100 / u128::from(bytes.max(1));
    usize::try_from(percent.min(100)).unwrap_or(100)
}

fn bar(percent: usize) -> String {
    let filled = percent * BAR / 100;
    if filled == BAR { "=".repeat(BAR) } else { format!("{}>", "=".repeat(filled)) }
}

/// `text` in at most so many characters; what is too much goes from the middle, as both ends tell files apart.
fn cut(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let (head, tail) = (kept / 2, kept - kept / 2);
    let ellipsis = if most > 0 { "…" } else { "" };
    text.chars().take(head).chain(ellipsis.chars()).chain(text.chars().skip(count - tail)).collect()
}

fn cut_end(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(std::iter::once('…').filter(|_| most > 0)).collect()
}

#[cfg(test)]
mod tests;
