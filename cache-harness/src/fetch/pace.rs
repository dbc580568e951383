//! How often a host may be asked: a pure policy, and its state as all processes of this user share it.
//!
//! A host nothing is known of is asked one request at a time ([`Pace::overlap`]), so that nobody asks while a refusal
//! may be on its way; after [`TRUSTED`] good answers in a row it is free. A refusal (429, or 503 with `Retry-After`)
//! pauses the host for everybody, for as long as it asks. The first one teaches no more than that: who knows who
//! used the quota up. A second one within five minutes does: what passed since the first was the quota.
//!
//! A learnt quota is a sliding window, measured from the old answer to the new request, so that no delay on the way
//! can push more requests into one of the host's own windows, whatever their phase. Where the host itself says what is
//! left (`RateLimit`), that counts instead. All is forgotten five minutes after the last refusal.
//!
//! Moments are milliseconds since the Unix epoch: a monotonic clock means nothing to another process. A clock that was
//! set back costs a wait of at most five minutes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::head::{Allowance, Policy};

#[cfg(test)]
mod tests;

const VERSION: u32 = 1;
/// So many good answers in a row make a host free.
const TRUSTED: u32 = 64;
/// Requests that are remembered, and the most that a quota allows in its window: the state stays below a page.
const RECENT: usize = 128;
/// The longest wait that is ever noted, in ms; also how long a refusal is remembered.
const LONGEST: u64 = 300_000;
/// The shortest window of a quota, in ms, and the pause after a refusal that names none.
const SHORTEST: u64 = 1000;
/// A pause doubles up to so many ms, if the host refuses again and again.
const DOUBLED: u64 = 30_000;
/// Added to a pause, in ms: nobody shall be early by rounding.
const MARGIN: u64 = 10;

/// What is known about one host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Pace {
    version: u32,
    /// Good answers in a row, up to [`TRUSTED`].
    good: u32,
    /// No request before this moment.
    not_before: u64,
    /// The last refusal.
    refused_at: Option<u64>,
    /// Refusals with no good answer between them.
    refusals: u32,
    /// The first of those refusals.
    closed_at: u64,
    /// The longest that it took from a first refusal to a good answer, in ms: its window is no shorter, whatever
    /// pause it asked for.
    closed_for: u64,
    quota: Option<Quota>,
    left: Option<Left>,
    /// When requests were answered, or sent if they still wait for it; only while the host limits. Sorted.
    recent: Vec<u64>,
}

/// At most so many requests in any window of so many ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Quota {
    requests: u64,
    window: u64,
}

/// What the host says is left of its own quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Left {
    name: String,
    requests: u64,
    resets_at: u64,
}

/// The moment a request was granted; its answer is told with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grant(u64);

/// What an answer says about asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) verdict: Verdict,
    pub(super) allowance: Option<Allowance>,
    pub(super) policy: Option<Policy>,
}

/// How a request was received, whatever was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The host dealt with it.
    Dealt,
    /// Status 429, with the pause it asks for.
    TooMany(Option<Duration>),
    /// Status 503 with the pause it asks for.
    Unavailable(Duration),
    /// No answer, or one that says nothing about how often to ask.
    Silent,
}

impl Pace {
    /// The state as it was written; nothing known if it is not of this version, or torn.
    pub(super) fn read(text: &str, now: u64) -> Self {
        let read: Option<Self> = serde_json::from_str(text).ok().filter(|pace: &Self| pace.version == VERSION);
        let mut pace = read.unwrap_or_default();
        pace.forget(now);
        pace
    }

    /// The state as text of less than 4 KiB.
    pub(super) fn to_text(&self) -> String {
        // Plain numbers and one short text always serialise.
        serde_json::to_string(&Self { version: VERSION, ..self.clone() }).unwrap_or_default()
    }

    /// A state whose requests need neither order nor count.
    pub(super) fn is_free(&self) -> bool {
        self.good >= TRUSTED && !self.limits()
    }

    /// Whether the host has refused lately, or is about to.
    pub(super) fn limits(&self) -> bool {
        self.refused_at.is_some() || self.left.is_some()
    }

    /// How long to wait until the next request may be sent.
    pub(super) fn wait(&self, now: u64) -> Duration {
        let mut ready = self.not_before;
        if let Some(left) = self.left.as_ref().filter(|left| left.requests == 0) {
            ready = ready.max(left.resets_at);
        }
        if let Some(quota) = self.quota {
            // The answer that has to leave the window first.
            let index =
                usize::try_from(quota.requests).ok().and_then(|requests| self.recent.len().checked_sub(requests));
            let oldest = index.and_then(|index| self.recent.get(index));
            ready = ready.max(oldest.map_or(0, |oldest| oldest + quota.window));
        }
        Duration::from_millis(ready.saturating_sub(now))
    }

    /// For how long nobody else shall ask while a request waits for its answer.
    pub(super) fn overlap(&self) -> Duration {
        Duration::from_millis(if self.limits() { 1000 } else { 100 })
    }

    /// Notes that a request is sent now.
    pub(super) fn grant(&mut self, now: u64) -> Grant {
        if self.limits() {
            self.remember(now);
        }
        if let Some(left) = &mut self.left {
            left.requests = left.requests.saturating_sub(1);
        }
        Grant(now)
    }

