//! One budget of connections and requests per host, for all processes of this user.
//!
//! Below `<state dir>/hosts` each host has, by its key:
//! - `KEY.0`, `KEY.1`, …: a lock file per open connection, there as long as the connection;
//! - `KEY.queue`: held by the one who waits for the next free connection; the others wait for this lock. Whoever has
//!   a connection and wants one more sees by it that somebody waits, and goes without;
//! - `KEY.turn`: held by the one who asks, until the answer's head is there (see [`Pace::overlap`]);
//! - `KEY.state`: the [`Pace`], changed under its own lock, which is held for microseconds.
//!
//! The kernel frees what a killed process held. One that is only stopped is passed over after [`STUCK`] where it
//! stands in the way of others; its open connections stay counted.

mod lock;

use std::fmt::Write as _;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode, Url};

use self::lock::{Locks, Taken, Then};
use super::head;
use super::pace::{Grant, Pace, Told, Verdict};
use crate::digest::Sha256Digest;
use crate::time;

#[cfg(test)]
mod tests;

/// How often who waits says that it does.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);
/// A holder that does nothing for so long, though it could, is stopped.
const STUCK: Duration = Duration::from_secs(10);
/// Longer than anybody holds a state.
const BRIEF: Duration = Duration::from_secs(2);
/// How often who is not next looks at a host that pauses.
const GLANCE: Duration = Duration::from_millis(50);
/// More than so many requests left for each connection are as good as no limit.
const PLENTY: usize = 4;

/// The hosts that are asked; clones share everything.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    locks: Arc<Locks>,
    connections: usize,
}

/// One host, by scheme, name and port.
#[derive(Debug, Clone)]
pub(super) struct Host {
    locks: Arc<Locks>,
    connections: usize,
    key: String,
}

