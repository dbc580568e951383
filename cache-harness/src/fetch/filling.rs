//! A file while it is being filled: the plan, the partial, and who brought what.
//!
//! Bytes are written before the plan counts them, and bytes that come out of order count for others only once the
//! record beside the partial names them. So a kill loses what came since the last record, and nothing else.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use reqwest::Url;

use super::Effort;
use super::plan::{Plan, StreamId};
use crate::error::{Error, Result};
use crate::progress::{Progress, Step};
use crate::store::{Extents, Origin, Partial, Received};

/// Bytes between two records of what is there, at least and at most; in between a 256th of the file.
const RECORD_LEAST: u64 = 512 << 10;
const RECORD_MOST: u64 = 8 << 20;
/// Time between two records, if anything came.
const RECORD_AFTER: Duration = Duration::from_secs(1);

/// A file that streams write to.
pub(super) struct Filling {
    pub(super) model: String,
    pub(super) file: String,
    pub(super) progress: Progress,
    pub(super) partial: Partial,
    pub(super) plan: Plan,
    pub(super) effort: Effort,
    pub(super) flows: BTreeMap<StreamId, Flow>,
    /// What is known of each source.
    pub(super) learnt: Vec<Learnt>,
    /// At most so many bytes does a stream take beyond what it was asked for.
    pub(super) portion: u64,
    /// Whether the next part goes on from bytes of a broken exchange.
    pub(super) goes_on: bool,
    pub(super) shares: Shares,
    /// Whether the record beside the partial says which bytes are there.
    scattered: bool,
    origin: Origin,
    recorded: (u64, Instant),
    begun: bool,
}

/// A stream under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    pub(super) source: usize,
    pub(super) since: Instant,
    pub(super) last: Instant,
    pub(super) bytes: u64,
}

/// What the answers of a source have told.
#[derive(Debug, Clone, Default)]
pub(super) struct Learnt {
    /// Where it was sent along to.
    pub(super) resolved: Option<Url>,
    pub(super) validator: Option<String>,
    /// How often its validator was another one than before.
    pub(super) changes: u32,
    /// Whether it sent a part, or said that it would; `None` before its first answer.
    pub(super) offers_parts: Option<bool>,
    /// How long the last answer took to begin.
    pub(super) delay: Duration,
}

/// Which source brought which bytes, and which of them turned out to be others than a second source has.
#[derive(Debug, Default)]
pub(super) struct Shares {
    pub(super) brought: Vec<(Range<u64>, Option<usize>)>,
    /// The shares of a first attempt whose digest was wrong.
    pub(super) suspects: Vec<(Range<u64>, Option<usize>)>,
    /// Sources, each with the first byte that another source has otherwise.
    pub(super) contradicted: BTreeMap<usize, u64>,
}

/// What a stream that brought bytes is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    More,
    Stop,
}

impl Filling {
    pub(super) fn new(partial: Partial, model: &str, file: &str, progress: &Progress, sources: usize) -> Result<Self> {
        let there = partial.there()?;
        let origin = partial.origin().unwrap_or_default();
        let brought = there.iter().map(|range| (range, None)).collect();
        let mut filling = Self {
            model: model.to_owned(),
            file: file.to_owned(),
            progress: progress.clone(),
            plan: Plan::new(partial.size(), there),
            effort: Effort::default(),
            flows: BTreeMap::new(),
            learnt: vec![Learnt::default(); sources],
            portion: u64::MAX,
            goes_on: false,
            shares: Shares { brought, ..Shares::default() },
            scattered: origin.parts.is_some(),
            recorded: (0, Instant::now()),
            begun: false,
            origin,
            partial,
        };
        filling.goes_on = filling.plan.there().total() > 0;
        filling.reach()?;
        Ok(filling)
    }

    /// The validator that the bytes from before came with, if they came from `url`.
    pub(super) fn validator_of(&self, url: &str) -> Option<String> {
        let is_sendable = |validator: &String| validator.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        self.origin.validator.clone().filter(|_| self.origin.url == url).filter(is_sendable)
    }

