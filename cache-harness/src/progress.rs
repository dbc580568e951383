//! What is going on, for whoever wants to show it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;

/// A listener for what a cache does while somebody waits.
///
/// It is called from several threads, often and in no fixed order; it must neither block nor panic.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Listener>>);

type Listener = dyn Fn(Step<'_>) + Send + Sync;

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// A transfer starts.
    Begin {
        /// The model.
        model: &'a str,
        /// The file of the model.
        file: &'a str,
        /// How many bytes the file has, if that is known.
        bytes: Option<u64>,
        /// How many of them were there before.
        there: u64,
    },
    /// Bytes arrived.
    Bytes {
        /// The model.
        model: &'a str,
        /// The file of the model.
        file: &'a str,
        /// Bytes so far.
        done: u64,
    },
    /// A transfer broke and will be tried again after a pause.
    Retry {
        /// The model.
        model: &'a str,
        /// The file of the model.
        file: &'a str,
        /// How long until then.
        pause: Duration,
        /// What broke it.
        error: &'a Error,
    },
    /// One source is given up; the next one, if any, is asked.
    SourceFailed {
        /// The model.
        model: &'a str,
        /// The file of the model.
        file: &'a str,
        /// Why.
        error: &'a Error,
    },
    /// Another process is filling the model; this one waits for it.
    Waiting {
        /// The model.
        model: &'a str,
        /// Who fills it.
        holder: &'a str,
        /// For how long so far.
        waited: Duration,
        /// Bytes that the other process has written.
        done: u64,
    },
    /// The model is verified and in place.
    Done {
        /// The model.
        model: &'a str,
    },
}

impl Progress {
    /// Calls `listener` at every step.
    pub fn new(listener: impl Fn(Step<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    pub(crate) fn step(&self, step: Step<'_>) {
        if let Some(listener) = &self.0 {
            listener(step);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Progress(listening)" } else { "Progress(nobody listens)" })
    }
}
