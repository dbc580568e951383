//! How far the writer of a file has come, for those who read it meanwhile.
//!
//! Readers lag behind as they like: they read the file, and only its length so far is handed over here. A position is
//! of one attempt. When bytes that were announced may change, it is abandoned and the next attempt gets its own, so
//! whoever waits is always told how it went on.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where the writer of a file is.
#[derive(Debug, Default)]
pub(super) struct Position {
    written: Mutex<Written>,
    moved: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Written {
    /// So many bytes from the beginning are there.
    pub(super) bytes: u64,
    pub(super) state: State,
}

/// What is known of the bytes that were announced.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// More will come.
    #[default]
    Growing,
    /// All are there, whatever they are.
    Whole,
    /// All are there, and they are those that are wanted.
    Right,
    /// Nobody vouches for them any more.
    Abandoned,
}

impl Position {
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn announce(&self, bytes: u64, state: State) {
        *self.lock() = Written { bytes, state };
        self.moved.notify_all();
    }

    /// Nothing of this attempt will follow.
    pub(super) fn abandon(&self) {
        self.announce(0, State::Abandoned);
    }

    /// Whether nobody has been told of any byte.
    pub(super) fn is_unused(&self) -> bool {
        let written = self.lock();
        written.bytes == 0 && written.state == State::Growing
    }

    /// Waits until there are more bytes than these, or none will follow.
    pub(super) fn beyond(&self, read: u64) -> Written {
        let waiting = |written: &mut Written| written.bytes <= read && written.state == State::Growing;
        *self.moved.wait_while(self.lock(), waiting).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there are more bytes than these, or it is known whether they are right; `None` if neither happens
    /// within `patience`.
    pub(super) fn judged_beyond(&self, read: u64, patience: Duration) -> Option<Written> {
        let waiting =
            |written: &mut Written| written.bytes <= read && matches!(written.state, State::Growing | State::Whole);
        let waited = self.moved.wait_timeout_while(self.lock(), patience, waiting);
        let (written, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        (!waited.timed_out()).then_some(*written)
    }
}

/// What a reader fails with whose bytes are abandoned.
pub(super) fn abandoned() -> io::Error {
    io::Error::other("what was read so far is dropped: it is fetched anew, or not at all")
}
