//! One file under way.

use std::time::{Duration, Instant};

use super::throughput::Throughput;

/// A file under way.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) file: String,
    /// Bytes so far, those from before included.
    pub(crate) done: u64,
    /// The size of the file, if it is known.
    pub(crate) bytes: Option<u64>,
    throughput: Throughput,
    resumes: Option<Instant>,
}

impl Transfer {
    pub(super) fn begin(file: &str, now: Instant) -> Self {
        Self { file: file.to_owned(), done: 0, bytes: None, throughput: Throughput::start(now), resumes: None }
    }

    /// An answer came, for a file of so many bytes of which some are there.
    pub(super) fn go_on(&mut self, bytes: Option<u64>, there: u64, now: Instant) {
        (self.bytes, self.done, self.resumes) = (bytes, there, None);
        if self.throughput.bytes() == 0 {
            self.throughput = Throughput::start(now);
        }
    }

    /// Takes note of the bytes so far; how many of them are new.
    pub(super) fn arrive(&mut self, done: u64, now: Instant) -> u64 {
        // What was dropped to start over and comes again does come.
        let new = done.saturating_sub(self.done);
        (self.done, self.resumes) = (done, None);
        self.throughput.add(new, now);
        new
    }

    pub(super) fn pause(&mut self, until: Instant) {
        self.resumes = Some(until);
    }

    pub(super) fn is_complete(&self) -> bool {
        self.bytes.is_some_and(|bytes| self.done >= bytes)
    }

    /// Bytes per second that came in this process.
    pub(crate) fn rate(&self, now: Instant) -> Option<u64> {
        self.throughput.rate(now)
    }

    /// How long it will take at the present rate.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        left(self.bytes?.saturating_sub(self.done), self.rate(now)?)
    }

    /// How long until it is tried again, if it waits for that.
    pub(crate) fn pauses_for(&self, now: Instant) -> Option<Duration> {
        self.resumes.map(|until| until.saturating_duration_since(now))
    }
}

/// How long `bytes` take at `rate` bytes per second; a time that nobody waits for is none.
pub(super) fn left(bytes: u64, rate: u64) -> Option<Duration> {
    const LONGEST: u64 = 99 * 60 * 60;
    let seconds = bytes.checked_add(rate.checked_sub(1)?)? / rate;
    (seconds <= LONGEST).then(|| Duration::from_secs(seconds))
}
