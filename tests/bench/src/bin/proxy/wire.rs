//! What is under way in one direction: pieces, each with the time it is due at the other end.
//!
//! A queue and not a pause per piece, so that the latency takes nothing of the rate.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// Bytes under way at most: 1.3 GB/s over 25 ms.
const WINDOW: usize = 32 << 20;

#[derive(Debug, Default)]
pub(crate) struct Wire {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    under_way: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// Buffers to be used again.
    spare: Vec<Vec<u8>>,
    sender_left: bool,
    receiver_left: bool,
}

impl Wire {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer to fill.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.state().spare.pop().unwrap_or_default()
    }

    /// Sends a piece once there is room; false when nobody receives any more.
    pub(crate) fn send(&self, due: Instant, piece: Vec<u8>) -> bool {
        let full = |state: &mut State| state.bytes >= WINDOW && !state.receiver_left;
        let mut state = self.changed.wait_while(self.state(), full).unwrap_or_else(PoisonError::into_inner);
        state.bytes += piece.len();
        state.under_way.push_back((due, piece));
        self.changed.notify_all();
        !state.receiver_left
    }

    /// The next piece when it is due; none after the last.
    pub(crate) fn receive(&self) -> Option<Vec<u8>> {
        let empty = |state: &mut State| state.under_way.is_empty() && !state.sender_left;
        let mut state = self.changed.wait_while(self.state(), empty).unwrap_or_else(PoisonError::into_inner);
        let (due, piece) = state.under_way.pop_front()?;
        drop(state);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        Some(piece)
    }

    /// A piece has arrived.
    pub(crate) fn arrived(&self, piece: Vec<u8>) {
        let mut state = self.state();
        state.bytes -= piece.len();
        state.spare.push(piece);
        self.changed.notify_all();
    }

    pub(crate) fn sender_leaves(&self) {
        self.state().sender_left = true;
        self.changed.notify_all();
    }

    pub(crate) fn receiver_leaves(&self) {
        self.state().receiver_left = true;
        self.changed.notify_all();
    }
}
