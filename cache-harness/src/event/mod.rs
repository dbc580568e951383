//! What happened in a run, one line each, in files that a kill cannot spoil.
//!
//! ```text
//! <state dir>/runs/<run>/<process>.jsonl
//!   {"version":1,"run":"cargo-71-9042","project":"/p/cache-harness.toml","started":"…","pid":80,"argv0":"…"}
//!   {"event":"request","at":1763704346.1,"model":"whisper-tiny","outcome":"hit","bytes":151061672,…}
//!   {"event":"evict","at":1763704350.0,"model":"minilm","bytes":90868376,"reason":"unused for 9 days"}
//! ```
//! - One file per process, one `write` per line: processes never mix, and what a kill or a full disk can cut is
//!   the line being written. There are no counters to update, so a panicking test loses nothing.
//! - Recording never fails a test: [`Log::append`] answers [`Recorded::No`] and goes on.
//! - Readers skip and count what they cannot read, and ignore kinds and fields they do not know, so an older
//!   program understands a newer log as far as it goes.
//! - A line is written once per request in the build that `cargo test` makes, unoptimised. That is why [`mod@line`]
//!   writes by hand what serde reads.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::{Deserializer, IntoDeserializer, value};
use serde::{Deserialize, Serialize};

use crate::time;

mod line;
mod log;
mod retention;

pub(crate) use line::{Header, Line};
pub(crate) use log::{Log, Recorded};
pub(crate) use retention::hidden as run_is_hidden;

/// One thing that happened, as it is logged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Event {
    /// A model was asked for.
    Request(Request),
    /// A model was removed to make room.
    Evict(Evict),
    /// Something a person should know.
    Warning(Warning),
}

/// One model asked for once: by a test, by `restore` or by `warm`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Request {
    /// When the model was in place, in seconds since the Unix epoch; RFC 3339 in reports.
    #[serde(default, serialize_with = "as_rfc3339")]
    pub at: f64,
    /// The test's path as the test harness prints it; none outside tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// The model that was put in place (under [`Outcome::Fallback`] the fallback), or that could not be.
    pub model: String,
    /// What came of it.
    pub outcome: Outcome,
    /// How long preparing took in all, in seconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub seconds: f64,
    /// The part of `seconds` spent waiting for another process or thread that fetched the same, in seconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub waited_seconds: f64,
    /// On a hit: what the fetch that filled the entry took, less `seconds`; never below 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub saved_seconds: f64,
    /// Who asked; in a newer log perhaps somebody else than we know.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "is_default")]
    pub via: Via,
    /// The provider whose layout the model was restored into.
    #[serde(default, skip_serializing_if = "is_default")]
    pub provider: String,
    /// The source file of the annotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line of the annotation, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The size of what was served, in bytes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bytes: u64,
    /// What came over the network or from a `path` source for it, in bytes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fetched_bytes: u64,
    /// What was taken for it from other programs' caches instead, in bytes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub adopted_bytes: u64,
    /// How often an exchange was tried again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retries: u32,
    /// How often a download went on from a partial.
    #[serde(default, skip_serializing_if = "is_default")]
    pub resumes: u32,
    /// The files that were damaged or lost and are whole again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<String>,
    /// The model that was asked for, when `model` stands in for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_for: Option<String>,
    /// Whether the cache folder could not be used, so that this went past it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bypass: bool,
    /// Why it was a skip or a failure, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The part of `seconds` spent fetching, in seconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fetch_seconds: f64,
    /// Why something had to be fetched, or would have had to be; none on a plain hit, and in logs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miss_reason: Option<MissReason>,
    /// How it came to its place.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "is_default")]
    pub placement: Placement,
}

impl Request {
    /// A request of which nothing is known yet but its model and what came of it; the rest has its default.
    pub(crate) fn new(model: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            at: 0.0,
            test: None,
            model: model.into(),
            outcome,
            seconds: 0.0,
            waited_seconds: 0.0,
            saved_seconds: 0.0,
            via: Via::default(),
            provider: String::new(),
            file: None,
            line: None,
            bytes: 0,
            fetched_bytes: 0,
            adopted_bytes: 0,
            retries: 0,
            resumes: 0,
            repairs: Vec::new(),
            fallback_for: None,
            bypass: false,
            reason: None,
            fetch_seconds: 0.0,
            miss_reason: None,
            placement: Placement::default(),
        }
    }
}

