//! One exchange over HTTP, and the runtime on its own thread that carries it.
//!
//! The runtime belongs to no test: a connection made by one `#[tokio::test]`'s runtime would die with it.
//! Redirects are followed by hand, because what a request may carry is decided anew at each hop: the token
//! goes to the host it is meant for and to no other (RELIABILITY, reqwest #2985).

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::runtime::{Builder, Handle};

use super::retry;
use crate::address::{self, is_allowed};
use crate::config::Token;
use crate::error::{Error, Result};
use crate::progress::{Progress, Step};
use crate::store::{Partial, Received};

const REDIRECTS: usize = 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The HTTP client and the thread that its connections live on.
#[derive(Debug)]
pub(super) struct Line {
    runtime: Handle,
    clients: Clients,
}

/// Plain HTTP is for this machine, so it must not take the way over a proxy: that would hand the token to another
/// machine in the clear.
#[derive(Debug, Clone)]
struct Clients {
    https: Client,
    http: Client,
}

/// What to ask for.
#[derive(Debug, Clone)]
pub(super) struct Transfer {
    pub(super) url: String,
    pub(super) token: Option<Token>,
    pub(super) patience: Duration,
}

impl Line {
    pub(super) fn open() -> Result<Self> {
        let failed = |message: String| Error::Transport { url: "the HTTP client".to_owned(), message };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(error.to_string()))?;
        let handle = runtime.handle().clone();
        let thread = std::thread::Builder::new().name("cache-harness fetch".to_owned());
        thread
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .map_err(|error| failed(error.to_string()))?;
        let clients = Clients::new().map_err(failed)?;
        Ok(Self { runtime: handle, clients })
    }

    /// Fills the partial from one URL, trying again as often as [`retry`] allows. The caller's thread waits;
    /// a runtime it may be in is not used.
    pub(super) fn run(
        &self,
        transfer: Transfer,
        partial: Partial,
        file: String,
        model: &str,
        progress: &Progress,
    ) -> (Partial, u32, Result<Received>) {
        let (answer, received) = mpsc::channel();
        let (clients, steps, model) = (self.clients.clone(), progress.clone(), model.to_owned());
        self.runtime.spawn(async move {
            let mut exchange = Exchange { clients, transfer, file, model, partial, progress: steps };
            let (retries, result) = exchange.persist().await;
            // The receiver waits below for as long as this task lives.
            let _ = answer.send((exchange.partial, retries, result));
        });
        match received.recv() {
            Ok(answer) => answer,
            // The partial went down with its task: a panic in a dependency.
            Err(_) => std::panic::resume_unwind(Box::new("cache-harness: the transfer's task panicked")),
        }
    }
}

