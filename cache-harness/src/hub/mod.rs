//! What the Hub tells about a repository: its commit and its files, without downloading any.
//!
//! ```text
//! GET /api/models/{repo}/revision/{revision}          the commit that a branch or tag is at
//! GET /api/models/{repo}/tree/{commit}?recursive=true the files, a page at a time (`Link: <…>; rel="next"`)
//! ```
//! Of an LFS or Xet file the listing has the SHA-256 and the size; of any other the git blob id, which is checked
//! against the bytes once they are here. Sources: `huggingface_hub/hf_api.py` (`model_info`, `list_repo_tree`), and
//! `utils/_http.py` (`hf_raise_for_status`) for what a refusal means.
//!
//! Pages come from the endpoint's own origin, or from where it redirects to, and the token goes to that origin only. A
//! listing that contradicts itself is refused: it would decide what is pinned.

mod listing;
mod moves;
mod selection;

use std::collections::BTreeSet;

use serde::Deserialize;

pub(crate) use crate::blob_id::blob_id;
pub(crate) use listing::{Content, Listed};
pub(crate) use moves::{Moved, Moves};
pub(crate) use selection::select;

use crate::address;
use crate::catalog;
use crate::config::Config;
use crate::error::{Credential, Error, HubRefusal, Result};
use crate::fetch::{Address, Fetcher, Inquiry, Page, Refusal, Text};
use crate::progress::Progress;

/// The most bytes of a page. A thousand files, which the Hub puts on one, take about 400 kB.
const PAGE_BYTES: usize = 16 << 20;
/// The most pages of a listing.
const PAGES: usize = 1000;

/// The Hub, asked for one model.
#[derive(Clone, Copy)]
pub(crate) struct Hub<'a> {
    pub(crate) config: &'a Config,
    pub(crate) fetcher: &'a Fetcher,
    pub(crate) progress: &'a Progress,
    /// The model that it is asked for.
    pub(crate) model: &'a str,
}

/// Where a revision of a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The repository's name now: another than was asked for, if it was renamed.
    pub(crate) repo: String,
    /// 40 hexadecimal digits.
    pub(crate) commit: String,
}

#[derive(Deserialize)]
struct Revision {
    sha: String,
}

impl Hub<'_> {
    /// The commit that `revision` is at.
    ///
    /// # Errors
    ///
    /// [`Error::Repository`] if the Hub does not tell; offline, an exchange that fails, and an answer that is none.
    pub(crate) fn head(self, repo: &str, revision: &str) -> Result<Head> {
        let path = format!("/api/models/{repo}/revision/{}", address::encode_segment(revision));
        let text = self.read(repo, revision, Address::of_hub(&path, self.config))?;
        let refused = |reason| Error::Refused { url: address::shown(&text.url), reason };
        let Revision { sha } =
            serde_json::from_slice(&text.body).map_err(|error| refused(format!("it names no commit: {error}")))?;
        if !is_commit(&sha) {
            let sha: String = sha.escape_debug().take(80).collect();
            return Err(refused(format!("the commit `{sha}` is not 40 hexadecimal digits")));
        }
        if is_commit(revision) && sha != revision {
            return Err(refused(format!("it names the commit {sha} where {revision} was asked for")));
        }
        let repo = self.renamed(&text.url, "/revision/").unwrap_or_else(|| repo.to_owned());
        Ok(Head { repo, commit: sha })
    }

    /// All files of the repository at its commit.
    ///
    /// # Errors
    ///
    /// As [`head`](Self::head), and a listing that contradicts itself or has no end.
    pub(crate) fn files(self, head: &Head) -> Result<Vec<Listed>> {
        let Head { repo, commit } = head;
        let path = format!("/api/models/{repo}/tree/{commit}?recursive=true");
        let mut address = Address::of_hub(&path, self.config);
        let (mut files, mut seen) = (Vec::new(), BTreeSet::new());
        loop {
            let text = self.read(repo, commit, address.clone())?;
            let refused = |reason| Error::Refused { url: address::shown(&text.url), reason };
            files.extend(listing::read(&text.body).map_err(refused)?);
            let Some(next) = text.next.clone() else { break };
            if text.body.trim_ascii() == b"[]" {
                return Err(refused("a page of its listing is empty, and not the last".to_owned()));
            }
            if !address::same_origin(&next, &self.config.endpoint.value) {
                let next = address::shown(&next);
                return Err(refused(format!("its next page is said to be at another host, {next}")));
            }
            if !seen.insert(next.clone()) || seen.len() >= PAGES {
                return Err(refused("its listing has no end".to_owned()));
            }
            address.url = next;
        }
        listing::check(&files)
            .map_err(|reason| Error::Refused { url: address::shown(&address.url), reason })
            .map(|()| files)
    }

    fn read(self, repo: &str, revision: &str, address: Address) -> Result<Text> {
        let offline = &self.config.offline;
        if offline.value {
            let reason = format!("what it has is not known, and the network is off ({})", offline.origin);
            return Err(Error::Refused { url: address::shown(&address.url), reason });
        }
        let token = if address.token.is_some() { Credential::Shown } else { Credential::Missing };
        let url = address.url.clone();
        let inquiry = Inquiry { model: self.model.to_owned(), what: "the listing", address, limit: PAGE_BYTES };
        match self.fetcher.read(inquiry, self.config.patience.value, self.progress)? {
            Page::Text(text) => Ok(text),
            // Not the Hub's own word: it was redirected elsewhere.
            Page::Refusal(refusal) if !address::same_origin(&refusal.url, &url) => {
                let Refusal { url, status, code, .. } = refusal;
                Err(Error::Status { url: address::shown(&url), status, code, retry_after: None })
            }
            Page::Refusal(answer) => {
                let refusal = meaning(&answer, token, revision);
                Err(Error::Repository { repo: repo.to_owned(), refusal, token })
            }
        }
    }

    /// The repository in an address of the API, if it is the Hub's own.
    fn renamed(self, url: &str, behind: &str) -> Option<String> {
        let endpoint = &self.config.endpoint.value;
        let (repo, _) = url.strip_prefix(endpoint)?.strip_prefix("/api/models/")?.split_once(behind)?;
        catalog::parse_repo(repo).ok()
    }
}