/// A word of ours; what only a newer version knows is taken for the default, so that the rest of its line counts.
fn known<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    let word = std::borrow::Cow::<str>::deserialize(deserializer)?;
    let known = T::deserialize(IntoDeserializer::<value::Error>::into_deserializer(word));
    Ok(known.unwrap_or_default())
}

/// The log, which is written by hand, has seconds; what serde writes is for people and scripts.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn as_rfc3339<S: serde::Serializer>(at: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let moment = Duration::try_from_secs_f64(*at).unwrap_or_default();
    serializer.serialize_str(&time::rfc3339_millis(UNIX_EPOCH + moment.min(LATEST)))
}

/// The end of the year 9999, the last that RFC 3339 can say.
const LATEST: Duration = Duration::from_secs(253_402_300_799);

/// How a model came to the place where its consumer looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Placement {
    /// It stood there already.
    #[default]
    InPlace,
    /// Something was linked from the store, or shares its bytes with it.
    Linked,
    /// Something was copied from the store.
    Copied,
    /// It came from the team's shared cache.
    Remote,
}

impl Placement {
    /// The word in logs and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InPlace => "in_place",
            Self::Linked => "linked",
            Self::Copied => "copied",
            Self::Remote => "remote",
        }
    }
}

/// Why a model was not in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MissReason {
    /// Nothing tells that it ever was there.
    NeverSeen,
    /// It had been evicted because room was needed.
    Evicted,
    /// It had been evicted because it was unused for longer than `max_age`.
    Expired,
    /// A command had removed it.
    Removed,
    /// Some of it was lost or damaged.
    Corrupt,
    /// The model was there with other pins.
    OtherPin,
    /// A newer version says why.
    #[serde(other)]
    Unknown,
}

impl MissReason {
    /// The word in logs and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverSeen => "never_seen",
            Self::Evicted => "evicted",
            Self::Expired => "expired",
            Self::Removed => "removed",
            Self::Corrupt => "corrupt",
            Self::OtherPin => "other_pin",
            Self::Unknown => "unknown",
        }
    }
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// It was there, or another process or thread had just fetched it.
    Hit,
    /// It was fetched.
    Miss,
    /// Something was damaged or lost, and is whole again.
    Repaired,
    /// Its sources failed, and the catalog's `fallback` stood in.
    Fallback,
    /// It was not to be had, and the test was skipped, as it asked for.
    Skip,
    /// It was not to be had, and the test failed.
    Failed,
}

impl Outcome {
    /// The word in logs, reports and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Repaired => "repaired",
            Self::Fallback => "fallback",
            Self::Skip => "skip",
            Self::Failed => "failed",
        }
    }
}

/// Who asked for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Via {
    /// An annotated test.
    #[default]
    Test,
    /// `cache-harness restore`, or the library.
    Restore,
    /// `cache-harness warm`: ahead of anybody's need, so it is no request in the report.
    Warm,
}

impl Via {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Restore => "restore",
            Self::Warm => "warm",
        }
    }
}

/// A model that was removed to make room, or because it was old.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evict {
    /// When, in seconds since the Unix epoch.
    #[serde(default, serialize_with = "as_rfc3339")]
    pub at: f64,
    /// The model.
    pub model: String,
    /// What this freed, in bytes.
    #[serde(default)]
    pub bytes: u64,
    /// Why it went.
    #[serde(default)]
    pub reason: String,
}

/// Something a person should know, and no test should fail for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Warning {
    /// When, in seconds since the Unix epoch.
    #[serde(default)]
    pub(crate) at: f64,
    /// One sentence.
    pub(crate) text: String,
}

/// A moment as events note it: seconds since the Unix epoch, with the fraction.
pub(crate) fn stamp(moment: SystemTime) -> f64 {
    moment.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
