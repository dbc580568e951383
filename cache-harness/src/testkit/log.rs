//! What the server saw.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// One request and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// When its head had arrived.
    pub at: Instant,
    /// Which connection it came on: 1 is the first that the server took.
    pub connection: u64,
    /// `GET`, `HEAD`, or whatever came.
    pub method: String,
    /// The path as asked for, with its query.
    pub path: String,
    /// The value of the header `Range`.
    pub range: Option<String>,
    /// All headers in their order, names as they came.
    pub headers: Vec<(String, String)>,
    /// The status code of the answer; 0 if a fault had none sent.
    pub status: u16,
    /// Body bytes handed to the connection so far: the client may have closed before it read them all.
    pub bytes_sent: u64,
}

impl Received {
    /// The value of the first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
pub(super) struct Log(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    received: Vec<Received>,
    /// How many were cleared: positions go on counting, so a transfer that is under way while the log is
    /// cleared does not add its bytes to another request.
    cleared: usize,
}

/// Where a request stands in the log.
#[derive(Clone, Copy)]
pub(super) struct Position(usize);

impl Log {
    /// Enters a request, before the first byte of its answer: a client that has its answer finds it here.
    pub(super) fn enter(&self, received: Received) -> Position {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.received.push(received);
        Position(entries.cleared + entries.received.len() - 1)
    }

    /// Counts body bytes, before they are sent, for the same reason.
    pub(super) fn count(&self, position: Position, bytes: u64) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = position.0.checked_sub(entries.cleared);
        if let Some(received) = index.and_then(|index| entries.received.get_mut(index)) {
            received.bytes_sent += bytes;
        }
    }

    pub(super) fn all(&self) -> Vec<Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).received.clone()
    }

    pub(super) fn clear(&self) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.cleared += entries.received.len();
        entries.received.clear();
    }
}
