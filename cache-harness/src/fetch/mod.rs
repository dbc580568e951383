//! Filling a partial from the first source that has the pinned bytes.
//!
//! Of the store this module knows only [`Partial`]. Each source is tried in the order of the catalog; what a
//! source sends is hashed on the way and published only if it is what was pinned, so no source has to be
//! trusted. The HTTP client and its runtime are made at the first transfer: a hit never pays for them.

mod head;
mod http;
mod local;
mod retry;

use std::path::PathBuf;
use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::catalog::{self, Declared};
use crate::config::{Config, Token};
use crate::error::{Error, Result};
use crate::model::FilePath;
use crate::pins::{PinnedFile, Pins};
use crate::progress::{Progress, Step};
use crate::store::{Memo, Partial, Received};

/// Where the bytes of one file can be had.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Url { url: String, token: Option<Token> },
    Path(PathBuf),
}

impl Source {
    /// Whether it can only be had over the network.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::Url { .. })
    }

    /// The sources of one file of a model, in the order they are tried; for a model that is unpacked, of its archive.
    ///
    /// A Hub file is asked for by commit: a full pin needs neither an API call nor a HEAD request.
    pub(crate) fn of(declared: &Declared, pins: &Pins, file: &PinnedFile, config: &Config) -> Vec<Self> {
        match &declared.source {
            catalog::Source::Hub { repo, revision, .. } => {
                let commit = pins.commit.as_deref().unwrap_or(revision);
                let (endpoint, path) = (&config.endpoint.value, http::encode_path(file.path.as_str()));
                let url = format!("{endpoint}/{repo}/resolve/{commit}/{path}");
                vec![Self::Url { url, token: config.token.clone() }]
            }
            catalog::Source::Urls(urls) | catalog::Source::Archive { urls, .. } => {
                urls.iter().map(|url| Self::Url { url: url.clone(), token: None }).collect()
            }
            catalog::Source::Path(path, _) if path.is_dir() => vec![Self::Path(file.path.below(path))],
            catalog::Source::Path(path, _) => vec![Self::Path(path.clone())],
        }
    }
}

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

/// How a fetch ended whose bytes are not published.
#[derive(Debug)]
pub(crate) struct Brought {
    /// A partial that holds the pinned bytes, or why no source had them.
    pub(crate) partial: Result<(Partial, Received)>,
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
#[derive(Debug, Default)]
pub(crate) struct Fetcher {
    line: OnceCell<http::Line>,
}

impl Fetcher {
    /// Fills and publishes the partial from the first of the job's sources that has the bytes.
    ///
    /// It fails with [`Error::SourcesFailed`] with what each source failed with; at once what fails on our own disk.
    pub(crate) fn fill(&self, job: Job<'_>, partial: Partial, progress: &Progress) -> Fetched {
        let Brought { partial, effort } = self.bring(job, partial, progress);
        Fetched { memo: partial.and_then(|(partial, received)| partial.commit(received)), effort }
    }

    /// The same, but hands the verified partial back instead of publishing it.
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
        for source in job.sources {
            let Some(mut partial) = slot.take() else { break };
            let label = match source {
                Source::Url { url, .. } => http::public(url),
                Source::Path(path) => format!("`{}`", path.display()),
            };
            let received = match source {
                Source::Path(path) => local::read(path, &mut partial).inspect(|received| effort.bytes += received.size),
                Source::Url { url, token } => {
                    let ended = self.transfer(job, url, token.as_ref(), partial, progress)?;
                    partial = ended.partial;
                    *effort += ended.effort;
                    ended.received
                }
            };
            let error = match received {
                Ok(received) if received.digest == *partial.digest() => return Ok((partial, received)),
                Ok(received) => {
                    // The next source must not go on from these.
                    partial.restart()?;
                    partial.mismatch(received, job.file.as_str(), &label)
                }
                Err(error) => error,
            };
            progress.step(Step::SourceFailed { model: job.model, file: job.file.as_str(), error: &error });
            // What fails on our own disk fails from every source.
            if matches!(error, Error::Io { .. } | Error::OverBudget { .. }) {
                return Err(error);
            }
            attempts.push(error);
            slot = Some(partial);
        }
        Err(Error::SourcesFailed { model: job.model.to_owned(), file: job.file.to_string(), attempts })
    }

    /// Takes whatever bytes `url` sends: for pinning, which comes before there is anything to compare with.
    #[cfg(feature = "cli")]
    pub(crate) fn take(
        &self,
        job: Job<'_>,
        url: &str,
        draft: Partial,
        progress: &Progress,
    ) -> Result<(Partial, Received)> {
        let ended = self.transfer(job, url, None, draft, progress)?;
        ended.received.map(|received| (ended.partial, received))
    }

    fn transfer(
        &self,
        job: Job<'_>,
        url: &str,
        token: Option<&Token>,
        partial: Partial,
        progress: &Progress,
    ) -> Result<http::Ended> {
        let line = self.line.get_or_try_init(http::Line::open)?;
        let transfer = http::Transfer { url: url.to_owned(), token: token.cloned(), patience: job.patience };
        Ok(line.run(transfer, partial, job.file.to_string(), job.model, progress))
    }
}
