//! What the Hub's refusal of a whole repository means.

use super::Credential;

/// Why the Hub tells nothing of a repository, as far as its answer lets on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HubRefusal {
    /// Its terms are to be accepted first.
    Gated,
    /// There is none of this name, or it is hidden from whoever asked: the Hub does not say which.
    Missing,
    /// The answer does not say which of gated, private and missing it is.
    Closed,
    /// The repository is there, but has no such branch, tag or commit.
    NoRevision(String),
    /// The Hub itself has closed it.
    Disabled,
    /// The token is none that the Hub knows.
    InvalidToken,
}

impl HubRefusal {
    pub(super) fn text(&self, repo: &str, token: Credential) -> String {
        match (self, token) {
            (Self::Gated, Credential::Missing) => format!("`{repo}` is gated"),
            (Self::Gated, Credential::Shown) => format!("`{repo}` is gated, and the token may not read it"),
            (Self::Missing, Credential::Missing) => format!("`{repo}` does not exist, or is private"),
            (Self::Missing, Credential::Shown) => format!("`{repo}` does not exist, or is hidden from the token"),
            (Self::Closed, Credential::Missing) => format!("`{repo}` is gated or private, or does not exist"),
            (Self::Closed, Credential::Shown) => format!("`{repo}` may not be read with the token"),
            (Self::NoRevision(revision), _) => format!("`{repo}` has no revision `{revision}`"),
            (Self::Disabled, _) => format!("`{repo}` is disabled by the Hub"),
            (Self::InvalidToken, _) => "the Hub does not know the token".to_owned(),
        }
    }

    pub(super) fn hint(&self, token: Credential) -> Option<&'static str> {
        Some(match (self, token) {
            (Self::Gated, Credential::Missing) => {
                "accept the terms on the repository's page, and set HF_TOKEN to a token that may read it"
            }
            (Self::Gated, Credential::Shown) => "ask for access on the repository's page, or use another token",
            (Self::Missing, Credential::Missing) => {
                "check its spelling; if it is private, set HF_TOKEN to a token that may read it"
            }
            (Self::Missing, Credential::Shown) => "check its spelling, or use a token that may read it",
            (Self::Closed, Credential::Missing) => "check its spelling, or set HF_TOKEN to a token that may read it",
            (Self::Closed, Credential::Shown) => {
                "the token is HF_TOKEN or the file `token` in HF_HOME: ask for access, or use another token"
            }
            (Self::NoRevision(_), _) => {
                "name a branch, tag or commit that the repository's page lists; a commit that is gone there is pinned anew \
                 by `cache-harness lock --upgrade`"
            }
            (Self::InvalidToken, _) => {
                "correct HF_TOKEN, or the file `token` in HF_HOME; HF_HUB_DISABLE_IMPLICIT_TOKEN=1 asks without"
            }
            (Self::Disabled, _) => return None,
        })
    }
}
