//! The runtime on its own thread that connections live on.
//!
//! It belongs to no test: a connection made by one `#[tokio::test]`'s runtime would die with it.

use std::future::Future;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};

use super::clients::Clients;
use super::host::Hosts;
use crate::error::{Error, Result};

/// The clients and the thread that they run on.
#[derive(Debug)]
pub(super) struct Line {
    runtime: Handle,
    clients: Arc<Clients>,
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
        Ok(Self { runtime: handle, clients: Arc::new(Clients::new(patience, hosts)) })
    }

    /// Runs what `work` makes of the clients. The caller's thread waits; a runtime it may be in is not used.
    pub(super) fn run<F>(&self, work: impl FnOnce(Arc<Clients>) -> F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (answer, received) = mpsc::channel();
        let work = work(Arc::clone(&self.clients));
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
