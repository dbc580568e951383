//! Which answer a request gets: decided here, sent by `connection`.

use std::borrow::Cow;
use std::io::{self, Read};
use std::time::Duration;

use super::body::Body;
use super::content_range::ContentRange;
use super::fault::Fault;
use super::gzip;
use super::held::Held;
use super::range::{Selection, select};
use super::request::Request;
use super::retry_header::Allowance;
use super::validator::Validator;

const LOGIN_PAGE: &[u8] = b"<!DOCTYPE html><html><title>Sign in</title><body>Please accept the terms.</body></html>\n";
/// The beginning of a TLS record, as if the port were that of `https`.
const GARBAGE: &[u8] = b"\x15\x03\x03\x00\x02\x02\x46\r\n\r\n";

/// One line of a head: its name and value.
pub(super) type Header = (Cow<'static, str>, String);

/// A response, ready to be sent.
pub(super) struct Answer {
    /// The status codes of the informational answers that come first.
    pub(super) informational: Vec<u16>,
    pub(super) start: Start,
    pub(super) headers: Vec<Header>,
    /// What the body is taken from; `None` sends no body.
    pub(super) body: Option<Body>,
    /// The first byte of the body, and how many follow.
    pub(super) first: u64,
    pub(super) length: u64,
    pub(super) framing: Framing,
    pub(super) ending: Ending,
    /// The offset in the file of a byte to invert.
    pub(super) wrong_byte: Option<u64>,
    pub(super) trickle: Option<Trickle>,
}

/// How an answer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// As HTTP has it, with this status code.
    Head(u16),
    /// These bytes are all there is.
    Raw(&'static [u8]),
}

/// How the client learns where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `Content-Length`, which may differ from the truth.
    Length(u64),
    Chunked,
    /// Where the connection ends.
    Close,
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
    /// It is reset after so many bytes.
    Reset(u64),
    /// Nothing moves any more after so many bytes.
    Stall(u64),
}

/// A body that becomes slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trickle {
    /// How many of its bytes come before.
    pub(super) after: u64,
    pub(super) bytes_per_second: u64,
}

