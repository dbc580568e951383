//! One exchange over HTTP, and the runtime on its own thread that carries it.
//!
//! The runtime belongs to no test: a connection made by one `#[tokio::test]`'s runtime would die with it.
//! Redirects are followed by hand, because what a request may carry is decided anew at each hop: the token
//! goes to the host it is meant for and to no other (RELIABILITY, reqwest #2985).

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_RANGE, ETAG, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE,
    RETRY_AFTER,
};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::runtime::{Builder, Handle};

use super::{Effort, head, retry};
use crate::address::{self, is_allowed};
use crate::config::Token;
use crate::error::{Error, Result};
use crate::progress::{Progress, Step};
use crate::store::{Origin, Partial, Received};
use crate::time;

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
    ) -> Ended {
        let (answer, received) = mpsc::channel();
        let (clients, progress, model) = (self.clients.clone(), progress.clone(), model.to_owned());
        self.runtime.spawn(async move {
            let mut exchange =
                Exchange { clients, transfer, file, model, partial, progress, effort: Effort::default() };
            let received = exchange.persist().await;
            let Exchange { partial, effort, .. } = exchange;
            // The receiver waits below for as long as this task lives.
            let _ = answer.send(Ended { partial, effort, received });
        });
        match received.recv() {
            Ok(ended) => ended,
            // The partial went down with its task: a panic in a dependency.
            Err(_) => std::panic::resume_unwind(Box::new("cache-harness: the transfer's task panicked")),
        }
    }
}

/// A transfer that is over.
pub(super) struct Ended {
    pub(super) partial: Partial,
    pub(super) effort: Effort,
    pub(super) received: Result<Received>,
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
    effort: Effort,
}

/// How often who waits for a server says that it does.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);
/// Bytes that count as progress: whoever got as far begins to count attempts anew.
const PROGRESS: u64 = 1 << 20;

impl Exchange {
    /// Tries until the bytes are there, going on from what came before. What turns out wrong after going on is
    /// fetched once more from its first byte.
    async fn persist(&mut self) -> Result<Received> {
        let (mut attempt, mut reached) = (1, 0);
        let mut started_over = false;
        loop {
            let error = match self.once().await {
                Ok(received)
                    if received.digest != *self.partial.digest() && self.effort.resumes > 0 && !started_over =>
                {
                    self.partial.restart()?;
                    started_over = true;
                    continue;
                }
                Ok(received) => return Ok(received),
                Err(error) => error,
            };
            if self.partial.written() >= reached + PROGRESS {
                (attempt, reached) = (1, self.partial.written());
            }
            let Some(pause) = retry::pause(attempt, &error, fastrand::f64()) else { return Err(error) };
            let (model, file) = (&self.model, &self.file);
            self.progress.step(Step::Retry { model, file, pause, error: &error });
            self.wait(pause).await;
            attempt += 1;
            self.effort.retries += 1;
        }
    }

    /// Waits as a server asked, and shows those who wait for this process that it does.
    async fn wait(&self, pause: Duration) {
        let ends = Instant::now() + pause;
        while let Some(left) = ends.checked_duration_since(Instant::now()) {
            self.partial.stamp();
            tokio::time::sleep(left.min(SIGN_OF_LIFE)).await;
        }
    }

    async fn once(&mut self) -> Result<Received> {
        let there = self.partial.resume()?;
        if there > 0 && self.partial.size() == Some(there) {
            // Everything came before somebody was killed: the digest decides.
            self.effort.resumes += 1;
            return self.partial.finish();
        }
        let mut response = self.ask(there).await?;
        let url = public(response.url().as_str());
        let expected = self.check(&response, &url, there)?;
        let (model, file) = (&self.model, &self.file);
        self.progress.step(Step::Begin { model, file, bytes: expected, there: self.partial.written() });
        loop {
            let chunk = tokio::time::timeout(self.transfer.patience, response.chunk()).await;
            let stalled = |_| broken(&url, format!("no byte arrived for {} s", self.transfer.patience.as_secs()));
            let Some(chunk) = chunk.map_err(stalled)?.map_err(|error| broken(&url, chain(&error)))? else { break };
            self.partial.write(&chunk)?;
            self.effort.bytes += chunk.len() as u64;
            let written = self.partial.written();
            if written > self.partial.limit() {
                let error = self.too_many(written, &url);
                self.partial.restart()?;
                return Err(error);
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

    /// The response that is no redirect, to a request for all bytes from `there` on.
    async fn ask(&self, there: u64) -> Result<Response> {
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
            if there > 0 {
                request = request.header(RANGE, format!("bytes={there}-"));
                // Another address offers the same bytes, or the digest will tell.
                let origin = self.partial.origin().filter(|origin| origin.url == public(first.as_str()));
                if let Some(validator) = origin.and_then(|origin| origin.validator) {
                    request = request.header(IF_RANGE, validator);
                }
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

    /// Judges the head of a response, and makes the partial ready for its body; returns how many bytes the file
    /// will have, if that is known.
    fn check(&mut self, response: &Response, url: &str, there: u64) -> Result<Option<u64>> {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let status = response.status();
        if status == StatusCode::RANGE_NOT_SATISFIABLE && there > 0 {
            self.partial.restart()?;
            return Err(broken(url, format!("there is nothing from byte {there} on; starting over")));
        }
        let goes_on = status == StatusCode::PARTIAL_CONTENT && there > 0;
        if status != StatusCode::OK && !goes_on {
            let retry_after = header(RETRY_AFTER).and_then(|text| head::retry_after(text, time::now()));
            return Err(Error::Status { url: url.to_owned(), status: status.as_u16(), retry_after });
        }
        if let Some(encoding) = header(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
            let reason = format!("the answer is encoded as `{encoding}`, though identity was asked for");
            return Err(Error::Refused { url: url.to_owned(), reason });
        }
        let announced = if goes_on {
            let range = header(CONTENT_RANGE).and_then(head::content_range);
            let Some(range) = range.filter(|range| range.first == there) else {
                self.partial.restart()?;
                return Err(broken(url, format!("the answer is not the part from byte {there} on; starting over")));
            };
            self.effort.resumes += 1;
            range.total
        } else {
            self.partial.restart()?;
            response.content_length()
        };
        match (announced, self.partial.size()) {
            (Some(actual), Some(expected)) if actual != expected => return Err(self.wrong_size(actual, expected, url)),
            (Some(actual), None) if actual > self.partial.limit() => return Err(self.too_many(actual, url)),
            _ => {}
        }
        if !goes_on {
            let strong = header(ETAG).filter(|etag| !etag.starts_with("W/"));
            let validator = strong.or_else(|| header(LAST_MODIFIED)).map(ToOwned::to_owned);
            self.partial.set_origin(&Origin::new(public(&self.transfer.url), validator))?;
        }
        Ok(self.partial.size().or(announced))
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
