//! Fetching one file from all its sources: which stream asks which source for which part, and when.
//!
//! ```text
//! choose a source ─ take a part ─ stream it ──┬─ brought: take the next part
//!        ▲                                    ├─ failed: wait, or give the source up; the part is missing again
//!        └────────────────────────────────────┘
//! all there ─ digest ─┬─ pinned: done
//!                     ├─ from one source: that one is given up; the last one is asked for all of it once more
//!                     └─ from several: everything again from one of them, compared with what is there
//! ```
//! One stream begins. [`Width`] says how many there are to be; further ones take the bytes that nobody is bringing, also
//! from other sources. A stream that stands still while others flow is ended, and what it was to bring taken by them.

mod sharing;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{AbortHandle, JoinSet};

use super::candidates::{Candidates, Verdict};
use super::clients::Clients;
use super::filling::Filling;
use super::part::{Ended, Outcome, Shared, lock};
use super::plan::StreamId;
use super::width::Width;
use super::{Address, Effort};
use crate::error::{Error, Result};
use crate::progress::Step;
use crate::store::{Partial, Received};

/// How often the streams are looked at.
const TICK: Duration = Duration::from_millis(10);
/// How often who waits for a server says that it does.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// One file on its way here.
pub(super) struct Download {
    clients: Arc<Clients>,
    filling: Shared,
    sources: Candidates,
    streams: JoinSet<Ended>,
    running: Vec<(StreamId, usize, AbortHandle)>,
    width: Width,
    next: StreamId,
    /// Further connections were not to be had: no more are asked for until then.
    crowded_until: Instant,
    haste: sharing::Haste,
    /// Bytes of the streams that are over, and how long those took together.
    over: (u64, Duration),
    /// When who waits for this process was last shown that it gets on.
    signed: Instant,
}

/// A download that is over.
pub(super) struct Fetched {
    pub(super) partial: Option<Partial>,
    pub(super) effort: Effort,
    /// What came, or what each source failed with.
    pub(super) received: Result<Received, Vec<Error>>,
}

impl Download {
    pub(super) fn new(clients: Arc<Clients>, filling: Filling, addresses: &[Address], most: usize) -> Self {
        let sources = Candidates::new(addresses, &clients);
        Self {
            clients,
            filling: Arc::new(Mutex::new(filling)),
            sources,
            streams: JoinSet::new(),
            running: Vec::new(),
            width: Width::new(most),
            next: 0,
            crowded_until: Instant::now(),
            haste: sharing::Haste::default(),
            over: (0, Duration::ZERO),
            signed: Instant::now(),
        }
    }

    /// Fetches the file. An error is of our own disk or budget; what the sources failed with is in [`Fetched`].
    pub(super) async fn run(mut self) -> Result<Fetched> {
        let ended = self.fetch().await;
        self.streams.shutdown().await;
        let attempts = self.sources.into_failures();
        let filling =
            Arc::into_inner(self.filling).map(|filling| filling.into_inner().unwrap_or_else(PoisonError::into_inner));
        let received = match ended {
            Ok(received) => received.ok_or(attempts),
            Err(error) => {
                // What came so far is for the next one who tries.
                if let Some(mut filling) = filling {
                    let _ = filling.record_if_scattered();
                }
                return Err(error);
            }
        };
        let effort = filling.as_ref().map_or_else(Effort::default, |filling| filling.effort);
        Ok(Fetched { partial: filling.map(|filling| filling.partial), effort, received })
    }

    async fn fetch(&mut self) -> Result<Option<Received>> {
        loop {
            if self.filling().plan.is_complete() {
                self.end_all();
                if let Some(received) = self.conclude().await? {
                    return Ok(Some(received));
                }
                continue;
            }
            self.open();
            if self.running.is_empty() {
                let Some(until) = self.sources.earliest() else { return Ok(None) };
                self.rest(until).await;
                continue;
            }
            match tokio::time::timeout(TICK, self.streams.join_next()).await {
                Ok(Some(Ok(ended))) => self.ended(ended)?,
                Ok(Some(Err(error))) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                _ => {}
            }
            self.observe()?;
        }
    }