/// What the Hub means by not answering. Without a token it says 401 of what does not exist, too.
fn meaning(answer: &Refusal, token: Credential, revision: &str) -> HubRefusal {
    let says = |text: &str| answer.message.as_deref().is_some_and(|message| message.contains(text));
    match (answer.code.as_deref(), answer.status) {
        (Some("GatedRepo"), _) => HubRefusal::Gated,
        (Some("RepoNotFound"), _) => HubRefusal::Missing,
        (Some("RevisionNotFound"), _) => HubRefusal::NoRevision(revision.to_owned()),
        _ if says("Invalid credentials") && token == Credential::Shown => HubRefusal::InvalidToken,
        _ if says("Access to this resource is disabled") => HubRefusal::Disabled,
        (_, 401 | 403) => HubRefusal::Closed,
        _ => HubRefusal::Missing,
    }
}

/// Whether it is a commit's id, and no branch or tag.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_as_much_as_the_hub_lets_on() {
        let told = |status, code: Option<&str>, message: Option<&str>, token| {
            let (code, message) = (code.map(str::to_owned), message.map(str::to_owned));
            let answer = Refusal { url: String::new(), status, code, message };
            let refusal = meaning(&answer, token, "v1");
            Error::Repository { repo: "o/n".to_owned(), refusal, token }.to_string()
        };
        let (shown, missing) = (Credential::Shown, Credential::Missing);
        assert_eq!(told(401, Some("GatedRepo"), None, missing), "`o/n` is gated");
        assert_eq!(told(403, Some("GatedRepo"), None, shown), "`o/n` is gated, and the token may not read it");
        assert_eq!(told(401, None, None, missing), "`o/n` is gated or private, or does not exist");
        assert_eq!(told(401, Some("RepoNotFound"), None, missing), "`o/n` does not exist, or is private");
        assert_eq!(told(404, None, None, shown), "`o/n` does not exist, or is hidden from the token");
        assert_eq!(told(403, None, None, shown), "`o/n` may not be read with the token");
        assert_eq!(told(404, Some("RevisionNotFound"), None, missing), "`o/n` has no revision `v1`");
        let invalid = Some("Invalid credentials in Authorization header");
        assert_eq!(told(401, None, invalid, shown), "the Hub does not know the token");
        let disabled = Some("Access to this resource is disabled.");
        assert_eq!(told(403, None, disabled, missing), "`o/n` is disabled by the Hub");
    }
}
