//! What a record may claim. A store may have come from somewhere else, say from the cache of a CI service: its blobs
//! are hashed, but its records also say which files outside the store are ours to remove.

use std::path::{Component, Path};

use super::{Content, Entry, Placed};

/// The most bytes that a record's files can have together: beyond it nobody's sums are safe.
const MOST_BYTES: u64 = 1 << 53;

impl Entry {
    /// Whether a restore can have written this: only our own layouts' links and small files, at absolute paths.
    pub(super) fn is_plausible(&self) -> bool {
        let sizes = self.files.iter().map(|file| file.size.unwrap_or(0));
        let memos = self.memos.values().map(|memo| memo.fingerprint.size);
        let fits = |sum: u64, size: u64| sum.checked_add(size).filter(|sum| *sum <= MOST_BYTES);
        sizes.chain(memos).chain([self.arriving_bytes()]).try_fold(0, fits).is_some()
            && self.placed.iter().all(Placed::is_plausible)
            && self.folders.iter().all(|folder| folder.is_absolute())
    }
}

impl Placed {
    fn is_plausible(&self) -> bool {
        self.path.is_absolute()
            && match &self.content {
                Content::Blob { .. } => true,
                Content::Pointer { target, .. } => leads_up_to_blobs(target),
                Content::Text(text) => is_small_file(text),
            }
    }
}

/// Whether it is one of the small files that layouts have: a reference to a commit, the sidecar of a download, the listing
/// of a repository, or what Ollama has beside the weights.
fn is_small_file(text: &str) -> bool {
    const BEGINNINGS: [&str; 3] = [
        "{\n \"format_version\": 1,\n \"files\": {",
        "{\"architecture\":\"amd64\",\"file_type\":\"\",\"model_families\":null,",
        "{\"config\":{\"digest\":\"sha256:",
    ];
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.lines().collect::<Vec<_>>().as_slice() {
        [commit] if commit.len() == 40 && text.len() == 40 => is_hex(commit),
        [commit, etag, stamp] => commit.len() == 40 && is_hex(commit) && is_hex(etag) && stamp.parse::<f64>().is_ok(),
        _ => BEGINNINGS.iter().any(|beginning| text.starts_with(beginning)),
    }
}

/// Whether it is `../../blobs/<etag>`, with as many `..` as it takes.
fn leads_up_to_blobs(target: &Path) -> bool {
    let mut parts = target.components().skip_while(|part| *part == Component::ParentDir);
    let is_blobs = |part| matches!(part, Component::Normal(name) if name == "blobs");
    target.starts_with("..") && parts.next().is_some_and(is_blobs) && parts.count() == 1
}
