//! The layout of the Hub's cache, which `huggingface_hub`, `hf-hub` and what builds on them share; they differ in
//! where they look for it.
//!
//! ```text
//! <root>/models--<owner>--<name>/
//!   blobs/<etag>                    hard link, else copy; etag = SHA-256 of an LFS file, git blob id of another
//!   snapshots/<commit>/<file>       relative symbolic link ../../blobs/<etag>
//!   refs/<revision>                 the commit, without a newline: Python reads it raw. Also where the revision is the
//!                                   commit itself: `hf-hub` before 1.0 finds nothing without (`src/lib.rs`, `Cache`)
//!   trees/<commit>.json             the listing, of a complete repository only
//! ```
//! Sources: `huggingface_hub/file_download.py`, `hf-hub src/cache/storage.rs`.
//!
//! Never an absolute pointer: `hf cache rm` follows it and deletes what it leads to. Never anything in
//! `<root>/blobs`, the store that `huggingface_hub` ≥ 1.32 shares between repositories; a `blobs/<etag>` that leads
//! there is its owner's, and read. Never anything in `.no_exist`, where clients note what a repository lacks.
//!
//! With `HF_HUB_DISABLE_SYMLINKS`, and where the file system has no symbolic links, pointers are files, as
//! `file_download.py` (`_create_symlink`) makes them. `blobs/<etag>` is there too: without it `hf-hub` downloads again.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{Item, Layout, Pointers, Subject, Wanted, tree_listing};
use crate::error::Result;
use crate::model::FilePath;

pub(super) fn layout(root: &Path, subject: Subject<'_>) -> Result<Layout> {
    let (hub_id, commit) = (subject.hub_id()?, subject.commit()?);
    let revision: FilePath = subject.revision.parse().map_err(|error| subject.wrong(format!("revision: {error}")))?;
    let repository = root.join(format!("models--{}", hub_id.replace('/', "--")));
    let snapshot = repository.join("snapshots").join(commit);
    let (mut items, mut files, mut blobs) = (Vec::new(), Vec::new(), HashSet::new());
    for pinned in &subject.pins.files {
        let etag = pinned.hub_etag();
        let blob = repository.join("blobs").join(&etag);
        let bytes = || Wanted::Bytes { file: pinned.path.clone(), sha256: pinned.sha256 };
        let is_first = blobs.insert(etag.clone());
        if is_first {
            items.push(Item { path: blob.clone(), wanted: bytes() });
        }
        let path = pinned.path.below(&snapshot);
        files.push((pinned.path.clone(), path.clone()));
        let wanted = match subject.pointers {
            Pointers::Symlinks => {
                let target = PathBuf::from(format!("{}blobs/{etag}", "../".repeat(pinned.path.depth() + 2)));
                Wanted::Pointer { file: pinned.path.clone(), sha256: pinned.sha256, target, leads_to: blob }
            }
            Pointers::Files => bytes(),
        };
        items.push(Item { path, wanted });
    }
    items.push(Item::text(revision.below(&repository.join("refs")), commit.to_owned()));
    if let Some(listing) = tree_listing::of(subject.pins) {
        items.push(Item::text(repository.join("trees").join(format!("{commit}.json")), listing));
    }
    Ok(Layout::new(snapshot, items, files))
}
