//! What went wrong on the way, told at once but not over and over.

use std::time::{Duration, Instant};

use super::Step;
use crate::units::show_seconds;

/// Retries and sources that failed: of each, one remark is let out in each interval, with the number of those that
/// were kept back.
#[derive(Debug)]
pub(crate) struct Troubles {
    retries: Trouble,
    sources: Trouble,
}

#[derive(Debug)]
struct Trouble {
    interval: Duration,
    told: Option<Instant>,
    /// The latest, and whose it is.
    held: Option<(String, String)>,
    count: usize,
}

impl Troubles {
    pub(crate) fn new(interval: Duration) -> Self {
        Self { retries: Trouble::new(interval), sources: Trouble::new(interval) }
    }

    /// Takes note of a step.
    pub(crate) fn hear(&mut self, step: &Step<'_>) {
        match step {
            Step::Retry { model, file, pause, error } => {
                let pause = show_seconds(pause.as_secs_f64());
                self.retries.add(model, format!("{model}/{file}: {error}; trying again in {pause}"));
            }
            Step::SourceFailed { model, file, error } => self.sources.add(model, format!("{model}/{file}: {error}")),
            _ => {}
        }
    }

    /// What is to be told now by somebody who waits for `model`.
    pub(crate) fn due(&mut self, model: &str, now: Instant) -> Vec<String> {
        [&mut self.retries, &mut self.sources].into_iter().filter_map(|trouble| trouble.due(model, now)).collect()
    }

    /// The same once `model` is in place: a retry that is over is not worth telling any more, but a source that
    /// failed will fail the next time too.
    pub(crate) fn done(&mut self, model: &str, now: Instant) -> Option<String> {
        self.retries.forget(model);
        self.sources.due(model, now)
    }

    /// Lets the next remark out at once: a storm is over when nothing is under way, and the next test that fails shall
    /// show its own.
    pub(crate) fn start_anew(&mut self) {
        (self.retries.told, self.sources.told) = (None, None);
    }

    /// Leaves what was kept back to the error that `model` ends with.
    pub(crate) fn forget(&mut self, model: &str) {
        self.retries.forget(model);
        self.sources.forget(model);
    }
}

impl Trouble {
    fn new(interval: Duration) -> Self {
        Self { interval, told: None, held: None, count: 0 }
    }

    fn add(&mut self, model: &str, text: String) {
        self.held = Some((model.to_owned(), text));
        self.count += 1;
    }

    fn due(&mut self, model: &str, now: Instant) -> Option<String> {
        let too_soon = self.told.is_some_and(|told| now.saturating_duration_since(told) < self.interval);
        if too_soon || self.held.as_ref().is_none_or(|(of, _)| of != model) {
            return None;
        }
        self.told = Some(now);
        self.rest()
    }

    fn forget(&mut self, model: &str) {
        if self.held.as_ref().is_some_and(|(of, _)| of == model) {
            (self.held, self.count) = (None, 0);
        }
    }

    fn rest(&mut self) -> Option<String> {
        let (_, text) = self.held.take()?;
        Some(match std::mem::take(&mut self.count).saturating_sub(1) {
            0 => text,
            more => format!("{text} (and {more} more)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_one_remark_in_each_interval_with_the_number_of_the_others() {
        let start = Instant::now();
        let mut trouble = Trouble::new(Duration::from_secs(10));
        let mut told = Vec::new();
        for tenth in 0..=250_u64 {
            let now = start + Duration::from_millis(100 * tenth);
            trouble.add("tiny", format!("try {tenth}"));
            told.extend(trouble.due("tiny", now));
        }
        assert_eq!(told, ["try 0", "try 100 (and 99 more)", "try 200 (and 99 more)"]);
        assert_eq!(trouble.rest().as_deref(), Some("try 250 (and 49 more)"));
        assert_eq!(trouble.rest(), None);
    }

    #[test]
    fn a_remark_is_told_by_who_waits_for_its_model() {
        let now = Instant::now();
        let mut trouble = Trouble::new(Duration::from_secs(10));
        trouble.add("tiny", "broke".to_owned());
        assert_eq!(trouble.due("base", now), None);
        assert_eq!(trouble.due("tiny", now).as_deref(), Some("broke"));
    }
}
