//! What is under way, from the steps and the moments at which they were told.
//!
//! Nothing here looks at a clock or prints. A model counts from its first step to its last; once all have ended, the
//! tally starts anew, so that what a process does later is not shown as part of what it did before.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Step;
use super::model::{Announced, Model, Wait};
use super::throughput::Throughput;
use super::transfer::left;

/// Everything under way.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Models to come.
    queued: BTreeMap<String, Announced>,
    models: Vec<Model>,
    ended: InPlace,
    /// How many models were announced.
    announced: usize,
    came: Option<Throughput>,
}

/// Models that came to their end while others are under way.
#[derive(Debug, Default, Clone, Copy)]
struct InPlace {
    models: usize,
    bytes: u64,
}

/// A model that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) name: String,
    pub(crate) took: Duration,
    /// Bytes that were fetched for it, here and before.
    pub(crate) fetched: u64,
}

/// All that is under way, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Total {
    /// How many models were announced, and how many of them are in place.
    pub(crate) models: usize,
    pub(crate) models_done: usize,
    /// How many files are still to come.
    pub(crate) files: usize,
    pub(crate) done: u64,
    pub(crate) bytes: Option<u64>,
    /// Bytes per second that come.
    pub(crate) rate: Option<u64>,
    pub(crate) left: Option<Duration>,
}

impl Tally {
    /// Takes note of a step; the model that it put in place, if that took more than a look.
    pub(crate) fn fold(&mut self, step: &Step<'_>, now: Instant) -> Option<Ended> {
        match *step {
            Step::Queued { model, bytes } => {
                let known = self.queued.insert(model.to_owned(), Announced { bytes });
                self.announced += usize::from(known.is_none());
            }
            Step::Lacks { model, files, bytes } => {
                let model = self.model(model, now);
                (model.lacks, model.wait) = (Some((files, bytes)), None);
            }
            Step::Begin { model, file, bytes, there } => {
                self.came.get_or_insert_with(|| Throughput::start(now));
                let model = self.model(model, now);
                model.complete.remove(file);
                model.with(file, now, |transfer| transfer.go_on(bytes, there, now));
            }
            Step::Bytes { model, file, done } => {
                let known = self.models.iter_mut().find(|known| known.name == model);
                if let (Some(model), Some(came)) = (known, &mut self.came)
                    && model.has(file, done, now)
                {
                    came.add(model.with(file, now, |transfer| transfer.arrive(done, now)), now);
                }
            }
            Step::Retry { model, file, pause, .. } => {
                let model = self.model(model, now);
                if !model.complete.contains_key(file) {
                    model.with(file, now, |transfer| transfer.pause(now + pause));
                }
            }
            Step::Waiting { model, holder, done, bytes, .. } => {
                // Threads of one process wait for each other too: what they wait for shows as its own transfers.
                if holder != format!("process {}", std::process::id()) {
                    let wait = Wait { holder: holder.to_owned(), done, bytes, heard: now };
                    self.model(model, now).wait = Some(wait);
                }
            }
            // Other sources may bring the same file meanwhile.
            Step::SourceFailed { .. } | Step::Adopted { .. } | Step::PassedOver { .. } | Step::Tick { .. } => {}
            Step::Done { model } => return self.done(model, now),
            Step::Failed { model } => {
                drop((self.take(model), self.queued.remove(model)));
                self.start_anew_if_idle();
            }
        }
        None
    }

    /// The models under way, in the order in which they began.
    pub(crate) fn models(&self) -> &[Model] {
        &self.models
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.models.is_empty() && self.queued.is_empty()
    }

    pub(crate) fn total(&self, now: Instant) -> Total {
        let (mut done, mut bytes) = (self.ended.bytes, Some(self.ended.bytes));
        let add = |sum: Option<u64>, more: Option<u64>| sum.and_then(|sum| sum.checked_add(more?));
        for model in &self.models {
            done += model.done();
            bytes = add(bytes, model.bytes());
        }
        for queued in self.queued.values() {
            bytes = add(bytes, queued.bytes);
        }
        let rate = self.came.as_ref().and_then(|came| came.rate(now));
        Total {
            models: self.announced,
            models_done: self.ended.models,
            files: self.models.iter().map(Model::files).sum(),
            done,
            bytes,
            rate,
            left: bytes.zip(rate).and_then(|(bytes, rate)| left(bytes.saturating_sub(done), rate)),
        }
    }

    fn model(&mut self, name: &str, now: Instant) -> &mut Model {
        let known = self.models.iter().position(|model| model.name == name);
        let index = known.unwrap_or_else(|| {
            let announced = self.queued.remove(name);
            self.models.push(Model::new(name, announced, now));
            self.models.len() - 1
        });
        &mut self.models[index]
    }

    fn take(&mut self, name: &str) -> Option<Model> {
        let known = self.models.iter().position(|model| model.name == name)?;
        Some(self.models.remove(known))
    }

    fn done(&mut self, name: &str, now: Instant) -> Option<Ended> {
        let model = self.take(name);
        let queued = self.queued.remove(name);
        let announced = queued.is_some() || model.as_ref().is_some_and(|model| model.announced.is_some());
        self.ended.models += usize::from(announced);
        self.ended.bytes += match &model {
            Some(model) => model.bytes().unwrap_or_else(|| model.here()),
            None => queued.and_then(|queued| queued.bytes).unwrap_or(0),
        };
        self.start_anew_if_idle();
        let model = model?;
        let took = now.saturating_duration_since(model.since);
        Some(Ended { fetched: model.here(), took, name: model.name })
    }

    fn start_anew_if_idle(&mut self) {
        if self.is_idle() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests;
