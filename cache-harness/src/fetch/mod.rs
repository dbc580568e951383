//! Filling a partial from the first source that has the pinned bytes.
//!
//! Of the store this module knows only [`Partial`]. Each source is tried in the order of the catalog; what a
//! source sends is hashed on the way and published only if it is what was pinned, so no source has to be
//! trusted. The HTTP client and its runtime are made at the first transfer: a hit never pays for them.

mod clients;
mod head;
mod http;
mod local;
mod retry;
mod trust;

use std::path::PathBuf;
use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::address::{self, PlainHttp};
use crate::catalog::{self, Declared};
use crate::config::{Config, Named, Token};
use crate::error::{Credential, Error, Result};
use crate::model::FilePath;
use crate::pins::{PinnedFile, Pins};
use crate::progress::{Progress, Step};
use crate::store::{Memo, Partial, Received};

/// Where the bytes of one file can be had.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Url(Address),
    Path(PathBuf),
}

/// An address to ask, and what a request to it may do.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) url: String,
    pub(crate) keeper: Keeper,
    /// Never beside [`PlainHttp::Anywhere`].
    pub(crate) token: Option<Token>,
    /// For `url` and each redirect.
    pub(crate) plain_http: PlainHttp,
}

/// Whom an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// The Hub.
    Hub,
    /// A mirror of all models: that it lacks a file is no failure.
    Mirror,
    /// Whoever the catalog names.
    Other,
}

impl Address {
    fn of_hub(url: String, token: Option<Token>) -> Self {
        Self { url, keeper: Keeper::Hub, token, plain_http: PlainHttp::Loopback }
    }

    /// Whoever wrote the template chose its scheme, and no redirect leads to a weaker one.
    fn of_mirror(url: String) -> Self {
        Self { url, keeper: Keeper::Mirror, token: None, plain_http: PlainHttp::Anywhere }
    }

    fn of_other(url: &str, plain_http: PlainHttp) -> Self {
        Self { url: url.to_owned(), keeper: Keeper::Other, token: None, plain_http }
    }

    /// What a failure comes to here, now that it is final.
    fn told(&self, error: Error) -> Error {
        match (self.keeper, error) {
            (Keeper::Mirror, Error::Status { url, status: 404 | 410, .. }) => Error::NotMirrored { url },
            // Not where the Hub redirects to: what a storage refuses has nothing to do with the token.
            (Keeper::Hub, Error::Status { url, status: status @ (401 | 403 | 404 | 410), .. })
                if address::same_origin(&self.url, &url) =>
            {
                let token = if self.token.is_some() { Credential::Shown } else { Credential::Missing };
                Error::Hub { url, status, token }
            }
            (_, error) => error,
        }
    }
}

impl Source {
    /// Whether it can only be had over the network.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::Url(_))
    }

    /// The sources of one file of a model, in the order they are tried.
    ///
    /// A Hub file is asked for by commit: a full pin needs neither an API call nor a HEAD request.
    pub(crate) fn of(declared: &Declared, pins: &Pins, file: &PinnedFile, config: &Config) -> Vec<Self> {
        let path = file.path.as_str();
        let mirrors = |hub| {
            let named = Named { sha256: &file.sha256, path, hub };
            let urls = config.mirrors.value.iter().filter_map(move |mirror| mirror.address(named));
            urls.map(|url| Self::Url(Address::of_mirror(url)))
        };
        match &declared.source {
            catalog::Source::Hub { repo, revision, .. } => {
                let commit = pins.commit.as_deref().unwrap_or(revision);
                let (endpoint, path) = (&config.endpoint.value, address::encode_path(path));
                let url = format!("{endpoint}/{repo}/resolve/{commit}/{path}");
                mirrors(Some((repo, commit))).chain([Self::Url(Address::of_hub(url, config.token.clone()))]).collect()
            }
            catalog::Source::Urls(urls) => {
                let address = |url: &String| Self::Url(Address::of_other(url, declared.plain_http));
                mirrors(None).chain(urls.iter().map(address)).collect()
            }
            // It is here: no mirror is nearer.
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
        let mut effort = Effort::default();
        let memo = self.try_sources(job, partial, progress, &mut effort);
        Fetched { memo, effort }
    }

    fn try_sources(&self, job: Job<'_>, partial: Partial, progress: &Progress, effort: &mut Effort) -> Result<Memo> {
        let mut attempts = Vec::new();
        let mut slot = Some(partial);
        for source in job.sources {
            let Some(mut partial) = slot.take() else { break };
            let (label, received) = match source {
                Source::Path(path) => {
                    let received = local::read(path, &mut partial).inspect(|received| effort.bytes += received.size);
                    (format!("`{}`", path.display()), received)
                }
                Source::Url(address) => {
                    let ended = self.transfer(job, address, partial, progress)?;
                    partial = ended.partial;
                    *effort += ended.effort;
                    (http::public(&address.url), ended.received.map_err(|error| address.told(error)))
                }
            };
            let error = match received {
                Ok(received) if received.digest == *partial.digest() => return partial.commit(received),
                Ok(received) => {
                    // The next source must not go on from these.
                    partial.restart()?;
                    partial.mismatch(received, job.file.as_str(), &label)
                }
                Err(error) => error,
            };
            if !matches!(error, Error::NotMirrored { .. }) {
                progress.step(Step::SourceFailed { model: job.model, file: job.file.as_str(), error: &error });
            }
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
        // Nothing is known of these bytes yet, so that nobody on the way may choose them.
        let address = Address::of_other(url, PlainHttp::Loopback);
        let ended = self.transfer(job, &address, draft, progress)?;
        ended.received.map(|received| (ended.partial, received))
    }

    fn transfer(&self, job: Job<'_>, address: &Address, partial: Partial, progress: &Progress) -> Result<http::Ended> {
        let line = self.line.get_or_try_init(http::Line::open)?;
        let transfer = http::Transfer { address: address.clone(), patience: job.patience };
        Ok(line.run(transfer, partial, job.file.to_string(), job.model, progress))
    }
}
