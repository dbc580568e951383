//! The HTTP client, and the runtime on its own thread that its connections live on.
//!
//! The runtime belongs to no test: a connection made by one `#[tokio::test]`'s runtime would die with it.

use std::future::Future;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use reqwest::{Client, Url};
use tokio::runtime::{Builder, Handle};

use super::host::Hosts;
use super::message;
use crate::error::{Error, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The clients and the thread that they run on.
#[derive(Debug)]
pub(super) struct Line {
    runtime: Handle,
    clients: Clients,
}

/// Plain HTTP is for this machine, so it must not take the way over a proxy: that would hand the token to another
/// machine in the clear.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    https: Client,
    http: Client,
    pub(super) hosts: Hosts,
}

impl Line {
    /// Whoever waits for a byte for longer than `patience` gets an error.
    pub(super) fn open(patience: Duration, hosts: Hosts) -> Result<Self> {
        let failed = |message: String| Error::Transport { url: "the HTTP client".to_owned(), message };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(error.to_string()))?;
        let handle = runtime.handle().clone();
        let thread = std::thread::Builder::new().name("cache-harness fetch".to_owned());
        thread
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .map_err(|error| failed(error.to_string()))?;
        let clients = Clients::new(patience, hosts).map_err(failed)?;
        Ok(Self { runtime: handle, clients })
    }

    /// Runs what `work` makes of the clients. The caller's thread waits; a runtime it may be in is not used.
    pub(super) fn run<F>(&self, work: impl FnOnce(Clients) -> F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (answer, received) = mpsc::channel();
        let work = work(self.clients.clone());
        self.runtime.spawn(async move {
            // The receiver waits below for as long as this task lives.
            let _ = answer.send(work.await);
        });
        match received.recv() {
            Ok(ended) => ended,
            // What it worked on went down with its task: a panic in a dependency.
            Err(_) => std::panic::resume_unwind(Box::new("cache-harness: the transfer's task panicked")),
        }
    }
}

impl Clients {
    fn new(patience: Duration, hosts: Hosts) -> Result<Self, String> {
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
                .read_timeout(patience)
        };
        let https = builder().build().map_err(|error| message::chain(&error))?;
        let http = builder().no_proxy().build().map_err(|error| message::chain(&error))?;
        Ok(Self { https, http, hosts })
    }

    pub(super) fn of(&self, url: &Url) -> &Client {
        if url.scheme() == "https" { &self.https } else { &self.http }
    }
}