    fn filling(&self) -> std::sync::MutexGuard<'_, Filling> {
        lock(&self.filling)
    }

    /// Waits as a server asked, and shows those who wait for this process that it does.
    async fn rest(&self, until: Instant) {
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.filling().partial.stamp();
            tokio::time::sleep(left.min(SIGN_OF_LIFE)).await;
        }
    }

    /// Shows those who wait for this process that it gets on, also where no byte is written: what is there may be
    /// compared or hashed.
    fn sign(&mut self) {
        if self.signed.elapsed() >= SIGN_OF_LIFE {
            self.signed = Instant::now();
            self.filling().partial.stamp();
        }
    }

    fn end(&mut self, stream: StreamId) {
        for (_, _, handle) in self.running.iter().filter(|(running, ..)| *running == stream) {
            handle.abort();
        }
        self.forget(stream);
    }

    fn end_all(&mut self) {
        self.streams.abort_all();
        while let Some((stream, ..)) = self.running.last() {
            self.forget(*stream);
        }
    }

    /// Counts a stream no longer; says how many bytes it brought.
    fn forget(&mut self, stream: StreamId) -> u64 {
        self.running.retain(|(running, ..)| *running != stream);
        let mut filling = lock(&self.filling);
        filling.plan.release(stream);
        let Some(flow) = filling.flows.remove(&stream) else { return 0 };
        self.sources.get_mut(flow.source).bytes += flow.bytes;
        if flow.bytes > 0 {
            self.over = (self.over.0 + flow.bytes, self.over.1 + flow.since.elapsed());
        }
        flow.bytes
    }

    fn ended(&mut self, ended: Ended) -> Result<()> {
        let Ended { stream, source, outcome } = ended;
        if !self.running.iter().any(|(running, ..)| *running == stream) {
            return Ok(()); // It was ended before.
        }
        let bytes = self.forget(stream);
        match outcome {
            Outcome::Brought => self.sources.brought(source),
            Outcome::OnlyWhole => self.sources.get_mut(source).serves_parts = false,
            Outcome::Moved => self.filling().learnt[source].resolved = None,
            Outcome::Deferred(pause) => {
                let filling = lock(&self.filling);
                let Filling { model, file, progress, .. } = &*filling;
                if let Some(error) = self.sources.defer(source, pause) {
                    progress.step(Step::SourceFailed { model, file, error });
                }
            }
            Outcome::Changed(error) => {
                self.end_all();
                self.filling().start_over()?;
                self.sources.changed(source);
                self.failed(source, error)?;
            }
            Outcome::Failed(error) => {
                if bytes == 0 {
                    // Where it was sent along to may be what is broken.
                    self.filling().learnt[source].resolved = None;
                }
                self.failed(source, error)?;
            }
        }
        if !self.sources.any_serves_parts() {
            self.width.limit(1, Instant::now());
        }
        Ok(())
    }

    /// Decides whether a source is asked again, and when.
    fn failed(&mut self, source: usize, error: Error) -> Result<()> {
        if is_our_own(&error) {
            return Err(error);
        }
        let others = self.running.iter().filter(|(_, of, _)| *of == source).count();
        let mut filling = lock(&self.filling);
        filling.goes_on = filling.plan.there().total() > 0;
        let Filling { model, file, progress, effort, .. } = &mut *filling;
        if others > 0 && error.is_transient() {
            // The server, or something on the way, takes no more connections than these.
            effort.retries += 1;
            let running = self.running.len();
            drop(filling);
            self.width.limit(running, Instant::now());
            return Ok(());
        }
        match self.sources.judge(source, error) {
            Verdict::Again(pause, error) => {
                progress.step(Step::Retry { model, file, pause, error: &error });
                effort.retries += 1;
            }
            Verdict::GivenUp(Error::NotMirrored { .. }) => {}
            Verdict::GivenUp(error) => progress.step(Step::SourceFailed { model, file, error }),
        }
        Ok(())
    }

    /// Everything is there: whether it is what is pinned.
    async fn conclude(&mut self) -> Result<Option<Received>> {
        while !self.filling().is_hashed()? {
            self.sign();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut filling = lock(&self.filling);
        let received = filling.finish()?;
        let (model, file) = (filling.model.clone(), filling.file.clone());
        if filling.partial.wants(&received.digest) {
            for (source, at) in std::mem::take(&mut filling.shares.contradicted) {
                let origin = self.sources.get(source).label.clone();
                let error = Error::WrongBytes { file: file.clone(), origin, at };
                filling.progress.step(Step::SourceFailed { model: &model, file: &file, error: &error });
            }
            return Ok(Some(received));
        }
        let sources = filling.shares.sources();
        let only = self.sources.only.take();
        let alone = match only {
            None if sources.len() == 1 => sources.first().copied().flatten(),
            only => only,
        };
        let Some(wrong) = alone else {
            // Nobody knows whose bytes are wrong: each source is asked for all of them, one after the other.
            self.sources.only = self.sources.trusted();
            match self.sources.only {
                Some(_) => filling.doubt()?,
                None => filling.start_over()?,
            }
            return Ok(None);
        };
        let error = filling.partial.mismatch(received, &file, &self.sources.get(wrong).label);
        if only.is_none() && self.sources.forgives(wrong) {
            filling.effort.retries += 1;
            let pause = Duration::ZERO;
            filling.progress.step(Step::Retry { model: &model, file: &file, pause, error: &error });
            filling.start_over()?;
            return Ok(None);
        }
        let error = self.sources.give_up(wrong, error);
        filling.progress.step(Step::SourceFailed { model: &model, file: &file, error });
        filling.start_over()?;
        Ok(None)
    }
}

/// Whether it fails with every source, being about our own disk or budget.
fn is_our_own(error: &Error) -> bool {
    matches!(error, Error::Io { .. } | Error::OverBudget { .. } | Error::DiskFull { .. })
}
