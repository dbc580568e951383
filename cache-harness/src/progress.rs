//! What is going on, for whoever wants to show it.
//!
//! For one request, in this order:
//!
//! ```text
//! Queued?  Waiting*  PassedOver*  Adopted?  (Lacks  (Begin Bytes*  (Retry Begin Bytes*)*  SourceFailed?)*)?  Done | Failed
//! ```
//!
//! `Begin`, `Bytes`, `Retry` and `SourceFailed` come from the thread that the connections live on, and belong to no
//! test: what is printed there lands in the captured output of whichever test made that thread, or nowhere. All
//! others come from the thread of whoever asked, or one that it started and that inherits its captured output. So a
//! listener that prints counts at the former and speaks at the latter; `Tick` is there to give it the occasion.

mod model;
mod plain;
mod remark;
mod tally;
mod throughput;
mod transfer;
mod trouble;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::error::Error;

pub(crate) use model::{Model, Wait};
pub(crate) use remark::{adopted, in_words, share, waiting};
pub(crate) use tally::{Tally, Total};
pub(crate) use transfer::Transfer;
pub(crate) use trouble::Troubles;

/// A listener for what a cache does while somebody waits.
///
/// It is called from several threads, often and in no fixed order; it must neither block nor panic.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Listener>>);

type Listener = dyn Fn(Step<'_>) + Send + Sync;

/// How often who waits for bytes hears of the time.
const TICK: Duration = Duration::from_millis(200);

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// The model will be asked for. Told only by who asks for several.
    Queued {
        /// The model.
        model: &'a str,
        /// The size of all its files, if that is known.
        bytes: Option<u64>,
    },
    /// The model is not whole: so much of it will be fetched.
    Lacks {
        /// The model.
        model: &'a str,
        /// How many of its files.
        files: usize,
        /// How many bytes these have, if that is known.
        bytes: Option<u64>,
    },
    /// Files were taken from other programs' caches, so that they need not be fetched.
    Adopted {
        /// The model.
        model: &'a str,
        /// How many of its files.
        files: usize,
        /// How many bytes these have.
        bytes: u64,
        /// The folder that they were all found in.
        folder: &'a Path,
    },
    /// A file of another program's cache, of the right size, was not taken.
    PassedOver {
        /// The model.
        model: &'a str,
        /// The file of the model.
        file: &'a str,
        /// The other program's file.
        path: &'a Path,
        /// Why.
        reason: &'a str,
    },
    /// A transfer starts, or goes on where it was.
    Begin {
        /// The model.
        model: &'a str,
        /// The file of the model.
        file: &'a str,
        /// How many bytes the file has, if that is known.
        bytes: Option<u64>,
        /// How many of them are there from before.
        there: u64,
    },
    /// Bytes arrived.
    Bytes {
        /// The model.
        model: &'a str,
        /// The file of the model.
        file: &'a str,
        /// Bytes so far, those that were there from before included.
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
    /// Another process is filling the model; this one waits for it. Told once a second.
    Waiting {
        /// The model.
        model: &'a str,
        /// Who fills it.
        holder: &'a str,
        /// For how long so far.
        waited: Duration,
        /// Bytes of the model that are there, most of them written by the other process.
        done: u64,
        /// The size of all its files, if that is known.
        bytes: Option<u64>,
    },
    /// Time passes while the model is fetched. Told five times a second, whether bytes come or not.
    Tick {
        /// The model.
        model: &'a str,
    },
    /// The model is verified and in place.
    Done {
        /// The model.
        model: &'a str,
    },
    /// The model could not be put in place. Another may be asked for in its stead.
    Failed {
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

    /// Does `work`, which fetches `model`, and tells the time meanwhile.
    pub(crate) fn ticking<T>(&self, model: &str, work: impl FnOnce() -> T) -> T {
        if self.0.is_none() {
            return work();
        }
        let (working, worked) = mpsc::channel::<()>();
        let tick = move || {
            while worked.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                self.step(Step::Tick { model });
            }
        };
        thread::scope(|scope| {
            // Where no more threads are to be had, nobody hears of the time.
            let ticking = thread::Builder::new().spawn_scoped(scope, tick).ok();
            let done = work();
            drop(working);
            // Who cannot be told does not keep the work from being done.
            let _ = ticking.map(thread::ScopedJoinHandle::join);
            done
        })
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Progress(listening)" } else { "Progress(nobody listens)" })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread::ThreadId;

    use super::*;

    #[test]
    fn time_is_told_while_the_work_is_done_and_no_longer() {
        let ticks = Arc::new(Mutex::new(Vec::<(String, ThreadId)>::new()));
        let heard = Arc::clone(&ticks);
        let progress = Progress::new(move |step| {
            if let Step::Tick { model } = step {
                heard.lock().unwrap().push((model.to_owned(), thread::current().id()));
            }
        });
        let count = || ticks.lock().unwrap().len();
        let worked = progress.ticking("tiny", || {
            while count() < 2 {
                thread::yield_now();
            }
            7
        });
        assert_eq!(worked, 7);
        let told = count();
        thread::sleep(TICK * 2);
        assert_eq!(count(), told);
        assert!(ticks.lock().unwrap().iter().all(|(model, _)| model == "tiny"));
    }

    #[test]
    fn a_listener_that_panics_at_a_tick_does_not_stop_the_work() {
        let asked = Arc::new(std::sync::Barrier::new(2));
        let heard = Arc::clone(&asked);
        let progress = Progress::new(move |_| {
            heard.wait();
            panic!("on purpose");
        });
        let done = progress.ticking("tiny", || {
            asked.wait();
            7
        });
        assert_eq!(done, 7);
    }
}