impl Answer {
    /// The answer to `request`, the server's `serial`-th, for a path that has `held` and `faults`.
    pub(super) fn to(request: &Request, held: Option<&Held>, faults: &[&Fault], serial: u64) -> io::Result<Self> {
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            // A body may follow, which nobody reads: the connection is of no further use.
            return Ok(Self { ending: Ending::Close, ..Self::empty(405) });
        }
        let mut answer = match (Self::instead(request, faults, serial)?, held) {
            (Some(answer), _) => answer,
            (None, Some(held)) => Self::file(request, held, faults, serial)?,
            (None, None) => Self::empty(404),
        };
        for fault in faults {
            answer.suffer(fault);
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
    pub(super) fn empty(status: u16) -> Self {
        Self {
            informational: Vec::new(),
            start: Start::Head(status),
            headers: Vec::new(),
            body: None,
            first: 0,
            length: 0,
            framing: Framing::Length(0),
            ending: Ending::KeepAlive,
            wrong_byte: None,
            trickle: None,
        }
    }

    /// The status code, if there is one.
    pub(super) fn status(&self) -> u16 {
        match self.start {
            Start::Head(status) => status,
            Start::Raw(_) => 0,
        }
    }

    /// What comes in place of the file.
    fn instead(request: &Request, faults: &[&Fault], serial: u64) -> io::Result<Option<Self>> {
        for fault in faults {
            let with_header = |code, name, value| {
                let mut answer = Self::empty(code);
                answer.headers.push((Cow::Borrowed(name), value));
                answer
            };
            return Ok(Some(match fault {
                Fault::Status { code, retry_after: Some(seconds), .. } => {
                    with_header(*code, "Retry-After", seconds.to_string())
                }
                Fault::Status { code, retry_after: None, .. } => Self::empty(*code),
                Fault::Busy { code, header, wait, .. } => {
                    let window = Duration::from_secs(300);
                    let headers = header.headers(&Allowance { wait: *wait, left: 0, requests: 500, window });
                    Self { headers, ..Self::empty(*code) }
                }
                Fault::RedirectTo(location) => with_header(302, "Location", location.clone()),
                Fault::RedirectChain { .. } => with_header(302, "Location", request.next_hop()),
                Fault::Empty => Self::empty(200),
                Fault::HtmlOk => {
                    Self::whole(&Body::from(LOGIN_PAGE).into(), "text/html; charset=utf-8", Validator::Strong, serial)?
                }
                _ => continue,
            }));
        }
        Ok(None)
    }

    fn whole(held: &Held, content_type: &str, validator: Validator, serial: u64) -> io::Result<Self> {
        let length = held.body.size()?;
        let mut headers = vec![(Cow::Borrowed("Content-Type"), content_type.to_owned())];
        headers.extend(validator.headers(held, serial)?);
        Ok(Self {
            headers,
            body: Some(held.body.clone()),
            length,
            framing: Framing::Length(length),
            ..Self::empty(200)
        })
    }

    /// The file, or the part of it that is asked for.
    fn file(request: &Request, held: &Held, faults: &[&Fault], serial: u64) -> io::Result<Self> {
        let has = |wanted: fn(&Fault) -> bool| faults.iter().any(|fault| wanted(fault));
        let validator = faults.iter().find_map(|fault| match fault {
            Fault::Validator { sent, .. } => Some(*sent),
            _ => None,
        });
        let validator = validator.unwrap_or(Validator::Strong);
        let mut answer = Self::whole(held, "application/octet-stream", validator, serial)?;
        if has(|fault| matches!(fault, Fault::Gzip { .. })) {
            let mut content = Vec::new();
            held.body.open(0)?.read_to_end(&mut content)?;
            let packed = Body::from(gzip::packed(&content));
            answer.length = packed.size()?;
            (answer.framing, answer.body) = (Framing::Length(answer.length), Some(packed));
            answer.headers.push((Cow::Borrowed("Content-Encoding"), "gzip".to_owned()));
            return Ok(answer);
        }
        if has(|fault| matches!(fault, Fault::Chunked | Fault::IgnoreRange { .. })) {
            return Ok(answer);
        }
        let size = answer.length;
        answer.headers.push((Cow::Borrowed("Accept-Ranges"), "bytes".to_owned()));
        // `If-Range`: a part of what the client has seen the beginning of, else the whole.
        let same = match request.header("If-Range") {
            Some(_) if has(|fault| matches!(fault, Fault::IgnoreIfRange { .. })) => true,
            Some(value) => validator.holds(value, held)?,
            None => true,
        };
        match select(request.header("Range").filter(|_| same), size) {
            Selection::Whole => {}
            Selection::Part { first, mut end } => {
                let mut said = ContentRange::Shifted(0);
                for fault in faults {
                    match fault {
                        Fault::ContentRange { said: other, .. } => said = *other,
                        Fault::ShortPart { bytes, .. } => end = end.min(first.saturating_add((*bytes).max(1))),
                        _ => {}
                    }
                }
                answer.start = Start::Head(206);
                let value = said.value(first, end, size);
                answer.headers.extend(value.map(|value| (Cow::Borrowed("Content-Range"), value)));
                (answer.first, answer.length, answer.framing) = (first, end - first, Framing::Length(end - first));
            }
            Selection::Unsatisfiable => {
                answer = Self::empty(416);
                answer.headers.push((Cow::Borrowed("Content-Range"), format!("bytes */{size}")));
            }
        }
        Ok(answer)
    }

    /// Changes what `fault` changes of an answer whose content is decided.
    fn suffer(&mut self, fault: &Fault) {
        match fault {
            Fault::CutAt { byte, .. } => self.ending = Ending::Cut(*byte),
            Fault::CutInFile { at, .. } => self.ending = Ending::Cut(at.saturating_sub(self.first)),
            Fault::Reset { after, .. } => self.ending = Ending::Reset(*after),
            Fault::Stall { after, .. } => self.ending = Ending::Stall(*after),
            Fault::Trickle { after, bytes_per_second, .. } => {
                self.trickle = Some(Trickle { after: *after, bytes_per_second: *bytes_per_second });
            }
            Fault::WrongByte { at, .. } => self.wrong_byte = Some(*at),
            Fault::LengthLie(difference) => {
                self.framing = Framing::Length(self.length.saturating_add_signed(*difference));
                self.close();
            }
            Fault::NoLength { .. } => {
                self.framing = Framing::Close;
                self.close();
            }
            Fault::Chunked => self.framing = Framing::Chunked,
            Fault::Header { name, value, .. } => self.headers.push((Cow::Owned(name.clone()), value.clone())),
            Fault::Informational { codes, .. } => self.informational.extend(codes),
            Fault::Garbage { .. } => (self.start, self.body, self.ending) = (Start::Raw(GARBAGE), None, Ending::Close),
            Fault::NoAnswer { .. } => (self.start, self.body, self.ending) = (Start::Raw(b""), None, Ending::Close),
            Fault::Silence { .. } => (self.start, self.body, self.ending) = (Start::Raw(b""), None, Ending::Stall(0)),
            _ => {}
        }
    }

    /// Closes the connection at the end, if no fault does something else there.
    fn close(&mut self) {
        if self.ending == Ending::KeepAlive {
            self.ending = Ending::Close;
        }
    }
}