impl Clients {
    fn new() -> Result<Self, String> {
        use rustls_platform_verifier::BuilderVerifierExt as _;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(rustls::ConfigBuilder::with_platform_verifier)
            .map_err(|error| error.to_string())?
            .with_no_client_auth();
        let builder = || {
            Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .user_agent(concat!("cache-harness/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
        };
        let https = builder().build().map_err(|error| chain(&error))?;
        let http = builder().no_proxy().build().map_err(|error| chain(&error))?;
        Ok(Self { https, http })
    }

    fn of(&self, url: &Url) -> &Client {
        if url.scheme() == "https" { &self.https } else { &self.http }
    }
}

struct Exchange {
    clients: Clients,
    transfer: Transfer,
    file: String,
    model: String,
    partial: Partial,
    progress: Progress,
}

impl Exchange {
    async fn persist(&mut self) -> (u32, Result<Received>) {
        let mut attempt = 1;
        loop {
            let error = match self.once().await {
                Ok(received) => return (attempt - 1, Ok(received)),
                Err(error) => error,
            };
            let Some(pause) = retry::pause(attempt, &error, fastrand::f64()) else {
                return (attempt - 1, Err(error));
            };
            let (model, file) = (&self.model, &self.file);
            self.progress.step(Step::Retry { model, file, pause, error: &error });
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn once(&mut self) -> Result<Received> {
        let mut response = self.ask().await?;
        let url = public(response.url().as_str());
        let expected = self.check(&response, &url)?;
        self.partial.restart()?;
        let (model, file) = (&self.model, &self.file);
        self.progress.step(Step::Begin { model, file, bytes: expected });
        loop {
            let chunk = tokio::time::timeout(self.transfer.patience, response.chunk()).await;
            let stalled = |_| broken(&url, format!("no byte arrived for {} s", self.transfer.patience.as_secs()));
            let Some(chunk) = chunk.map_err(stalled)?.map_err(|error| broken(&url, chain(&error)))? else { break };
            self.partial.write(&chunk)?;
            let written = self.partial.written();
            if written > self.partial.limit() {
                return Err(self.too_many(written, &url));
            }
            self.progress.step(Step::Bytes { model, file, done: written });
        }
        let written = self.partial.written();
        match expected {
            Some(expected) if written < expected => {
                Err(broken(&url, format!("the body ended after {written} of {expected} bytes")))
            }
            _ => self.partial.finish(),
        }
    }

    /// The response that is no redirect.
    async fn ask(&self) -> Result<Response> {
        let refused = |url: &str, reason: String| Error::Refused { url: public(url), reason };
        let parse = |url: &str| Url::parse(url).map_err(|error| refused(url, error.to_string()));
        let first = parse(&self.transfer.url)?;
        let mut url = first.clone();
        for _ in 0..=REDIRECTS {
            is_allowed(url.as_str()).map_err(|reason| refused(url.as_str(), reason))?;
            if first.scheme() == "https" && url.scheme() != "https" {
                return Err(refused(url.as_str(), "a redirect may not leave https".to_owned()));
            }
            // No compression: it would hide lengths and ranges.
            let mut request = self.clients.of(&url).get(url.clone()).header(ACCEPT_ENCODING, "identity");
            if let Some(token) = self.transfer.token.as_ref().filter(|_| url.origin() == first.origin()) {
                request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
            }
            let name = public(url.as_str());
            let waiting = tokio::time::timeout(self.transfer.patience, request.send()).await;
            let response = waiting
                .map_err(|_| broken(&name, format!("no answer for {} s", self.transfer.patience.as_secs())))?
                .map_err(|error| broken(&name, chain(&error)))?;
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            match location {
                Some(location) if response.status().is_redirection() => {
                    url = url.join(location).map_err(|error| refused(location, error.to_string()))?;
                }
                _ => return Ok(response),
            }
        }
        Err(refused(url.as_str(), format!("more than {REDIRECTS} redirects")))
    }

    /// Judges the head of a response; returns how many bytes will come, if that is known.
    fn check(&self, response: &Response, url: &str) -> Result<Option<u64>> {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        if response.status() != StatusCode::OK {
            let retry_after = header(RETRY_AFTER).and_then(retry_after);
            return Err(Error::Status { url: url.to_owned(), status: response.status().as_u16(), retry_after });
        }
        if let Some(encoding) = header(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
            return Err(broken(url, format!("the answer is encoded as `{encoding}`, though identity was asked for")));
        }
        let announced = response.content_length();
        match (announced, self.partial.size()) {
            (Some(actual), Some(expected)) if actual != expected => Err(self.wrong_size(actual, expected, url)),
            (Some(actual), None) if actual > self.partial.limit() => Err(self.too_many(actual, url)),
            (announced, pinned) => Ok(pinned.or(announced)),
        }
    }

    fn too_many(&self, actual: u64, url: &str) -> Error {
        match self.partial.size() {
            Some(expected) => self.wrong_size(actual, expected, url),
            None => Error::OverBudget { model: self.model.clone(), bytes: actual, max_bytes: self.partial.limit() },
        }
    }

    fn wrong_size(&self, actual: u64, expected: u64, url: &str) -> Error {
        Error::SizeMismatch { file: self.file.clone(), origin: url.to_owned(), expected, actual }
    }
}

fn broken(url: &str, message: String) -> Error {
    Error::Transport { url: url.to_owned(), message }
}

/// The seconds form of RFC 9110, section 10.2.3.
fn retry_after(text: &str) -> Option<Duration> {
    text.trim().parse().map(Duration::from_secs).ok()
}

/// The error with its causes: reqwest's own text says only that sending failed.
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        let _ = write!(text, "{error}");
        cause = error.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

/// A URL as it may be shown: without user, password and query, which can carry a signature.
pub(super) fn public(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => address::public(url),
        Err(_) => "an address that cannot be read".to_owned(),
    }
}

/// A file's path as part of a URL.
pub(super) fn encode_path(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
        text
    })
}
