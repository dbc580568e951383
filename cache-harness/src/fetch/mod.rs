//! Filling a partial from the first source that has the pinned bytes.
//!
//! Of the store this module knows only [`Partial`]. Each source is tried in the order of the catalog; what a
//! source sends is hashed on the way and published only if it is what was pinned, so no source has to be
//! trusted. The HTTP client and its runtime are made at the first transfer: a hit never pays for them.

mod head;
mod http;
mod local;
mod retry;

use std::path::{Path, PathBuf};
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
    /// A mirror of all models; that it lacks a file is no failure.
    Mirror {
        url: String,
    },
    /// The Hub.
    Hub {
        url: String,
        token: Option<Token>,
    },
    /// An address of the catalog.
    Url {
        url: String,
        plain_http: PlainHttp,
    },
    Path(PathBuf),
}

/// Where a source is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At<'a> {
    Line(Link<'a>),
    Disk(&'a Path),
}

/// An address, and what a request to it may do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link<'a> {
    pub(crate) url: &'a str,
    /// For the origin of `url` alone.
    pub(crate) token: Option<&'a Token>,
    /// For `url` and every redirect.
    pub(crate) plain_http: PlainHttp,
}

impl Source {
    /// Whether it can only be had over the network.
    pub(crate) fn is_remote(&self) -> bool {
        !matches!(self, Self::Path(_))
    }

    pub(crate) fn at(&self) -> At<'_> {
        let (url, token, plain_http) = match self {
            // Whoever wrote the template chose its scheme, and no redirect leads to a weaker one.
            Self::Mirror { url } => (url, None, PlainHttp::Anywhere),
            Self::Hub { url, token } => (url, token.as_ref(), PlainHttp::Loopback),
            Self::Url { url, plain_http } => (url, None, *plain_http),
            Self::Path(path) => return At::Disk(path),
        };
        At::Line(Link { url, token, plain_http })
    }

    /// The sources of one file of a model, in the order they are tried.
    ///
    /// A Hub file is asked for by commit: a full pin needs neither an API call nor a HEAD request.
    pub(crate) fn of(declared: &Declared, pins: &Pins, file: &PinnedFile, config: &Config) -> Vec<Self> {
        let path = file.path.as_str();
        let mirrors = |hub| {
            let named = Named { sha256: &file.sha256, path, hub };
            let urls = config.mirrors.value.iter().filter_map(move |mirror| mirror.address(named));
            urls.map(|url| Self::Mirror { url })
        };
        match &declared.source {
            catalog::Source::Hub { repo, revision, .. } => {
                let commit = pins.commit.as_deref().unwrap_or(revision);
                let (endpoint, path) = (&config.endpoint.value, address::encode_path(path));
                let url = format!("{endpoint}/{repo}/resolve/{commit}/{path}");
                mirrors(Some((repo, commit))).chain([Self::Hub { url, token: config.token.clone() }]).collect()
            }
            catalog::Source::Urls(urls) => {
                let plain_http = declared.plain_http;
                mirrors(None).chain(urls.iter().map(|url| Self::Url { url: url.clone(), plain_http })).collect()
            }
            // It is here: no mirror is nearer.
            catalog::Source::Path(path, _) if path.is_dir() => vec![Self::Path(file.path.below(path))],
            catalog::Source::Path(path, _) => vec![Self::Path(path.clone())],
        }
    }

    /// What a failure of this source comes to, now that it is final.
    fn told(&self, error: Error) -> Error {
        match (self, error) {
            (Self::Mirror { .. }, Error::Status { url, status: 404 | 410, .. }) => Error::NotMirrored { url },
            // Not where the Hub redirects to: what a storage refuses has nothing to do with the token.
            (Self::Hub { url: asked, token }, Error::Status { url, status: status @ (401 | 403 | 404 | 410), .. })
                if address::same_origin(asked, &url) =>
            {
                let token = if token.is_some() { Credential::Shown } else { Credential::Missing };
                Error::Hub { url, status, token }
            }
            (_, error) => error,
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
            let (label, received) = match source.at() {
                At::Disk(path) => {
                    let received = local::read(path, &mut partial).inspect(|received| effort.bytes += received.size);
                    (format!("`{}`", path.display()), received)
                }
                At::Line(link) => {
                    let ended = self.transfer(job, link, partial, progress)?;
                    partial = ended.partial;
                    *effort += ended.effort;
                    (http::public(link.url), ended.received)
                }
            };
            let error = match received {
                Ok(received) if received.digest == *partial.digest() => return partial.commit(received),
                Ok(received) => {
                    // The next source must not go on from these.
                    partial.restart()?;
                    partial.mismatch(received, job.file.as_str(), &label)
                }
                Err(error) => source.told(error),
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
        // Nothing is known of these bytes yet, so nobody on the way may choose them.
        let link = Link { url, token: None, plain_http: PlainHttp::Loopback };
        let ended = self.transfer(job, link, draft, progress)?;
        ended.received.map(|received| (ended.partial, received))
    }

    fn transfer(&self, job: Job<'_>, link: Link<'_>, partial: Partial, progress: &Progress) -> Result<http::Ended> {
        let line = self.line.get_or_try_init(http::Line::open)?;
        let (url, token) = (link.url.to_owned(), link.token.cloned());
        let transfer = http::Transfer { url, token, plain_http: link.plain_http, patience: job.patience };
        Ok(line.run(transfer, partial, job.file.to_string(), job.model, progress))
    }
}
