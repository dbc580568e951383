//! What goes wrong on a path, and how often.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Something that goes wrong with the answers of a path.
///
/// A fault with `times` answers that many requests and is then over; [`Fault::ALWAYS`] never ends, and
/// neither do the faults without `times`. Faults of one path queue up: the second begins when the first
/// is over.
///
/// # Examples
///
/// Busy twice, then a broken connection, then well:
///
/// ```
/// # use cache_harness::testkit::{Fault, Server};
/// # let server = Server::start()?;
/// server.put("/model.bin", b"weights");
/// server.fault("/model.bin", Fault::Status { code: 429, retry_after: Some(1), times: 2 });
/// server.fault("/model.bin", Fault::CutAt { byte: 3, times: 1 });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The connection closes after so many bytes of a response's body.
    CutAt {
        /// Bytes of this response's body that still arrive.
        byte: u64,
        /// For how many requests.
        times: u32,
    },
    /// Another status than the path would have, with an empty body.
    Status {
        /// The status code.
        code: u16,
        /// The header `Retry-After`, in seconds.
        retry_after: Option<u64>,
        /// For how many requests.
        times: u32,
    },
    /// Nothing more arrives after so many bytes of a response's body, but the connection stays open
    /// until the client or the server ends.
    Stall {
        /// Bytes of this response's body that still arrive.
        after: u64,
        /// For how many requests.
        times: u32,
    },
    /// One byte of the file has all its bits inverted.
    WrongByte {
        /// Its offset in the file.
        at: u64,
        /// For how many requests.
        times: u32,
    },
    /// `Content-Length` is so many bytes more (or fewer, if negative) than the body; the connection closes
    /// after the body.
    LengthLie(i64),
    /// `Transfer-Encoding: chunked`, so the length is unknown until the end. Ranges are ignored.
    Chunked,
    /// Status 200 and no byte.
    Empty,
    /// Status 200 and a web page, as from the login page of a hotel's network.
    HtmlOk,
    /// Status 302 to this address: a path of this server (a loop, if its own), or any URL.
    RedirectTo(String),
}

impl Fault {
    /// The `times` of a fault that does not end.
    pub const ALWAYS: u32 = u32::MAX;

    fn times(&self) -> u32 {
        match self {
            Self::CutAt { times, .. }
            | Self::Status { times, .. }
            | Self::Stall { times, .. }
            | Self::WrongByte { times, .. } => *times,
            Self::LengthLie(_) | Self::Chunked | Self::Empty | Self::HtmlOk | Self::RedirectTo(_) => Self::ALWAYS,
        }
    }
}

/// The faults still to come, by path.
#[derive(Default)]
pub(super) struct Faults(Mutex<HashMap<String, VecDeque<(Fault, u32)>>>);

impl Faults {
    pub(super) fn add(&self, path: &str, fault: Fault) {
        let times = fault.times();
        if times > 0 {
            let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            faults.entry(path.to_owned()).or_default().push_back((fault, times));
        }
    }

    pub(super) fn clear(&self, path: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }

    /// The fault for a request of `path`, counted as used.
    pub(super) fn take(&self, path: &str) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = faults.get_mut(path)?;
        let (fault, left) = queue.front_mut()?;
        if *left == Fault::ALWAYS {
            return Some(fault.clone());
        }
        *left -= 1;
        if *left == 0 { queue.pop_front().map(|(fault, _)| fault) } else { Some(fault.clone()) }
    }
}
