//! One stream of bytes: asks one source for one part of the file and hands on what comes.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::clients::Clients;
use super::exchange::{Answer, Request};
use super::filling::{Filling, Next};
use super::host::Connection;
use super::message::{broken, public};
use super::plan::StreamId;
use super::{Address, head};
use crate::error::{Error, Result};

/// A part that a stream is to bring.
pub(super) struct Part {
    pub(super) stream: StreamId,
    /// The index of its source.
    pub(super) source: usize,
    pub(super) address: Address,
    pub(super) role: Role,
    pub(super) range: Range<u64>,
    /// Whether the source is known not to serve parts.
    pub(super) is_whole: bool,
    pub(super) connection: Option<Connection>,
    pub(super) longest_wait: Duration,
}

/// Whether others bring parts of the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The only one: what it is answered decides how to go on.
    Alone,
    Further,
}

/// How a part ended.
pub(super) struct Ended {
    pub(super) stream: StreamId,
    pub(super) source: usize,
    pub(super) outcome: Outcome,
}

/// What came of a part.
pub(super) enum Outcome {
    /// All of it, or as much as was still wanted.
    Brought,
    /// The source serves no parts.
    OnlyWhole,
    /// The source has other bytes than before.
    Changed(Error),
    /// The host is not to be asked before this pause is over.
    Deferred(Duration),
    /// It sent the stream along earlier, and there is nothing any more.
    Moved,
    Failed(Error),
}

/// A file and its streams.
pub(super) type Shared = Arc<Mutex<Filling>>;

/// The file, for a moment: never across a wait.
pub(super) fn lock(filling: &Shared) -> MutexGuard<'_, Filling> {
    filling.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the bytes of an answer belong.
enum Place {
    /// A part, up to this byte of the file.
    Part { end: u64 },
    /// The whole file, over what is there.
    Over,
}

impl Part {
    /// Brings it.
    pub(super) async fn bring(mut self, clients: Arc<Clients>, filling: Shared) -> Ended {
        let (stream, source) = (self.stream, self.source);
        let outcome = self.run(&clients, &filling).await.unwrap_or_else(Outcome::Failed);
        Ended { stream, source, outcome }
    }

    async fn run(&mut self, clients: &Clients, filling: &Shared) -> Result<Outcome> {
        let request = self.request(filling);
        let asked = Instant::now();
        let waiting = || lock(filling).partial.stamp();
        let answer = match request.send(clients, self.connection.take(), waiting).await? {
            Ok(answer) => answer,
            Err(pause) => return Ok(Outcome::Deferred(pause)),
        };
        if request.resolved.is_some() && matches!(answer.head.status.as_u16(), 401 | 403 | 404 | 410) {
            return Ok(Outcome::Moved);
        }
        let place = {
            let mut filling = lock(filling);
            if let Some(learnt) = filling.learnt.get_mut(self.source) {
                learnt.delay = asked.elapsed();
            }
            match self.place(&mut filling, &request, &answer)? {
                Ok(place) => place,
                Err(outcome) => return Ok(outcome),
            }
        };
        self.receive(clients, filling, answer, place).await
    }

    fn request(&self, filling: &Shared) -> Request {
        let filling = lock(filling);
        let learnt = filling.learnt.get(self.source).cloned().unwrap_or_default();
        let is_last = filling.plan.size().is_none_or(|size| size == self.range.end);
        let end = if is_last { u64::MAX } else { self.range.end };
        let everything = self.range.start == 0 && is_last;
        let range = (!self.is_whole && !everything).then_some(self.range.start..end);
        let validator = match learnt.changes {
            0 | 1 => learnt.validator.or_else(|| filling.validator_of(&public(&self.address.url))),
            // One that changes with every answer tells nothing.
            _ => None,
        };
        Request {
            address: self.address.clone(),
            resolved: learnt.resolved,
            range,
            validator,
            longest_wait: self.longest_wait,
        }
    }

