//! Which way a request takes.
//!
//! What goes to this machine in the clear never takes the way over a proxy: that would hand the token to another
//! machine. All else honours the proxies that the system's variables name (`HTTPS_PROXY`, `HTTP_PROXY`,
//! `ALL_PROXY`, `NO_PROXY`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use once_cell::sync::OnceCell;
use reqwest::{Client, ClientBuilder, Url};
use rustls::ClientConfig;

use super::host::Hosts;
use super::trust;
use crate::address;
use crate::error::{Error, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a host that took no connection comes after the others.
const SHUNNED: Duration = Duration::from_secs(30);

/// What a proxy's answer 407 to CONNECT is called; its type is hyper-util's own secret.
const WRONG_LOGIN: &str = "proxy authorization required";

/// The HTTP clients, each made when it is first needed.
#[derive(Debug)]
pub(super) struct Clients {
    proxied: OnceCell<Client>,
    direct: OnceCell<Client>,
    /// How long a byte may take.
    pub(super) patience: Duration,
    pub(super) hosts: Hosts,
    /// Until when hosts that took no connection come last.
    unreachable: Mutex<BTreeMap<Origin, Instant>>,
}

impl Clients {
    pub(super) fn new(patience: Duration, hosts: Hosts) -> Self {
        Self { proxied: OnceCell::new(), direct: OnceCell::new(), patience, hosts, unreachable: Mutex::default() }
    }

    /// The client to ask `url` with.
    pub(super) fn of(&self, url: &Url) -> Result<&Client> {
        let name = address::public(url.clone());
        if url.scheme() == "http" && address::is_loopback(url) {
            self.direct.get_or_try_init(|| self.build(&name, trust::nobody(&name)?, ClientBuilder::no_proxy))
        } else {
            self.proxied.get_or_try_init(|| self.build(&name, trust::system(&name)?, |builder| builder))
        }
    }

    fn build(&self, url: &str, tls: ClientConfig, way: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Result<Client> {
        let builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("cache-harness/", env!("CARGO_PKG_VERSION")))
            // Followed by hand, hop by hop.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(self.patience);
        way(builder).build().map_err(|error| Error::Transport { url: url.to_owned(), message: chain(&error) })
    }

    /// Why a request to `url`, or the answer to it, came to nothing.
    pub(super) fn failed(&self, url: &Url, error: &reqwest::Error) -> Error {
        if error.is_connect() {
            self.unreachable().insert(origin(url), Instant::now() + SHUNNED);
        }
        let message = if error.is_timeout() && !error.is_connect() {
            format!("no byte arrived for {} s", self.patience.as_secs())
        } else {
            chain(error)
        };
        let url = address::public(url.clone());
        if message.contains(WRONG_LOGIN) {
            // Once and no more: a company's account is locked after a few wrong passwords.
            let reason = "the proxy in HTTPS_PROXY or ALL_PROXY wants another user or password".to_owned();
            return Error::Refused { url, reason };
        }
        trust::distrusted(&url, &message, error).unwrap_or(Error::Transport { url, message })
    }

    /// Until when `url` should come last, because its host took no connection.
    pub(super) fn unreachable_until(&self, url: &str) -> Option<Instant> {
        self.unreachable().get(&origin(&url.parse().ok()?)).copied()
    }

    fn unreachable(&self) -> MutexGuard<'_, BTreeMap<Origin, Instant>> {
        self.unreachable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Scheme, host and port.
type Origin = String;

fn origin(url: &Url) -> Origin {
    url.origin().ascii_serialization()
}

/// The error's causes: reqwest's own text says only that sending failed, and the next ones where in the client.
fn chain(error: &reqwest::Error) -> String {
    const PLACES: [&str; 3] =
        ["client error (", "request or response body error", "error reading a body from connection"];
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let before = text.len();
        let _ = write!(text, "{}{error}", if text.is_empty() { "" } else { ": " });
        cause = error.source();
        if cause.is_some() && PLACES.iter().any(|place| text[before..].trim_start_matches(": ").starts_with(place)) {
            text.truncate(before);
        }
    }
    if text.is_empty() { error.to_string() } else { text }
}
