//! The sources of one file: which is asked next, and which is given up.

use std::time::{Duration, Instant};

use super::clients::Clients;
use super::message::public;
use super::{Address, retry};
use crate::error::Error;

/// Bytes that count as progress: a source that brought as many begins to count attempts anew.
const PROGRESS: u64 = 1 << 20;
/// The longest wait that a host may ask for.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// The longest while there is another source.
const IMPATIENCE: Duration = Duration::from_secs(5);

/// The sources of a file, in the order they are tried.
pub(super) struct Candidates {
    all: Vec<Candidate>,
    /// The one that alone is asked, because the bytes of several were wrong.
    pub(super) only: Option<usize>,
}

/// A source of the file.
pub(super) struct Candidate {
    pub(super) address: Address,
    /// How errors call it.
    pub(super) label: String,
    pub(super) serves_parts: bool,
    /// Bytes it has brought.
    pub(super) bytes: u64,
    /// Attempts since it last got on.
    attempts: u32,
    /// Bytes it had brought when its attempts were last counted.
    reached: u64,
    /// How often it had other bytes than before.
    changes: u32,
    /// How often all it brought was wrong.
    mistakes: u32,
    not_before: Instant,
    failure: Option<Error>,
}

/// What follows from a failure.
pub(super) enum Verdict<'a> {
    /// It is asked again after this pause.
    Again(Duration, Error),
    GivenUp(&'a Error),
}

impl Candidates {
    /// Those whose host did not take a connection lately come last.
    pub(super) fn new(addresses: &[Address], clients: &Clients) -> Self {
        let now = Instant::now();
        let until = |address: &Address| clients.unreachable_until(&address.url).filter(|until| *until > now);
        let is_any_reachable = addresses.iter().any(|address| until(address).is_none());
        let candidate = |address: &Address| Candidate {
            address: address.clone(),
            label: public(&address.url),
            serves_parts: true,
            bytes: 0,
            attempts: 0,
            reached: 0,
            changes: 0,
            mistakes: 0,
            not_before: until(address).filter(|_| is_any_reachable).unwrap_or(now),
            failure: None,
        };
        Self { all: addresses.iter().map(candidate).collect(), only: None }
    }

    pub(super) fn get(&self, index: usize) -> &Candidate {
        &self.all[index]
    }

    pub(super) fn get_mut(&mut self, index: usize) -> &mut Candidate {
        &mut self.all[index]
    }

    /// Those that may be asked now.
    fn usable(&self) -> impl Iterator<Item = (usize, &Candidate)> {
        let now = Instant::now();
        self.all.iter().enumerate().filter(move |(index, source)| {
            source.failure.is_none() && source.not_before <= now && self.only.is_none_or(|only| only == *index)
        })
    }

    /// The one to ask when nobody brings anything.
    pub(super) fn first(&self) -> Option<usize> {
        self.usable().map(|(index, _)| index).next()
    }

    /// The one to ask for a part while others are brought; `load` is how many streams one has already.
    pub(super) fn least_loaded(
        &self,
        load: impl Fn(usize) -> usize,
        may_offer_parts: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let parts = self.usable().filter(|(index, source)| source.serves_parts && may_offer_parts(*index));
        parts.map(|(index, _)| index).min_by_key(|index| load(*index))
    }

    /// When the first of those that are not given up may be asked; `None` if none is left.
    pub(super) fn earliest(&self) -> Option<Instant> {
        let asked = |index| self.only.is_none_or(|only| only == index);
        let left = self.all.iter().enumerate().filter(|(index, source)| source.failure.is_none() && asked(*index));
        left.map(|(_, source)| source.not_before).min()
    }

    /// The first that is not given up.
    pub(super) fn trusted(&self) -> Option<usize> {
        self.all.iter().position(|source| source.failure.is_none())
    }

    pub(super) fn any_serves_parts(&self) -> bool {
        self.all.iter().any(|source| source.failure.is_none() && source.serves_parts)
    }

    /// How long a host may ask to wait.
    pub(super) fn longest_wait(&self) -> Duration {
        let left = self.all.iter().filter(|source| source.failure.is_none()).count();
        if left > 1 { IMPATIENCE } else { LONGEST_WAIT }
    }

    /// It has other bytes than before: those it brought are no progress, so that this does not go on for ever.
    pub(super) fn changed(&mut self, index: usize) {
        let source = &mut self.all[index];
        source.attempts = source.attempts.max(source.changes);
        source.reached = source.bytes;
        source.changes += 1;
    }

    /// Whether a source with wrong bytes is asked for all of them again: once, where there is no other. A bit flips
    /// on the way now and then; twice it is what the source has.
    pub(super) fn forgives(&mut self, index: usize) -> bool {
        let is_last = self.all.iter().filter(|source| source.failure.is_none()).count() == 1;
        let source = &mut self.all[index];
        source.mistakes += 1;
        is_last && source.mistakes == 1
    }

    /// Decides whether a source is asked again, and when.
    pub(super) fn judge(&mut self, index: usize, error: Error) -> Verdict<'_> {
        let source = &mut self.all[index];
        if source.bytes >= source.reached + PROGRESS {
            (source.attempts, source.reached) = (0, source.bytes);
        }
        source.attempts += 1;
        match retry::pause(source.attempts, &error, LONGEST_WAIT, fastrand::f64()) {
            Some(pause) => {
                source.not_before = Instant::now() + pause;
                Verdict::Again(pause, error)
            }
            None => Verdict::GivenUp(self.give_up(index, error)),
        }
    }

    /// The source is not asked before `pause` is over; if that is too long to wait for, not at all.
    pub(super) fn defer(&mut self, index: usize, pause: Duration) -> Option<&Error> {
        let source = &mut self.all[index];
        source.not_before = Instant::now() + pause;
        let error = Error::Status { url: source.label.clone(), status: 429, code: None, retry_after: Some(pause) };
        (pause > LONGEST_WAIT).then(|| self.give_up(index, error))
    }

    /// The source is asked no more.
    pub(super) fn give_up(&mut self, index: usize, error: Error) -> &Error {
        // The others may now take its part.
        self.only = self.only.filter(|only| *only != index);
        let source = &mut self.all[index];
        source.failure.insert(source.address.told(error))
    }

    /// It brought what it was asked for.
    pub(super) fn brought(&mut self, index: usize) {
        self.all[index].attempts = 0;
    }

    /// What each failed with.
    pub(super) fn into_failures(self) -> Vec<Error> {
        self.all.into_iter().filter_map(|source| source.failure).collect()
    }
}
