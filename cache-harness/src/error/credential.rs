//! What the Hub was shown, and what its refusal then means.

/// Whether the Hub was shown a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// It was.
    Shown,
    /// There is none.
    Missing,
}

impl Credential {
    /// What helps against the Hub's answer `status` with the `X-Error-Code` `code`.
    pub(super) fn hint(self, status: u16, code: Option<&str>) -> &'static str {
        match (self, status) {
            (Self::Missing, _) if code == Some("GatedRepo") => {
                "accept the terms on the repository's page, and set HF_TOKEN to a token that may read it"
            }
            _ if code == Some("RevisionNotFound") => {
                "the commit is gone upstream: a mirror in [cache] can still have its bytes, \
                 and `cache-harness lock --upgrade` pins what is there now"
            }
            _ if code == Some("EntryNotFound") => "the commit has no such file: `cache-harness lock` pins what it has",
            (Self::Missing, 401 | 403) => "the file may be gated or private: set HF_TOKEN to a token that may read it",
            (Self::Shown, 401 | 403) => {
                "the token (HF_TOKEN, or the file `token` in HF_HOME) may not read it: ask for access on the \
                 repository's page, or use another token"
            }
            (Self::Missing, _) => {
                "the file or its commit may be gone upstream, or private: check the pin, or set HF_TOKEN"
            }
            (Self::Shown, _) => "the file or its commit may be gone upstream, or hidden from the token: check the pin",
        }
    }
}
