//! A file that stays where it is, of which only some parts are read.
//!
//! A part is asked for when its bytes are wanted: first a small one, and as long as reading goes straight on, larger
//! ones, so that a header takes one or two requests and a header in pieces few bytes. A server without ranges sends all
//! from the beginning, and is left as soon as enough is here. No digest vouches for a part.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::time::Instant;

use reqwest::{StatusCode, Url};

use super::candidates::LONGEST_WAIT;
use super::clients::Clients;
use super::exchange::{Answer, Request};
use super::line::Line;
use super::message::{broken, public};
use super::part::TRICKLE;
use super::{Address, Job, Source, retry};
use crate::error::{Error, Result};
use crate::progress::{Progress, Step};

/// Bytes of the first part. All headers of safetensors but those of the largest models fit into it.
const FIRST: u64 = 128 << 10;
/// By what the next part is larger.
const GROWTH: u64 = 8;
/// The most bytes of a part.
const LARGEST: u64 = 8 << 20;
/// The most requests for a file. A graph has one part between any two large weights: some hundred.
const REQUESTS: u32 = 1000;

/// A file to read, wherever a source of the job has it.
pub(crate) struct RemoteFile<'a> {
    line: &'a Line,
    job: Job<'a>,
    progress: &'a Progress,
    /// Bytes of the file, as pinned.
    size: u64,
    position: u64,
    /// Bytes that are here, and where in the file they begin.
    here: (u64, Vec<u8>),
    stream: Option<Stream>,
    /// Bytes of the next part.
    part: u64,
    /// The index of the source that is asked.
    source: usize,
    /// Where it sent the last request along to.
    resolved: Option<Url>,
    attempts: u32,
    requests: u32,
    failures: Vec<Error>,
}

/// An answer whose body comes.
struct Stream {
    answer: Answer,
    /// The file's bytes that are still to come.
    left: Range<u64>,
    begun: Instant,
    brought: u64,
}

/// What came of a request.
enum Asked {
    Stream(Box<Stream>),
    /// It was sent along earlier, and there is nothing any more.
    Moved,
}

impl<'a> RemoteFile<'a> {
    pub(super) fn new(line: &'a Line, job: Job<'a>, size: u64, progress: &'a Progress) -> Self {
        Self {
            line,
            job,
            progress,
            size,
            position: 0,
            here: (0, Vec::new()),
            stream: None,
            part: FIRST,
            source: 0,
            resolved: None,
            attempts: 0,
            requests: 0,
            failures: Vec::new(),
        }
    }

    /// The bytes that are here from the position on.
    fn rest(&self) -> Option<&[u8]> {
        let (begin, bytes) = &self.here;
        let skipped = usize::try_from(self.position.checked_sub(*begin)?).ok()?;
        bytes.get(skipped..).filter(|rest| !rest.is_empty())
    }

    /// Brings bytes until some from the position on are here.
    fn bring(&mut self) -> Result<()> {
        while self.rest().is_none() {
            let Some(address) = self.address() else {
                let (model, file) = (self.job.model.to_owned(), self.job.file.to_string());
                return Err(Error::SourcesFailed { model, file, attempts: std::mem::take(&mut self.failures) });
            };
            match self.advance(&address) {
                Ok(()) => {}
                Err(error @ Error::Refused { .. }) if self.requests >= REQUESTS => return Err(error),
                Err(error) => self.judge(&address, error),
            }
        }
        Ok(())
    }

    /// The address to ask; `None` when all have failed.
    fn address(&mut self) -> Option<Address> {
        loop {
            match self.job.sources.get(self.source)? {
                Source::Url(address) => return Some(address.clone()),
                Source::Path(_) => self.source += 1,
            }
        }
    }

    /// Takes the next bytes of the stream, or asks for a part.
    fn advance(&mut self, address: &Address) -> Result<()> {
        let wanted = |stream: &Stream| stream.left.contains(&self.position);
        let Some(stream) = self.stream.take().filter(wanted) else {
            return self.ask(address);
        };
        let (stream, chunk) = self.line.run(|clients| stream.next(clients))?;
        self.here = (stream.left.start - chunk.len() as u64, chunk);
        self.attempts = 0;
        self.stream = Some(stream).filter(|stream| !stream.left.is_empty());
        Ok(())
    }

