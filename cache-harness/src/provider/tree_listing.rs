//! `trees/<commit>.json`: what `huggingface_hub` remembers of a repository's listing.
//!
//! ```text
//! {
//!  "format_version": 1,
//!  "files": {
//!   "config.json": {
//!    "size": 519,
//!    "blob_id": "<git blob id>"
//!   },
//!   "model.safetensors": {
//!    "size": 1234,
//!    "blob_id": "<git blob id of the LFS pointer>",
//!    "lfs_sha256": "<SHA-256>",
//!    "lfs_size": 1234
//!   }
//!  }
//! }
//! ```
//! Source: `huggingface_hub/_tree_cache.py`; `xet_hash` may be missing. `snapshot_download` without a network takes a
//! snapshot for incomplete if a listed file is not there, and with a network fetches what is listed and no more. So the
//! listing is written only if the pins are of every file of the repository.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::blob_id::blob_id;
use crate::pins::{Coverage, PinnedFile, Pins};

/// The listing; `None` if the pins leave out a file.
pub(super) fn of(pins: &Pins) -> Option<String> {
    if pins.coverage != Coverage::Complete {
        return None;
    }
    let entries = pins.files.iter().map(|file| Some((file.path.as_str(), Entry::of(file)?)));
    let files = entries.collect::<Option<_>>()?;
    let mut text = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, indent);
    Listing { format_version: 1, files }.serialize(&mut serializer).ok()?;
    String::from_utf8(text).ok()
}

#[derive(Serialize)]
struct Listing<'a> {
    format_version: u32,
    files: BTreeMap<&'a str, Entry>,
}

#[derive(Serialize)]
struct Entry {
    size: u64,
    blob_id: String,
    #[serde(flatten)]
    lfs: Option<Lfs>,
}

#[derive(Serialize)]
struct Lfs {
    lfs_sha256: String,
    lfs_size: u64,
}

impl Entry {
    fn of(file: &PinnedFile) -> Option<Self> {
        let (size, etag) = (file.size?, file.hub_etag());
        if etag.len() == 40 {
            return Some(Self { size, blob_id: etag, lfs: None });
        }
        Some(Self { size, blob_id: pointer_id(&etag, size)?, lfs: Some(Lfs { lfs_sha256: etag, lfs_size: size }) })
    }
}

/// The git blob id of the pointer that stands in git for an LFS file (git-lfs, `docs/spec.md`).
fn pointer_id(sha256: &str, size: u64) -> Option<String> {
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n");
    blob_id(pointer.as_bytes(), pointer.len() as u64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_lfs_file_has_the_id_of_its_pointer() {
        // `git hash-object` of the pointer of a file that holds "hello\n".
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(pointer_id(sha256, 6).unwrap(), "fa61e1ef71c9908c0926776a4aa3504b3a27f159");
    }
}
