//! What came through: how many connections at once, and how many bytes down.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(crate) struct Tally {
    open: AtomicU64,
    most: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    pub(crate) fn opened(&self) {
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(open, Ordering::SeqCst);
    }

    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn came_down(&self, count: usize) {
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// The most connections at once and the bytes since it was last asked.
    pub(crate) fn take(&self) -> (u64, u64) {
        (self.most.swap(self.open.load(Ordering::SeqCst), Ordering::SeqCst), self.bytes.swap(0, Ordering::Relaxed))
    }
}
