//! Where the bytes of a file can be had, and what a request for them may do.

use std::path::PathBuf;

use crate::address::{self, PlainHttp};
use crate::catalog::{self, Declared};
use crate::config::{Config, Named, Token};
use crate::error::{Credential, Error};
use crate::pins::{PinnedFile, Pins};

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
    /// The address of what the Hub has at `path`, which begins with `/`.
    pub(crate) fn of_hub(path: &str, config: &Config) -> Self {
        let url = format!("{}{path}", config.endpoint.value);
        Self { url, keeper: Keeper::Hub, token: config.token.clone(), plain_http: PlainHttp::Loopback }
    }

    /// The address of a file of a repository.
    pub(crate) fn of_hub_file(repo: &str, commit: &str, path: &str, config: &Config) -> Self {
        Self::of_hub(&format!("/{repo}/resolve/{commit}/{}", address::encode_path(path)), config)
    }

    /// Whoever wrote the template chose its scheme, and no redirect leads to a weaker one.
    fn of_mirror(url: String) -> Self {
        Self { url, keeper: Keeper::Mirror, token: None, plain_http: PlainHttp::Anywhere }
    }

    pub(crate) fn of_other(url: &str, plain_http: PlainHttp) -> Self {
        Self { url: url.to_owned(), keeper: Keeper::Other, token: None, plain_http }
    }

    /// What a failure comes to here, now that it is final.
    pub(super) fn told(&self, error: Error) -> Error {
        match (self.keeper, error) {
            (Keeper::Mirror, Error::Status { url, status: 404 | 410, .. }) => Error::NotMirrored { url },
            // Not where the Hub redirects to: what a storage refuses has nothing to do with the token.
            (Keeper::Hub, Error::Status { url, status: status @ (401 | 403 | 404 | 410), code, .. })
                if address::same_origin(&self.url, &url) =>
            {
                let token = if self.token.is_some() { Credential::Shown } else { Credential::Missing };
                Error::Hub { url, status, code, token }
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

    /// The sources of one file of a model, in the order they are tried; for a model that is unpacked, of its archive.
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
                let hub = Self::Url(Address::of_hub_file(repo, commit, path, config));
                mirrors(Some((repo, commit))).chain([hub]).collect()
            }
            catalog::Source::Urls(urls) | catalog::Source::Archive { urls, .. } => {
                let address = |url: &String| Self::Url(Address::of_other(url, declared.plain_http));
                mirrors(None).chain(urls.iter().map(address)).collect()
            }
            // It is here: no mirror is nearer.
            catalog::Source::Path(path, _) if path.is_dir() => vec![Self::Path(file.path.below(path))],
            catalog::Source::Path(path, _) => vec![Self::Path(path.clone())],
        }
    }
}