    /// The first answer that brings bytes has come.
    pub(super) fn begin(&mut self, url: String, validator: Option<String>) -> Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        self.origin = Origin::new(url, validator);
        self.record()?;
        let (model, file, there) = (self.model.as_str(), self.file.as_str(), self.plan.there().total());
        self.progress.step(Step::Begin { model, file, bytes: self.plan.size(), there });
        Ok(())
    }

    /// Somebody has said how many bytes the file has. Those beyond do not count, also for the digest.
    pub(super) fn set_size(&mut self, size: u64) -> Result<()> {
        if self.plan.there().prefix() > size {
            self.partial.rehash();
        }
        self.plan.set_size(size);
        self.shares.forget_from(size);
        self.reach()
    }

    /// Takes what `stream` brings; its answer ends at byte `end`.
    pub(super) fn accept(&mut self, stream: StreamId, mut bytes: &[u8], end: u64) -> Result<Next> {
        let Some(source) = self.count(stream, bytes.len()) else { return Ok(Next::Stop) };
        while !bytes.is_empty() {
            let expected = self.plan.expected(stream);
            if expected.is_empty() {
                if self.plan.extend(stream, end, self.portion) {
                    continue;
                }
                break;
            }
            let (now, later) = bytes.split_at(fitting(bytes, expected.end - expected.start));
            self.put(now, expected.start, source)?;
            self.plan.brought(stream, now.len() as u64);
            bytes = later;
        }
        self.moved()?;
        // What is left over is usually another stream's by now; beyond the end of the file it is nobody's.
        let past = self.plan.expected(stream).start + bytes.len() as u64;
        if self.plan.size().is_some_and(|size| past > size) {
            let error = self.too_many(past, source);
            self.start_over()?;
            return Err(error);
        }
        let goes_on = !self.plan.expected(stream).is_empty() || self.plan.extend(stream, end, self.portion);
        Ok(if goes_on { Next::More } else { Next::Stop })
    }

    /// Takes what `stream` brings of the whole file, from byte `at` on, though parts of it are there. What is there is
    /// compared: the first byte that differs shows that it was of another file.
    pub(super) fn overlay(&mut self, stream: StreamId, mut bytes: &[u8], mut at: u64) -> Result<Next> {
        let Some(source) = self.count(stream, bytes.len()) else { return Ok(Next::Stop) };
        while !bytes.is_empty() {
            if self.plan.size().is_some_and(|size| at >= size) {
                let error = self.too_many(at + bytes.len() as u64, source);
                self.start_over()?;
                return Err(error);
            }
            let known = self.plan.there().around(at);
            let room = known.as_ref().map_or(u64::MAX, |known| known.end - at);
            let next = self.plan.there().gaps(self.plan.size().unwrap_or(u64::MAX)).find(|gap| gap.contains(&at));
            let room = room.min(next.map_or(u64::MAX, |gap| gap.end - at));
            let (now, later) = bytes.split_at(fitting(bytes, room));
            if known.is_some() && !self.partial.holds(now, at)? {
                self.plan.forget_from(at);
                self.shares.forget_from(at);
                self.partial.rehash();
                self.record()?;
                continue;
            }
            if known.is_none() {
                self.put(now, at, source)?;
                self.plan.found(at..at + now.len() as u64);
            }
            at += now.len() as u64;
            bytes = later;
        }
        self.moved()?;
        Ok(if self.plan.is_complete() { Next::Stop } else { Next::More })
    }

    fn count(&mut self, stream: StreamId, bytes: usize) -> Option<usize> {
        let flow = self.flows.get_mut(&stream)?;
        flow.bytes += bytes as u64;
        flow.last = Instant::now();
        self.effort.bytes += bytes as u64;
        Some(flow.source)
    }

    fn put(&mut self, bytes: &[u8], at: u64, source: usize) -> Result<()> {
        let end = at + bytes.len() as u64;
        if self.plan.size().is_none() && end > self.partial.limit() {
            let error = self.too_many(end, source);
            self.start_over()?;
            return Err(error);
        }
        if at > self.plan.there().prefix() && !self.scattered {
            self.scattered = true;
            self.record()?;
        }
        self.compare(bytes, at, source);
        let lacking = self.plan.lacking();
        self.partial.write_at(bytes, at).map_err(|error| match (error, lacking) {
            (Error::DiskFull { path, available, .. }, Some(needed)) => Error::DiskFull { path, needed, available },
            (error, _) => error,
        })?;
        self.shares.add(at..end, source);
        Ok(())
    }

    /// Finds out whether what other sources brought in a first attempt is what `source` brings.
    fn compare(&mut self, bytes: &[u8], at: u64, source: usize) {
        let range = at..at + bytes.len() as u64;
        for (of, by) in &self.shares.suspects {
            let (start, end) = (of.start.max(range.start), of.end.min(range.end));
            let Some(suspect) = by.filter(|suspect| *suspect != source && start < end) else { continue };
            let same = slice(bytes, start - at, end - at)
                .is_some_and(|bytes| self.partial.holds(bytes, start).unwrap_or(false));
            if !same {
                self.shares.contradicted.entry(suspect).or_insert(start);
            }
        }
    }

    /// Bytes came: the hasher may go on, and whoever looks is shown.
    fn moved(&mut self) -> Result<()> {
        self.reach()?;
        let there = self.plan.there().total();
        let (model, file) = (self.model.as_str(), self.file.as_str());
        self.progress.step(Step::Bytes { model, file, done: there });
        let step = self.plan.size().map_or(RECORD_LEAST, |size| (size / 256).clamp(RECORD_LEAST, RECORD_MOST));
        if self.scattered && there >= self.recorded.0 + step { self.record() } else { Ok(()) }
    }

    fn reach(&mut self) -> Result<()> {
        match self.plan.there().prefix() {
            0 => Ok(()),
            prefix => self.partial.reached(prefix),
        }
    }

    /// Records what is there, if it is time to.
    pub(super) fn record_in_time(&mut self) -> Result<()> {
        let (bytes, at) = self.recorded;
        let is_due = self.scattered && self.plan.there().total() > bytes && at.elapsed() >= RECORD_AFTER;
        if is_due { self.record() } else { Ok(()) }
    }

    /// Records what is there if the file's length does not tell.
    pub(super) fn record_if_scattered(&mut self) -> Result<()> {
        if self.scattered { self.record() } else { Ok(()) }
    }

    /// Records what is there, for whoever goes on.
    pub(super) fn record(&mut self) -> Result<()> {
        self.origin.parts = self.scattered.then(|| self.plan.there().clone());
        self.recorded = (self.plan.there().total(), Instant::now());
        self.partial.set_origin(&self.origin)
    }

    /// Drops everything: the next byte to come is the first.
    pub(super) fn start_over(&mut self) -> Result<()> {
        self.plan = Plan::new(self.partial.size(), Extents::default());
        (self.scattered, self.begun, self.goes_on) = (false, false, false);
        self.shares = Shares::default();
        self.partial.restart()
    }

    /// Lets everything come again from one source, to be compared with what is there.
    pub(super) fn doubt(&mut self) -> Result<()> {
        self.shares = Shares { suspects: std::mem::take(&mut self.shares.brought), ..Shares::default() };
        self.plan = Plan::new(self.partial.size(), Extents::default());
        (self.scattered, self.goes_on) = (true, false);
        self.partial.rehash();
        self.record()
    }

    /// Whether the hasher has read everything.
    pub(super) fn is_hashed(&mut self) -> Result<bool> {
        self.partial.reached(self.plan.there().prefix())?;
        Ok(self.partial.is_hashed())
    }

    pub(super) fn finish(&mut self) -> Result<Received> {
        self.partial.finish()
    }

    /// The error of a source that has other than the pinned number of bytes.
    pub(super) fn wrong_size(&self, actual: u64, url: &str) -> Error {
        let (file, origin) = (self.file.clone(), url.to_owned());
        match self.partial.size() {
            Some(expected) => Error::SizeMismatch { file, origin, expected, actual },
            None => Error::OverBudget { model: self.model.clone(), bytes: actual, max_bytes: self.partial.limit() },
        }
    }

    fn too_many(&self, actual: u64, source: usize) -> Error {
        let url = self.learnt.get(source).and_then(|learnt| learnt.resolved.as_ref());
        self.wrong_size(
            actual,
            &url.map_or_else(|| self.origin.url.clone(), |url| super::message::public(url.as_str())),
        )
    }
}

impl Shares {
    fn add(&mut self, range: Range<u64>, source: usize) {
        let before = |(known, by): &&mut (Range<u64>, Option<usize>)| *by == Some(source) && known.end == range.start;
        match self.brought.iter_mut().rev().find(before) {
            Some((known, _)) => known.end = range.end,
            None => self.brought.push((range, Some(source))),
        }
    }

    fn forget_from(&mut self, end: u64) {
        self.brought.iter_mut().for_each(|(range, _)| range.end = range.end.min(end));
        self.brought.retain(|(range, _)| !range.is_empty());
    }

    /// The sources that brought bytes; `None` stands for an earlier process.
    pub(super) fn sources(&self) -> std::collections::BTreeSet<Option<usize>> {
        self.brought.iter().map(|(_, source)| *source).collect()
    }
}

/// How many of `bytes` fit into so much room.
fn fitting(bytes: &[u8], room: u64) -> usize {
    usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len())
}

fn slice(bytes: &[u8], start: u64, end: u64) -> Option<&[u8]> {
    bytes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}