    /// Learns from an answer that came now. More than `plenty` requests left are as good as no limit.
    pub(super) fn answered(&mut self, grant: Grant, now: u64, told: &Told, plenty: u64) {
        let counted = self.recent.binary_search(&grant.0).map(|index| self.recent.remove(index)).is_ok();
        match told.verdict {
            Verdict::Dealt => {
                if self.refusals > 1 {
                    self.closed_for = self.closed_for.max(now.saturating_sub(self.closed_at)).min(LONGEST);
                }
                self.refusals = 0;
                self.good = self.good.saturating_add(1).min(TRUSTED);
            }
            Verdict::TooMany(pause) => self.refused(grant, now, pause, told, counted),
            Verdict::Unavailable(pause) => self.refused(grant, now, Some(pause), told, counted),
            Verdict::Silent => {}
        }
        if let Some(allowance) = &told.allowance {
            self.allowed(allowance, now, plenty);
        }
        if counted && !matches!(told.verdict, Verdict::TooMany(_) | Verdict::Unavailable(_)) {
            self.remember(now);
        }
    }

    fn refused(&mut self, grant: Grant, now: u64, pause: Option<Duration>, told: &Told, counted: bool) {
        let too_many = matches!(told.verdict, Verdict::TooMany(_));
        let asked = pause.map_or(SHORTEST, millis).min(LONGEST);
        self.good = 0;
        // It was on its way when another was refused: that says nothing new, except that it did not pass.
        if self.refused_at.is_some_and(|at| grant.0 <= at) {
            if let Some(quota) = self.quota.as_mut().filter(|_| too_many && counted) {
                quota.requests = quota.requests.saturating_sub(1).max(1);
            }
            self.pause(asked, now);
            return;
        }
        if too_many && told.allowance.is_none() {
            self.learn(asked.max(SHORTEST).max(self.closed_for), now, told.policy);
        }
        if self.refusals == 0 {
            self.closed_at = now;
        }
        self.refusals = self.refusals.saturating_add(1);
        self.refused_at = Some(now);
        let doubled = asked.saturating_mul(1 << self.refusals.saturating_sub(2).min(16)).min(DOUBLED);
        self.pause(doubled.max(asked), now);
    }

    fn pause(&mut self, pause: u64, now: u64) {
        self.not_before = self.not_before.max(now + (pause + MARGIN).min(LONGEST));
    }

    fn learn(&mut self, window: u64, now: u64, policy: Option<Policy>) {
        let margin = |window: u64| window + window / 10;
        if let (None, Some(policy)) = (self.quota, policy) {
            // More than can be remembered: the same rate in a shorter window.
            let requests = policy.requests.clamp(1, RECENT as u64);
            let shorter = u128::from(millis(policy.window)) * u128::from(requests) / u128::from(policy.requests.max(1));
            let window = u64::try_from(shorter).unwrap_or(u64::MAX).clamp(1, LONGEST);
            self.quota = Some(Quota { requests, window: margin(window) });
            return;
        }
        let Some(refused_at) = self.refused_at else { return };
        let window = margin(window).max(self.quota.map_or(0, |quota| quota.window));
        let since = refused_at.max(now.saturating_sub(window));
        let passed = self.recent.iter().filter(|at| **at > since).count() as u64;
        self.quota = match self.quota {
            // Nothing passed: a longer pause is all that can be learnt.
            known if self.refusals > 0 => known,
            // Already the fewest, so the window is too short.
            Some(known) if known.requests == 1 => {
                Some(Quota { requests: 1, window: (window + window / 2).min(margin(LONGEST)) })
            }
            Some(known) => Some(Quota { requests: known.requests.min(passed).max(1), window }),
            None if passed == 0 => None,
            None => Some(Quota { requests: passed, window }),
        };
    }

    fn allowed(&mut self, allowance: &Allowance, now: u64, plenty: u64) {
        if allowance.remaining > plenty {
            self.left = None;
            // The host itself will say when it gets scarce.
            if self.refused_at.is_none() {
                self.good = TRUSTED;
            }
            return;
        }
        // What is on its way was not yet counted by an answer that was sent before.
        let known = self.left.as_ref().filter(|left| left.name == allowance.name).map(|left| left.requests);
        // Whole seconds: 0 is "soon".
        let reset = (millis(allowance.reset).clamp(SHORTEST, LONGEST) + MARGIN).min(LONGEST);
        let requests = known.map_or(allowance.remaining, |known| known.min(allowance.remaining));
        self.left = Some(Left { name: allowance.name.clone(), requests, resets_at: now + reset });
    }

    fn remember(&mut self, moment: u64) {
        let index = self.recent.partition_point(|at| *at <= moment);
        self.recent.insert(index, moment);
        let excess = self.recent.len().saturating_sub(RECENT);
        self.recent.drain(..excess);
    }

    /// Drops what no longer holds, and what cannot be: it comes from a clock that was set back, or from elsewhere.
    fn forget(&mut self, now: u64) {
        let latest = now.saturating_add(LONGEST);
        if self.not_before > latest {
            self.not_before = 0;
        }
        self.left.take_if(|left| left.resets_at <= now || left.resets_at > latest);
        self.refused_at = self.refused_at.map(|at| at.min(now)).filter(|at| now - at < LONGEST);
        if self.refused_at.is_none() {
            (self.quota, self.refusals, self.closed_for) = (None, 0, 0);
        }
        self.closed_for = self.closed_for.min(LONGEST);
        self.quota.take_if(|quota| quota.requests == 0 || quota.window > LONGEST + LONGEST / 10);
        self.recent.retain(|at| *at <= now && now - at <= LONGEST);
        self.recent.sort_unstable();
        let kept = if self.limits() { RECENT } else { 0 };
        self.recent.drain(..self.recent.len().saturating_sub(kept));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
