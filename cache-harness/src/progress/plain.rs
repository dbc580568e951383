//! Progress as lines of text: for logs, and for tests whose output is captured.
//!
//! What is over in less than an interval is not worth a line, and a run in which everything is a hit says nothing.
//! Then a line tells of all that is under way, however many models and files, once in each interval; what took longer
//! than one is told once more when it is in place; what went wrong is told at once, and again at most once in each.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::remark::{adopted, in_words, share, waiting};
use super::tally::{Ended, Tally};
use super::trouble::Troubles;
use super::{Progress, Step};
use crate::units::{ByteSize, show_seconds};

/// How far lines are apart, for people who read a log.
const INTERVAL: Duration = Duration::from_secs(10);

/// Decides what is said when.
#[derive(Debug)]
struct Plain {
    interval: Duration,
    tally: Tally,
    troubles: Troubles,
    /// Models that are in place after a long time, and nobody was told yet.
    ended: Vec<Ended>,
    /// Since when nothing was said of what is under way.
    quiet_since: Option<Instant>,
}

impl Progress {
    /// Says how far things are, by `speak`: a line at most every ten seconds.
    pub(crate) fn plain(speak: fn(&str)) -> Self {
        let plain = Mutex::new(Plain::new(INTERVAL));
        Self::new(move |step| {
            let lines = plain.lock().unwrap_or_else(PoisonError::into_inner).hear(&step, Instant::now());
            for line in lines {
                speak(&line);
            }
        })
    }
}

impl Plain {
    fn new(interval: Duration) -> Self {
        Self {
            interval,
            tally: Tally::default(),
            troubles: Troubles::new(interval),
            ended: Vec::new(),
            quiet_since: None,
        }
    }

    /// Takes note of a step; what is to be said at it.
    fn hear(&mut self, step: &Step<'_>, now: Instant) -> Vec<String> {
        self.troubles.hear(step);
        let ended = self.tally.fold(step, now);
        self.ended.extend(ended.filter(|ended| ended.took >= self.interval));
        match *step {
            Step::Tick { model } | Step::Waiting { model, .. } => {
                let mut lines = self.troubles.due(model, now);
                lines.extend(self.news(now));
                lines
            }
            Step::Done { model } => self.troubles.done(model, now).into_iter().chain(self.closing()).collect(),
            Step::Failed { model } => {
                self.troubles.forget(model);
                self.closing().into_iter().collect()
            }
            Step::Adopted { .. } => adopted(step).into_iter().collect(),
            // Whoever asked will hear of the others at a tick.
            _ => Vec::new(),
        }
    }

    /// How far everything is, if it is time to say so.
    fn news(&mut self, now: Instant) -> Option<String> {
        let since = *self.quiet_since.get_or_insert(now);
        if self.tally.is_idle() || now.saturating_duration_since(since) < self.interval {
            return None;
        }
        self.quiet_since = Some(now);
        let ended = std::mem::take(&mut self.ended);
        let mut parts: Vec<_> = (!ended.is_empty()).then(|| in_place(&ended)).into_iter().collect();
        parts.extend(self.fetching(now));
        parts.extend(self.waits(now));
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// What is still to be said once nothing is under way any more.
    fn closing(&mut self) -> Option<String> {
        if !self.tally.is_idle() {
            return None;
        }
        self.quiet_since = None;
        self.troubles.start_anew();
        let ended = std::mem::take(&mut self.ended);
        (!ended.is_empty()).then(|| in_place(&ended))
    }

    fn fetching(&self, now: Instant) -> Option<String> {
        let total = self.tally.total(now);
        if total.files == 0 {
            return None;
        }
        let what = match (total.models, total.files) {
            (0 | 1, 1) => "fetching 1 file".to_owned(),
            (0 | 1, files) => format!("fetching {files} files"),
            (models, _) => format!("{} of {models} models are in place", total.models_done),
        };
        let rate = total.rate.map(|rate| format!("{}/s", ByteSize(rate)));
        let left = total.left.map(|left| format!("about {} left", in_words(left)));
        let parts = [Some(what), Some(share(total.done, total.bytes)), rate, left];
        Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }

    fn waits(&self, now: Instant) -> Option<String> {
        let mut waits = self.tally.models().iter().filter_map(|model| Some((model, model.wait(now)?)));
        let (model, wait) = waits.next()?;
        let text = waiting(&model.name, wait);
        Some(match waits.count() {
            0 => text,
            more => format!("{text} (and {more} more)"),
        })
    }
}

/// That models are in place which took long.
fn in_place(ended: &[Ended]) -> String {
    let one = |ended: &Ended| {
        let took = show_seconds(ended.took.as_secs_f64());
        match ended.fetched {
            0 => format!("{} is in place after {took}", ended.name),
            bytes => format!("{} is in place after {took} ({})", ended.name, ByteSize(bytes)),
        }
    };
    match ended {
        [] => String::new(),
        [only] => one(only),
        [first, others @ ..] => format!("{} (and {} more)", one(first), others.len()),
    }
}

#[cfg(test)]
mod tests;