/// One of the host's connections; dropping it frees it.
#[derive(Debug)]
#[must_use = "the connection is free again when the guard is dropped"]
pub(super) struct Connection(#[expect(dead_code, reason = "a guard")] Taken);

impl Hosts {
    /// `folder` is shared by all processes. Without one, or if it cannot be used, the limits hold within this process.
    pub(super) fn new(folder: Option<PathBuf>, connections: usize) -> Self {
        Self { locks: Arc::new(Locks::new(folder)), connections: connections.max(1) }
    }

    pub(super) fn of(&self, url: &Url) -> Host {
        Host { locks: Arc::clone(&self.locks), connections: self.connections, key: key(url) }
    }
}

impl Host {
    /// Waits for one of the host's connections. `waiting` is called about twice a second meanwhile.
    pub(super) async fn connection(&self, waiting: impl FnMut()) -> Connection {
        let mut wait = Wait::new(waiting);
        let mut first = None;
        loop {
            first = first.or_else(|| self.try_take("queue"));
            if (first.is_some() || wait.started.elapsed() > STUCK)
                && let Some(slot) = self.slot()
            {
                return Connection(slot);
            }
            wait.poll().await;
        }
    }

    /// A further connection for a file that has one already: none while somebody waits for one, or the host limits
    /// requests.
    pub(super) fn further_connection(&self) -> Option<Connection> {
        let _first = self.try_take("queue")?;
        if self.peek().limits() {
            return None;
        }
        self.slot().map(Connection)
    }

    /// Waits until a request may be sent, sends it, and learns from the answer.
    ///
    /// # Errors
    ///
    /// The pause that the host wants, if that is more than `longest` from now; then nothing was sent.
    pub(super) async fn ask<F>(
        &self,
        longest: Duration,
        waiting: impl FnMut(),
        send: impl FnOnce() -> F,
    ) -> Result<reqwest::Result<Response>, Duration>
    where
        F: Future<Output = reqwest::Result<Response>>,
    {
        let mut wait = Wait::new(waiting);
        let (turn, grant, overlap) = self.granted(longest, &mut wait).await?;
        let mut sending = pin!(send());
        let answer = match turn {
            Some(turn) => {
                let early = tokio::time::timeout(overlap, sending.as_mut()).await;
                // What is learnt is noted before the next one asks, if the answer was that fast.
                if let Ok(answer) = early {
                    self.learn(grant, &answer, &mut wait).await;
                    return Ok(answer);
                }
                drop(turn);
                sending.await
            }
            None => sending.await,
        };
        self.learn(grant, &answer, &mut wait).await;
        Ok(answer)
    }

    /// Waits until the host may be asked; with the turn, unless the host is free, or who has it is stuck.
    async fn granted<W: FnMut()>(
        &self,
        longest: Duration,
        wait: &mut Wait<W>,
    ) -> Result<(Option<Taken>, Grant, Duration), Duration> {
        let mut turn = None;
        let (mut seen, mut moved) = (String::new(), Instant::now());
        loop {
            let text = self.locks.peek(&self.name("state"));
            let mut pace = Pace::read(&text, now());
            if pace.is_free() {
                return Ok((None, pace.grant(now()), Duration::ZERO));
            }
            let pause = pace.wait(now());
            if pause > longest {
                return Err(pause);
            }
            if text != seen || !pause.is_zero() {
                (seen, moved) = (text, Instant::now());
            }
            turn = turn.or_else(|| self.try_take("turn"));
            if turn.is_none() && moved.elapsed() < STUCK {
                wait.sleep(pause.min(GLANCE)).await;
                wait.poll().await;
            } else if !pause.is_zero() {
                wait.sleep(pause.min(SIGN_OF_LIFE)).await;
            } else if let Some((grant, overlap)) = self.change(wait, Self::try_grant).await {
                return Ok((turn, grant, overlap));
            }
        }
    }

    /// Looked at anew under the lock: a late answer may have taught something meanwhile.
    fn try_grant(pace: &mut Pace) -> Option<(Grant, Duration)> {
        let now = now();
        pace.wait(now).is_zero().then(|| (pace.grant(now), pace.overlap()))
    }

    async fn learn<W: FnMut()>(&self, grant: Grant, answer: &reqwest::Result<Response>, wait: &mut Wait<W>) {
        let Ok(response) = answer else { return };
        let (told, now) = (told(response.status(), response.headers()), now());
        let plenty = (PLENTY * self.connections) as u64;
        let mut pace = self.peek();
        if pace.is_free() {
            let before = pace.clone();
            pace.answered(grant, now, &told, plenty);
            // A free host whose answers are good costs no writing.
            if pace == before {
                return;
            }
        }
        self.change(wait, |pace| pace.answered(grant, now, &told, plenty)).await;
    }

    /// Changes the state that all processes see.
    async fn change<T, W: FnMut()>(&self, wait: &mut Wait<W>, change: impl FnOnce(&mut Pace) -> T) -> T {
        let name = self.name("state");
        let started = Instant::now();
        let mut taken = self.locks.try_take(&name, Then::Keep);
        while taken.is_none() && started.elapsed() < BRIEF {
            wait.sleep(Duration::from_millis(1)).await;
            taken = self.locks.try_take(&name, Then::Keep);
        }
        let text = taken.as_ref().map_or_else(|| self.locks.peek(&name), Taken::read);
        let mut pace = Pace::read(&text, now());
        let result = change(&mut pace);
        if let Some(taken) = taken {
            taken.write(pace.to_text());
        }
        result
    }

    fn peek(&self) -> Pace {
        Pace::read(&self.locks.peek(&self.name("state")), now())
    }

    fn slot(&self) -> Option<Taken> {
        (0..self.connections).find_map(|slot| self.try_take(&slot.to_string()))
    }

    fn try_take(&self, what: &str) -> Option<Taken> {
        self.locks.try_take(&self.name(what), Then::Remove)
    }

    fn name(&self, what: &str) -> String {
        format!("{}.{what}", self.key)
    }
}

/// Waiting, with a sign of life.
struct Wait<W> {
    started: Instant,
    signed: Instant,
    waiting: W,
}

impl<W: FnMut()> Wait<W> {
    fn new(waiting: W) -> Self {
        Self { started: Instant::now(), signed: Instant::now(), waiting }
    }

    /// The pause between two looks at a lock. The same for all, however long they waited: none overtakes the others
    /// for being new.
    async fn poll(&mut self) {
        self.sleep(Duration::from_micros(fastrand::u64(1000..8000))).await;
    }

    async fn sleep(&mut self, pause: Duration) {
        if self.signed.elapsed() >= SIGN_OF_LIFE {
            self.signed = Instant::now();
            (self.waiting)();
        }
        tokio::time::sleep(pause).await;
    }
}

/// The host's name, for who looks into the folder, and what tells it apart.
fn key(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let mut origin = format!("{}://{host}", url.scheme());
    // Writing to a text does not fail.
    let _ = write!(origin, ":{}", url.port_or_known_default().unwrap_or_default());
    let safe = |character: char| if character.is_ascii_alphanumeric() || character == '.' { character } else { '-' };
    let name: String = host.chars().map(safe).take(60).collect();
    format!("{name}-{}", Sha256Digest::of(origin.as_bytes()).short())
}

/// The hosts that want to be asked nothing now, by name, and for how long, from what the processes of a user noted
/// below `state_dir`.
#[cfg(feature = "cli")]
pub(crate) fn pauses(state_dir: &std::path::Path) -> Vec<(String, Duration)> {
    let paths = crate::fs::list(&state_dir.join("hosts")).unwrap_or_default();
    let pause = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".state")?;
        let (host, _digest) = name.rsplit_once('-')?;
        let pause = Pace::read(&crate::fs::read_text(path).ok()??, now()).wait(now());
        (!pause.is_zero()).then(|| (host.to_owned(), pause))
    };
    paths.iter().filter_map(pause).collect()
}

/// What an answer says about asking.
pub(super) fn told(status: StatusCode, headers: &HeaderMap) -> Told {
    let retry_after = head::asked_pause(headers);
    let allowance = head::allowance(headers);
    let reset = allowance.as_ref().filter(|allowance| allowance.remaining == 0).map(|allowance| allowance.reset);
    let verdict = match (status, retry_after) {
        (StatusCode::TOO_MANY_REQUESTS, _) => Verdict::TooMany(retry_after.max(reset)),
        (StatusCode::SERVICE_UNAVAILABLE, Some(pause)) => Verdict::Unavailable(pause),
        (status, _) if status.is_server_error() => Verdict::Silent,
        _ => Verdict::Dealt,
    };
    Told { verdict, allowance, policy: head::policy(headers) }
}

fn now() -> u64 {
    time::unix_micros(time::now()) / 1000
}
