//! What is known of a partial: where its bytes came from, what tells that the same bytes are still offered there,
//! and which of them are there if they did not come in order.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Extents, Store};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fs::{self, Found};

/// The record beside a partial: `<digest>.json`. It carries no query of an address and no token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    version: u32,
    /// The address, without user, password and query.
    pub(crate) url: String,
    /// What `If-Range` may say (RFC 9110, section 13.1.5): a strong `ETag`, else `Last-Modified`.
    pub(crate) validator: Option<String>,
    /// The bytes that are there; without it, all that the file has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parts: Option<Extents>,
}

impl Origin {
    pub(crate) fn new(url: String, validator: Option<String>) -> Self {
        Self { version: 1, url, validator, parts: None }
    }

    /// The record of a partial; one that cannot be read counts as none, for the digest decides in the end.
    pub(super) fn read(partial: &Path) -> Option<Self> {
        Self::parse(&fs::read_text(&path(partial)).ok()??)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|origin: &Self| origin.version == 1)
    }

    /// Replaces the record. After a power cut the one before it may be back, or none: the digest decides.
    pub(super) fn write(&self, partial: &Path) -> Result<()> {
        let path = path(partial);
        let text = serde_json::to_vec(self).map_err(|error| Error::io("write", &path)(error.into()))?;
        fs::write_swiftly(&path, &text)
    }

    pub(super) fn remove(partial: &Path) -> Result<()> {
        fs::remove_file(&path(partial))
    }
}

impl Store {
    /// How many bytes of a blob are there, whoever fills it.
    pub(crate) fn bytes_of(&self, digest: &Sha256Digest) -> u64 {
        let partial = self.partial(digest);
        match (fs::look(&partial), fs::look(&self.blob(digest))) {
            // What did not come in order leaves gaps.
            (Ok(Found::File(file)), _) => match Origin::read(&partial).and_then(|origin| origin.parts) {
                Some(parts) => parts.total().min(file.size),
                None => file.size,
            },
            (_, Ok(Found::File(blob))) => blob.size,
            _ => 0,
        }
    }
}

fn path(partial: &Path) -> PathBuf {
    partial.with_extension("json")
}
