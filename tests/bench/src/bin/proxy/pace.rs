//! The limit of one connection: a token bucket that starts empty, holds little, and nothing from before a request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What may be made up for: later than even a busy machine wakes a thread.
const BURST: Duration = Duration::from_millis(50);

/// How long one piece takes: short beside any latency, long beside what a wake-up costs.
const PIECES_PER_SECOND: u32 = 500;

/// The most that is read at once.
pub(crate) const LARGEST_PIECE: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct Pace<'a> {
    rate: Option<u32>,
    /// Something was asked since this last looked: the line rested until now, which is no delay to make up for.
    asked: &'a AtomicBool,
    /// When all that was let through has passed.
    clear_at: Instant,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(rate: Option<u32>, asked: &'a AtomicBool) -> Self {
        Self { rate, asked, clear_at: Instant::now() }
    }

    /// Bytes to take at once.
    pub(crate) fn piece(&self) -> usize {
        let piece = self.rate.map_or(LARGEST_PIECE, |rate| (rate / PIECES_PER_SECOND) as usize);
        piece.clamp(1, LARGEST_PIECE)
    }

    /// Waits until the last of these bytes would have left.
    pub(crate) fn pass(&mut self, count: usize) {
        let Some(rate) = self.rate else { return };
        let now = Instant::now();
        let burst = if self.asked.swap(false, Ordering::Relaxed) { Duration::ZERO } else { BURST };
        let earliest = now.checked_sub(burst).unwrap_or(now);
        // A piece is at most 256 KiB, which `f64` holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "as said above")]
        let takes = Duration::from_secs_f64(count as f64 / f64::from(rate));
        self.clear_at = self.clear_at.max(earliest) + takes;
        thread::sleep(self.clear_at.saturating_duration_since(now));
    }
}
