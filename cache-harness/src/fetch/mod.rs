//! Filling a partial from the sources that have the pinned bytes.
//!
//! Of the store this module knows only [`Partial`]. Sources are tried in the order of the catalog; where one breaks off
//! the next goes on, and one that is slow gets company. What they send is hashed on the way and published only if it is
//! what was pinned, so no source has to be trusted. The HTTP client and its runtime are made at the first transfer: a
//! hit never pays for them.
//!
//! ```text
//! download   one file: which stream asks which source for what   plan  width  retry   (pure)
//!   part       one stream: judges an answer, hands on its bytes    filling            plan + partial
//!     exchange   one request along its redirects                   host               the budget of its host
//!       clients    the connections; line: their thread               pace  head         how often to ask, as told (pure)
//! ```
//!
//! A page of an API is a single [`exchange`] that is kept in memory: `page`. Of a `remote_file` only parts are read.

mod candidates;
mod clients;
mod download;
mod exchange;
mod filling;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod head;
mod host;
mod line;
mod local;
mod message;
mod pace;
#[cfg(feature = "cli")]
mod page;
mod part;
mod plan;
#[cfg(feature = "cli")]
mod remote_file;
mod retry;
mod source;
mod trust;
mod width;

use std::path::PathBuf;
use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::FilePath;
use crate::progress::{Progress, Step};
use crate::store::{Memo, Partial, Received};

#[cfg(feature = "cli")]
pub(crate) use host::pauses;
#[cfg(feature = "cli")]
pub(crate) use page::{Inquiry, Page, Refusal, Text};
#[cfg(feature = "cli")]
pub(crate) use remote_file::RemoteFile;
pub(crate) use source::{Address, Source};

/// One file to be fetched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) model: &'a str,
    pub(crate) file: &'a FilePath,
    pub(crate) sources: &'a [Source],
    /// For how long no byte may arrive before a transfer counts as broken.
    pub(crate) patience: Duration,
}

/// How a fetch ended.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The pinned bytes are published, or no source had them.
    pub(crate) memo: Result<Memo>,
    pub(crate) effort: Effort,
}

/// What a fetch took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Effort {
    /// How often an exchange was tried again.
    pub(crate) retries: u32,
    /// How often it went on from what was there.
    pub(crate) resumes: u32,
    /// Bytes that came.
    pub(crate) bytes: u64,
}

impl std::ops::AddAssign for Effort {
    fn add_assign(&mut self, other: Self) {
        self.retries += other.retries;
        self.resumes += other.resumes;
        self.bytes += other.bytes;
    }
}

/// Fetches files; makes its HTTP client when it first needs one.
#[derive(Debug)]
pub(crate) struct Fetcher {
    line: OnceCell<line::Line>,
    /// Where processes agree on what they ask of a host.
    hosts: PathBuf,
    /// The most connections to one host.
    connections: usize,
}

/// A file that came, not yet published.
pub(crate) struct Brought {
    /// The verified partial, or no source had its bytes.
    pub(crate) partial: Result<(Partial, Received)>,
    pub(crate) effort: Effort,
}

impl Fetcher {
    pub(crate) fn new(config: &Config) -> Self {
        let hosts = config.state_dir.join("hosts");
        Self { line: OnceCell::new(), hosts, connections: config.connections.value.get() }
    }

    /// Fills and publishes the partial from the job's sources.
    ///
    /// It fails with [`Error::SourcesFailed`] with what each source failed with; at once what fails on our own disk.
    pub(crate) fn fill(&self, job: Job<'_>, partial: Partial, progress: &Progress) -> Fetched {
        let Brought { partial, effort } = self.bring(job, partial, progress);
        let memo = partial.and_then(|(partial, received)| partial.commit(received));
        Fetched { memo, effort }
    }

    /// Fills the partial from the job's sources, and verifies it; fails as [`fill`](Self::fill) does.
    pub(crate) fn bring(&self, job: Job<'_>, partial: Partial, progress: &Progress) -> Brought {
        let mut effort = Effort::default();
        let partial = self.try_sources(job, partial, progress, &mut effort);
        Brought { partial, effort }
    }

    fn try_sources(
        &self,
        job: Job<'_>,
        partial: Partial,
        progress: &Progress,
        effort: &mut Effort,
    ) -> Result<(Partial, Received)> {
        let mut attempts = Vec::new();
        let mut slot = Some(partial);
        for sources in job.sources.chunk_by(|one, next| one.is_remote() && next.is_remote()) {
            let Some(mut partial) = slot.take() else { break };
            if let Some(Source::Path(path)) = sources.first() {
                let received = local::read(path, &mut partial)?;
                effort.bytes += received.size;
                if partial.wants(&received.digest) {
                    return Ok((partial, received));
                }
                // The next source must not go on from these.
                partial.restart()?;
                let error = partial.mismatch(received, job.file.as_str(), &format!("`{}`", path.display()));
                progress.step(Step::SourceFailed { model: job.model, file: job.file.as_str(), error: &error });
                attempts.push(error);
                slot = Some(partial);
                continue;
            }
            let fetched = self.download(job, sources, partial, progress)?;
            *effort += fetched.effort;
            match (fetched.partial, fetched.received) {
                (Some(partial), Ok(received)) => return Ok((partial, received)),
                (partial, received) => {
                    attempts.extend(received.err().into_iter().flatten());
                    slot = partial;
                }
            }
        }
        if let [Error::OverBudget { .. }] = attempts.as_slice() {
            return Err(attempts.remove(0));
        }
        Err(Error::SourcesFailed { model: job.model.to_owned(), file: job.file.to_string(), attempts })
    }

    fn download(
        &self,
        job: Job<'_>,
        sources: &[Source],
        partial: Partial,
        progress: &Progress,
    ) -> Result<download::Fetched> {
        let address = |source: &Source| match source {
            Source::Url(address) => Some(address.clone()),
            Source::Path(_) => None,
        };
        let addresses: Vec<_> = sources.iter().filter_map(address).collect();
        let line = self.line(job.patience)?;
        let filling = filling::Filling::new(partial, job.model, job.file.as_str(), progress, addresses.len())?;
        line.run(|clients| download::Download::new(clients, filling, &addresses, self.connections).run())
    }

    /// Reads a page of an API; `patience` is for how long no byte may arrive.
    ///
    /// # Errors
    ///
    /// No answer however often it is asked, one that tells nothing about the page, or more bytes than it may have.
    #[cfg(feature = "cli")]
    pub(crate) fn read(&self, inquiry: Inquiry, patience: Duration, progress: &Progress) -> Result<Page> {
        let progress = progress.clone();
        self.line(patience)?.run(|clients| inquiry.run(clients, progress))
    }

    /// The file of the job, of `size` bytes, to be read in parts from where it is. What fails is in the
    /// [`io::Error`](std::io::Error) as an [`Error`].
    #[cfg(feature = "cli")]
    pub(crate) fn open<'a>(&'a self, job: Job<'a>, size: u64, progress: &'a Progress) -> Result<RemoteFile<'a>> {
        Ok(RemoteFile::new(self.line(job.patience)?, job, size, progress))
    }

    fn line(&self, patience: Duration) -> Result<&line::Line> {
        self.line.get_or_try_init(|| {
            let hosts = host::Hosts::new(Some(self.hosts.clone()), self.connections);
            line::Line::open(patience, hosts)
        })
    }
}