    /// Judges the head of the answer, and makes the file ready for its body.
    fn place(&self, filling: &mut Filling, request: &Request, answer: &Answer) -> Result<Result<Place, Outcome>> {
        let (head, url) = (&answer.head, public(answer.url.as_str()));
        let is_part = head.status == StatusCode::PARTIAL_CONTENT && request.range.is_some();
        if head.status == StatusCode::RANGE_NOT_SATISFIABLE && request.range.is_some() {
            // Be its file shorter, or be it confused: the whole shows what of the bytes that are there is right.
            return Ok(Err(Outcome::OnlyWhole));
        }
        if head.status != StatusCode::OK && !is_part {
            let (status, code, retry_after) = (head.status.as_u16(), head.code.clone(), head.retry_after);
            return Err(Error::Status { url, status, code, retry_after });
        }
        if let Some(encoding) = &head.encoding {
            let reason = format!("the answer is encoded as `{encoding}`, though identity was asked for");
            return Err(Error::Refused { url, reason });
        }
        let announced = if is_part { head.range.and_then(|range| range.total) } else { head.length };
        match (announced, filling.partial.size()) {
            // The length of the whole decides whether it is the file that is another, or only what is said of the part.
            (Some(actual), Some(expected)) if actual != expected && is_part => return Ok(Err(Outcome::OnlyWhole)),
            (Some(actual), Some(expected)) if actual != expected => return Err(filling.wrong_size(actual, &url)),
            (Some(actual), None) if actual > filling.partial.limit() => return Err(filling.wrong_size(actual, &url)),
            _ => {}
        }
        if self.has_changed(filling, request, answer, announced) {
            return Ok(Err(Outcome::Changed(broken(&url, "the file changed while it was fetched; starting over"))));
        }
        let place = if is_part {
            let range = head.range.filter(|range| range.first == self.range.start);
            let Some(head::ContentRange { end, .. }) = range else {
                return Ok(Err(Outcome::OnlyWhole));
            };
            if std::mem::take(&mut filling.goes_on) {
                filling.effort.resumes += 1;
            }
            Place::Part { end }
        } else if request.range.is_none() && !self.is_whole {
            Place::Part { end: head.length.unwrap_or(u64::MAX) }
        } else if self.role == Role::Alone {
            filling.plan.release(self.stream);
            Place::Over
        } else {
            return Ok(Err(Outcome::OnlyWhole));
        };
        if let (None, Some(size)) = (filling.plan.size(), announced) {
            filling.set_size(size)?;
        }
        if let Some(learnt) = filling.learnt.get_mut(self.source) {
            learnt.resolved = Some(answer.url.clone()).filter(|url| url.as_str() != self.address.url);
            learnt.validator.clone_from(&head.validator);
            learnt.offers_parts = Some(is_part || head.accepts_ranges);
        }
        filling.begin(public(&self.address.url), head.validator.clone())?;
        Ok(Ok(place))
    }

    /// Whether the source offers another file than before.
    fn has_changed(&self, filling: &mut Filling, request: &Request, answer: &Answer, announced: Option<u64>) -> bool {
        let other_size = matches!((filling.plan.size(), announced), (Some(size), Some(now)) if size != now);
        let other_validator =
            matches!((&request.validator, &answer.head.validator), (Some(then), Some(now)) if then != now);
        if (other_size || other_validator)
            && let Some(learnt) = filling.learnt.get_mut(self.source)
        {
            learnt.changes += 1;
            learnt.validator.clone_from(&answer.head.validator);
            // Beyond this, only the digest can tell.
            return learnt.changes == 1 || other_size;
        }
        false
    }

    async fn receive(&self, clients: &Clients, filling: &Shared, answer: Answer, place: Place) -> Result<Outcome> {
        let Answer { url, mut response, connection, .. } = answer;
        let name = public(url.as_str());
        let (mut at, mut window) = (0, (Instant::now(), 0_u64));
        loop {
            let chunk = response.chunk().await.map_err(|error| clients.failed(&url, &error))?;
            let Some(chunk) = chunk else { break };
            let mut filling = lock(filling);
            let next = match place {
                Place::Part { end } => filling.accept(self.stream, &chunk, end)?,
                Place::Over => filling.overlay(self.stream, &chunk, at)?,
            };
            at += chunk.len() as u64;
            if next == Next::Stop {
                drop(connection);
                return Ok(Outcome::Brought);
            }
            window.1 += chunk.len() as u64;
            if window.0.elapsed() >= clients.patience {
                if window.1 < clients.patience.as_secs() * TRICKLE {
                    let message = format!("only {} bytes arrived in {} s", window.1, clients.patience.as_secs());
                    return Err(broken(&name, message));
                }
                window = (Instant::now(), 0);
            }
        }
        self.end(&mut lock(filling), at, &name, &place)
    }

    /// The body ended before the stream had brought what it was to bring, or nobody knew how much that is.
    fn end(&self, filling: &mut Filling, at: u64, url: &str, place: &Place) -> Result<Outcome> {
        let there = filling.plan.there().prefix();
        let ended = |expected: u64| broken(url, format!("the body ended after {at} of {expected} bytes"));
        match (place, filling.plan.size()) {
            (Place::Over, Some(size)) if !filling.plan.is_complete() => Err(ended(size)),
            (Place::Over, None) => {
                filling.set_size(at)?;
                Ok(Outcome::Brought)
            }
            (Place::Part { .. }, None) => {
                filling.set_size(there)?;
                Ok(Outcome::Brought)
            }
            (Place::Part { end }, Some(size)) => {
                let expected = filling.plan.expected(self.stream);
                if expected.is_empty() || expected.start >= *end {
                    return Ok(Outcome::Brought);
                }
                Err(ended(if self.range.start == 0 { size } else { expected.end - self.range.start }))
            }
            (Place::Over, Some(_)) => Ok(Outcome::Brought),
        }
    }
}

/// Bytes a second below which a stream counts as stalled.
pub(super) const TRICKLE: u64 = 1024;
