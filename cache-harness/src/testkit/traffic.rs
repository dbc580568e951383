//! How many connections and answers there are at once.

use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Default)]
pub(super) struct Traffic {
    connections: AtomicUsize,
    sending: AtomicUsize,
    peak: AtomicUsize,
}

impl Traffic {
    /// Counts a connection; returns its number.
    pub(super) fn connect(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) as u64 + 1
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    pub(super) fn begin(&self) -> Sending<'_> {
        let now = self.sending.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
        Sending(Some(self))
    }
}

/// An answer under way, until this is dropped.
///
/// It ends before the last bytes are handed to the system: a client that has them all and asks for more on
/// another connection would else be seen with two answers at once.
pub(super) struct Sending<'a>(Option<&'a Traffic>);

impl Sending<'_> {
    pub(super) fn end(&mut self) {
        if let Some(traffic) = self.0.take() {
            traffic.sending.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
