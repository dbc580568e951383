//! Which answer a request gets: decided here, sent by `connection`.

use std::io;

use super::body::Body;
use super::fault::Fault;
use super::range::{Selection, select};
use super::request::Request;

const LOGIN_PAGE: &[u8] = b"<!DOCTYPE html><html><title>Sign in</title><body>Please accept the terms.</body></html>\n";

/// A response, ready to be sent.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    /// What the body is taken from; `None` sends no body.
    pub(super) body: Option<Body>,
    /// The first byte of the body, and how many follow.
    pub(super) first: u64,
    pub(super) length: u64,
    pub(super) framing: Framing,
    pub(super) ending: Ending,
    /// The offset in the file of a byte to invert.
    pub(super) wrong_byte: Option<u64>,
}

/// How the client learns where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `Content-Length`, which may differ from the truth.
    Length(u64),
    Chunked,
}

/// What happens after the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The next request may come.
    KeepAlive,
    /// The connection closes.
    Close,
    /// It closes before the body is complete, after so many bytes.
    Cut(u64),
    /// Nothing moves any more after so many bytes.
    Stall(u64),
}

impl Answer {
    /// The answer to `request` for a path that holds `body` and has `fault`.
    pub(super) fn to(request: &Request, body: Option<&Body>, fault: Option<&Fault>) -> io::Result<Self> {
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            // A body may follow, which nobody reads: the connection is of no further use.
            return Ok(Self { ending: Ending::Close, ..Self::empty(405) });
        }
        let mut answer = match (fault, body) {
            (Some(Fault::Status { code, retry_after, .. }), _) => {
                let mut answer = Self::empty(*code);
                answer.headers.extend(retry_after.map(|seconds| ("Retry-After", seconds.to_string())));
                answer
            }
            (Some(Fault::RedirectTo(location)), _) => {
                let mut answer = Self::empty(302);
                answer.headers.push(("Location", location.clone()));
                answer
            }
            (Some(Fault::Empty), _) => Self::empty(200),
            (Some(Fault::HtmlOk), _) => Self::whole(&LOGIN_PAGE.into(), "text/html; charset=utf-8")?,
            (_, None) => Self::empty(404),
            (Some(Fault::Chunked), Some(body)) => {
                Self { framing: Framing::Chunked, ..Self::whole(body, "application/octet-stream")? }
            }
            (_, Some(body)) => Self::ranged(request, body)?,
        };
        match fault {
            Some(Fault::CutAt { byte, .. }) => answer.ending = Ending::Cut(*byte),
            Some(Fault::Stall { after, .. }) => answer.ending = Ending::Stall(*after),
            Some(Fault::WrongByte { at, .. }) => answer.wrong_byte = Some(*at),
            Some(Fault::LengthLie(difference)) => {
                answer.framing = Framing::Length(answer.length.saturating_add_signed(*difference));
                answer.ending = Ending::Close;
            }
            _ => {}
        }
        let asked_to_close = request.header("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        if asked_to_close && answer.ending == Ending::KeepAlive {
            answer.ending = Ending::Close;
        }
        if request.method == "HEAD" {
            answer.body = None;
        }
        Ok(answer)
    }

    /// An answer whose body is empty.
    fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: None,
            first: 0,
            length: 0,
            framing: Framing::Length(0),
            ending: Ending::KeepAlive,
            wrong_byte: None,
        }
    }

    fn whole(body: &Body, content_type: &str) -> io::Result<Self> {
        let length = body.size()?;
        let headers = vec![("Content-Type", content_type.to_owned()), ("ETag", body.etag()?)];
        Ok(Self { headers, body: Some(body.clone()), length, framing: Framing::Length(length), ..Self::empty(200) })
    }

    fn ranged(request: &Request, body: &Body) -> io::Result<Self> {
        let mut answer = Self::whole(body, "application/octet-stream")?;
        let size = answer.length;
        answer.headers.push(("Accept-Ranges", "bytes".to_owned()));
        // `If-Range`: a part of what the client has seen the beginning of, else the whole.
        let same = match request.header("If-Range") {
            Some(validator) => body.etag()? == validator,
            None => true,
        };
        match select(request.header("Range").filter(|_| same), size) {
            Selection::Whole => {}
            Selection::Part { first, end } => {
                answer.status = 206;
                answer.headers.push(("Content-Range", format!("bytes {first}-{}/{size}", end - 1)));
                (answer.first, answer.length, answer.framing) = (first, end - first, Framing::Length(end - first));
            }
            Selection::Unsatisfiable => {
                answer = Self::empty(416);
                answer.headers.push(("Content-Range", format!("bytes */{size}")));
            }
        }
        Ok(answer)
    }
}