    fn ask(&mut self, address: &Address) -> Result<()> {
        if self.requests >= REQUESTS {
            let reason =
                format!("its header is in more than {REQUESTS} places: once it is in the cache, it is read there");
            return Err(Error::Refused { url: public(&address.url), reason });
        }
        self.requests += 1;
        let (begin, bytes) = &self.here;
        let goes_on = !bytes.is_empty() && begin + bytes.len() as u64 == self.position;
        self.part = if goes_on { self.part.saturating_mul(GROWTH).min(LARGEST) } else { FIRST };
        let range = self.position..self.position.saturating_add(self.part).min(self.size);
        let request = Request {
            address: address.clone(),
            resolved: self.resolved.take(),
            range: Some(range.clone()),
            validator: None,
            longest_wait: LONGEST_WAIT,
        };
        let (size, file) = (self.size, self.job.file.to_string());
        let asked = self.line.run(|clients| async move { ask(request, range, size, file, &clients).await })?;
        if let Asked::Stream(stream) = asked {
            self.resolved = Some(stream.answer.url.clone());
            self.stream = Some(*stream);
        }
        Ok(())
    }

    /// Waits to try again, or gives the source up.
    fn judge(&mut self, address: &Address, error: Error) {
        let (model, file) = (self.job.model, self.job.file.as_str());
        self.stream = None;
        self.resolved = None;
        self.attempts += 1;
        if let Some(pause) = retry::pause(self.attempts, &error, LONGEST_WAIT, fastrand::f64()) {
            self.progress.step(Step::Retry { model, file, pause, error: &error });
            self.line.run(|_| async move { tokio::time::sleep(pause).await });
            return;
        }
        let error = address.told(error);
        if !matches!(error, Error::NotMirrored { .. }) {
            self.progress.step(Step::SourceFailed { model, file, error: &error });
        }
        self.failures.push(error);
        self.source += 1;
        self.attempts = 0;
    }
}

async fn ask(request: Request, range: Range<u64>, size: u64, file: String, clients: &Clients) -> Result<Asked> {
    let answer = match request.send(clients, None, || {}).await? {
        Ok(answer) => answer,
        Err(pause) => {
            let url = public(&request.address.url);
            return Err(Error::Status { url, status: 429, code: None, retry_after: Some(pause) });
        }
    };
    let (head, url) = (&answer.head, public(answer.url.as_str()));
    let status = head.status.as_u16();
    if request.resolved.is_some() && matches!(status, 401 | 403 | 404 | 410) {
        return Ok(Asked::Moved);
    }
    if let Some(encoding) = &head.encoding {
        let reason = format!("the answer is encoded as `{encoding}`, though identity was asked for");
        return Err(Error::Refused { url, reason });
    }
    let (left, said) = match (head.status, head.range) {
        (StatusCode::OK, _) => (0..size, head.length),
        (StatusCode::PARTIAL_CONTENT, Some(part)) if part.first == range.start => {
            (range.start..part.end.min(range.end), part.total)
        }
        (StatusCode::PARTIAL_CONTENT, _) => {
            let reason = format!("it sent another part than bytes {} to {}", range.start, range.end - 1);
            return Err(Error::Refused { url, reason });
        }
        _ => {
            let (code, retry_after) = (head.code.clone(), head.retry_after);
            return Err(Error::Status { url, status, code, retry_after });
        }
    };
    if let Some(actual) = said.filter(|actual| *actual != size) {
        return Err(Error::SizeMismatch { file, origin: url, expected: size, actual });
    }
    Ok(Asked::Stream(Box::new(Stream { answer, left, begun: Instant::now(), brought: 0 })))
}

impl Stream {
    /// The bytes that come next, at least one and no more than are left.
    async fn next(mut self, clients: std::sync::Arc<Clients>) -> Result<(Self, Vec<u8>)> {
        let url = &self.answer.url;
        let chunk = self.answer.response.chunk().await.map_err(|error| clients.failed(url, &error))?;
        let name = public(url.as_str());
        let chunk = chunk.ok_or_else(|| broken(&name, format!("the body ended {} bytes early", self.left_bytes())))?;
        self.brought += chunk.len() as u64;
        let elapsed = self.begun.elapsed();
        if elapsed > clients.patience && self.brought < elapsed.as_secs() * TRICKLE {
            return Err(broken(&name, format!("only {} bytes in {} s", self.brought, elapsed.as_secs())));
        }
        let count = usize::try_from(self.left_bytes()).map_or(chunk.len(), |left| left.min(chunk.len()));
        self.left.start += count as u64;
        Ok((self, chunk[..count].to_vec()))
    }

    fn left_bytes(&self) -> u64 {
        self.left.end - self.left.start
    }
}

impl Read for RemoteFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.position >= self.size {
            return Ok(0);
        }
        self.bring().map_err(io::Error::other)?;
        let rest = self.rest().unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for RemoteFile<'_> {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        let position = match target {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "before the first byte");
        self.position = position.ok_or_else(before)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests;
