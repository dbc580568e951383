//! What goes wrong with an answer.

use std::time::Duration;

use super::content_range::ContentRange;
use super::range::{Selection, select};
use super::request::Request;
use super::retry_header::RetryHeader;
use super::validator::Validator;

/// Something that goes wrong with the answers of a path.
///
/// A fault with `times` answers that many of the requests that concern it and is then over;
/// [`Fault::ALWAYS`] never ends, and neither do the faults without `times` (inside
/// [`Fault::Together`] they do). Faults of one path queue up: a request gets the first that concerns
/// it, and the second takes over when the first is over.
///
/// Three kinds concern some requests only; the others pass them by, uncounted:
/// - those of a response's body ([`CutAt`](Self::CutAt), [`Reset`](Self::Reset), [`Stall`](Self::Stall),
///   [`Trickle`](Self::Trickle)) concern no `HEAD`;
/// - those at an offset in the file ([`CutInFile`](Self::CutInFile), [`WrongByte`](Self::WrongByte),
///   [`ForByte`](Self::ForByte)) concern the requests whose range holds that byte, so "once" is once also
///   to a client that fetches parts side by side;
/// - those of a part ([`ContentRange`](Self::ContentRange), [`ShortPart`](Self::ShortPart)) concern the
///   requests with a satisfiable range.
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
///
/// A server without validators, whose first answer breaks off:
///
/// ```
/// # use cache_harness::testkit::{Fault, Server, Validator};
/// # let server = Server::start()?;
/// let bare = Fault::Validator { sent: Validator::None, times: Fault::ALWAYS };
/// let cut = Fault::CutAt { byte: 3, times: 1 };
/// server.fault("/model.bin", Fault::Together { faults: vec![bare.clone(), cut], times: 1 });
/// server.fault("/model.bin", bare);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The connection closes after so many bytes of a response's body.
    CutAt {
        /// Bytes of this response's body that still arrive, wherever in the file it begins.
        byte: u64,
        /// For how many requests.
        times: u32,
    },
    /// The connection closes before the byte at this offset in the file. The rest of the file arrives when
    /// it is asked for.
    CutInFile {
        /// The offset in the file.
        at: u64,
        /// For how many requests.
        times: u32,
    },
    /// The connection is reset (RST) after so many bytes of a response's body.
    Reset {
        /// Bytes of this response's body that are sent; fewer may arrive, as a reset overtakes them.
        after: u64,
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
    /// A response's body becomes slow, whatever the [`Line`](super::Line) allows.
    Trickle {
        /// Bytes of this response's body that arrive at full speed.
        after: u64,
        /// How many bytes per second follow.
        bytes_per_second: u64,
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
    /// No `Content-Length`: the body ends where the connection does, so that a cut shows no difference.
    NoLength {
        /// For how many requests.
        times: u32,
    },
    /// `Transfer-Encoding: chunked`, so the length is unknown until the end. Ranges are ignored.
    Chunked,
    /// A request for a part gets status 200 and the whole.
    IgnoreRange {
        /// For how many requests.
        times: u32,
    },
    /// A request for a part gets the part, even if `If-Range` names another validator.
    IgnoreIfRange {
        /// For how many requests.
        times: u32,
    },
    /// The `Content-Range` of a 206 is not that of its body, which is what was asked for.
    ContentRange {
        /// What it says.
        said: ContentRange,
        /// For how many requests.
        times: u32,
    },
    /// A 206 with fewer bytes than asked for, which RFC 9110 allows; it says so itself.
    ShortPart {
        /// The most bytes it has.
        bytes: u64,
        /// For how many requests.
        times: u32,
    },
    /// Other validators than a strong `ETag`. `If-Range` is compared with what is sent.
    Validator {
        /// Which are sent.
        sent: Validator,
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
    /// As [`Status`](Self::Status), and any form of saying how long to wait.
    Busy {
        /// The status code, such as 429 or 503.
        code: u16,
        /// The form.
        header: RetryHeader,
        /// How long, rounded up to whole seconds.
        wait: Duration,
        /// For how many requests.
        times: u32,
    },
    /// Status 302 to this address: a path of this server (a loop, if its own), or any URL.
    RedirectTo(String),
    /// So many redirects (302) of the path to itself with `?hop=1`, `?hop=2`, … until the file comes.
    RedirectChain {
        /// How many redirects.
        hops: u32,
    },
    /// Status 200 and no byte.
    Empty,
    /// Status 200 and a web page, as from the login page of a hotel's network.
    HtmlOk,
    /// `Content-Encoding: gzip`, whatever the client accepts, and the whole content so packed (not
    /// smaller). Ranges are ignored. It is packed in memory.
    Gzip {
        /// For how many requests.
        times: u32,
    },
    /// One more header line, after those that the answer has: a second `Content-Length` or `ETag`, a header
    /// of a megabyte, an encoding that the body does not have.
    Header {
        /// Its name.
        name: String,
        /// Its value, sent as it is.
        value: String,
        /// For how many requests.
        times: u32,
    },
    /// Informational answers come before the final one.
    Informational {
        /// Their status codes, such as 102 and 103, in their order.
        codes: Vec<u16>,
        /// For how many requests.
        times: u32,
    },
    /// Bytes that are no HTTP in place of the answer, then the connection closes.
    Garbage {
        /// For how many requests.
        times: u32,
    },
    /// The connection closes before the first byte of an answer.
    NoAnswer {
        /// For how many requests.
        times: u32,
    },
    /// No byte of an answer comes, and the connection stays open until the client or the server ends.
    Silence {
        /// For how many requests.
        times: u32,
    },
    /// Several faults in one answer; concerns the requests that concern all of them. Their own `times` do
    /// not count, so a single fault inside makes one without `times` end.
    Together {
        /// What goes wrong. Where two contradict each other, which one holds is not defined.
        faults: Vec<Self>,
        /// For how many requests.
        times: u32,
    },
    /// A fault only for the requests whose range holds a byte: for one part among those that a client
    /// fetches side by side. As often as the fault inside says.
    ForByte {
        /// The byte's offset in the file.
        byte: u64,
        /// What goes wrong.
        fault: Box<Self>,
    },
}

impl Fault {
    /// The `times` of a fault that does not end.
    pub const ALWAYS: u32 = u32::MAX;

    pub(super) fn times(&self) -> u32 {
        match self {
            Self::CutAt { times, .. }
            | Self::CutInFile { times, .. }
            | Self::Reset { times, .. }
            | Self::Stall { times, .. }
            | Self::Trickle { times, .. }
            | Self::WrongByte { times, .. }
            | Self::NoLength { times }
            | Self::IgnoreRange { times }
            | Self::IgnoreIfRange { times }
            | Self::ContentRange { times, .. }
            | Self::ShortPart { times, .. }
            | Self::Validator { times, .. }
            | Self::Status { times, .. }
            | Self::Busy { times, .. }
            | Self::Gzip { times }
            | Self::Header { times, .. }
            | Self::Informational { times, .. }
            | Self::Garbage { times }
            | Self::NoAnswer { times }
            | Self::Silence { times }
            | Self::Together { times, .. } => *times,
            Self::ForByte { fault, .. } => fault.times(),
            Self::LengthLie(_)
            | Self::Chunked
            | Self::RedirectTo(_)
            | Self::RedirectChain { .. }
            | Self::Empty
            | Self::HtmlOk => Self::ALWAYS,
        }
    }

    /// Whether the answer to `request`, for a file of `size` bytes, has what this changes.
    pub(super) fn concerns(&self, request: &Request, size: Option<u64>) -> bool {
        let has_body = request.method != "HEAD";
        let part = size.map(|size| (select(request.header("Range"), size), size));
        let holds = |byte: u64| match part {
            Some((Selection::Part { first, end }, _)) => (first..end).contains(&byte),
            Some((Selection::Whole, size)) => byte < size,
            Some((Selection::Unsatisfiable, _)) | None => false,
        };
        match self {
            Self::CutAt { .. } | Self::Reset { .. } | Self::Stall { .. } | Self::Trickle { .. } => has_body,
            Self::CutInFile { at, .. } | Self::WrongByte { at, .. } => has_body && holds(*at),
            Self::ContentRange { .. } | Self::ShortPart { .. } => {
                matches!(part, Some((Selection::Part { .. }, _)))
            }
            Self::RedirectChain { hops } => request.hop() < *hops,
            Self::Together { faults, .. } => faults.iter().all(|fault| fault.concerns(request, size)),
            Self::ForByte { byte, fault } => holds(*byte) && fault.concerns(request, size),
            _ => true,
        }
    }

    /// The single faults that this one is made of.
    pub(super) fn single(&self) -> Vec<&Self> {
        match self {
            Self::Together { faults, .. } => faults.iter().flat_map(Self::single).collect(),
            Self::ForByte { fault, .. } => fault.single(),
            _ => vec![self],
        }
    }
}
