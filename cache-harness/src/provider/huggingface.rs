//! The Hugging Face hub cache, as `huggingface_hub`, `hf-hub`, candle, mistral.rs and many more read it.
//!
//! ```text
//! <hub>/models--<owner>--<name>/
//!   blobs/<etag>                    hard link, else copy; etag = SHA-256 of an LFS file, git blob id of another
//!   snapshots/<commit>/<file>       relative symbolic link ../../blobs/<etag>
//!   refs/<revision>                 the commit, without a newline: Python reads it raw
//! ```
//! Sources: `huggingface_hub/file_download.py` and `constants.py`, `hf-hub src/cache/storage.rs` and `constants.rs`.
//! The hub folder is `$HF_HUB_CACHE`, else `$HUGGINGFACE_HUB_CACHE`, else `$HF_HOME/hub`, else
//! `$XDG_CACHE_HOME/huggingface/hub`, else `~/.cache/huggingface/hub`. A configured root stands for `HF_HOME`
//! (so the hub folder is `<root>/hub`), unless it is called `hub`: then it is the hub folder itself.
//!
//! Never an absolute pointer: `hf cache rm` follows it and deletes what it leads to. Never anything in
//! `<hub>/blobs`, the store that `huggingface_hub` ≥ 1.32 shares between repositories. `trees/<commit>.json` is
//! not written: it would claim that the repository is complete.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{Item, Layout, READ_ONLY, Root, Subject, Wanted, cache_home};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::model::FilePath;

pub(super) fn layout(root: &Path, subject: Subject<'_>) -> Result<Layout> {
    let wrong =
        |message: &str| Error::Setting { name: format!("model `{}`", subject.name), message: message.to_owned() };
    let hub_id = subject.hub_id.ok_or_else(|| {
        wrong("the Hugging Face layout needs a repository: set `hub_id = \"owner/name\"` in the catalog")
    })?;
    let commit = subject.pins.commit.as_deref().ok_or_else(|| wrong("its pins have no commit"))?;
    let revision: FilePath = subject.revision.parse().map_err(|error| wrong(&format!("revision: {error}")))?;
    let repository = root.join(format!("models--{}", hub_id.replace('/', "--")));
    let snapshot = repository.join("snapshots").join(commit);
    let (mut items, mut files, mut blobs) = (Vec::new(), Vec::new(), HashSet::new());
    for pinned in &subject.pins.files {
        let etag = pinned.etag.clone().unwrap_or_else(|| pinned.sha256.to_string());
        let blob = repository.join("blobs").join(&etag);
        if blobs.insert(etag.clone()) {
            let wanted = Wanted::Bytes { file: pinned.path.clone(), sha256: pinned.sha256 };
            items.push(Item { path: blob.clone(), wanted });
        }
        let up = "../".repeat(pinned.path.depth() + 2);
        let target = PathBuf::from(format!("{up}blobs/{etag}"));
        let path = pinned.path.below(&snapshot);
        files.push((pinned.path.clone(), path.clone()));
        let wanted = Wanted::Pointer { file: pinned.path.clone(), sha256: pinned.sha256, target, leads_to: blob };
        items.push(Item { path, wanted });
    }
    if subject.revision != commit {
        let path = revision.below(&repository.join("refs"));
        items.push(Item { path, wanted: Wanted::Text(commit.to_owned()) });
    }
    Ok(Layout { folder: snapshot, items, files, ladder: READ_ONLY })
}

pub(super) fn root(configured: Option<&Path>, environment: &Environment) -> Result<Root> {
    if let Some(root) = configured {
        let is_hub = root.file_name().is_some_and(|name| name == "hub");
        let path = if is_hub { root.to_owned() } else { root.join("hub") };
        let home = path.parent().map(Path::to_owned).unwrap_or_default();
        return Ok(Root { variables: vec![("HF_HOME", home), ("HF_HUB_CACHE", path.clone())], path });
    }
    let variable = |name: &str| {
        let Some(text) = environment.text(name) else { return Ok(None) };
        // Python expands both; hf-hub neither, and would look in a folder called `~`.
        environment.expand(text).map(Some).map_err(|message| Error::Setting { name: name.to_owned(), message })
    };
    let path = if let Some(hub) = variable("HF_HUB_CACHE")? {
        hub
    } else if let Some(hub) = variable("HUGGINGFACE_HUB_CACHE")? {
        hub
    } else if let Some(home) = variable("HF_HOME")? {
        home.join("hub")
    } else {
        cache_home(environment, "huggingface", "the Hugging Face cache")?.join("hub")
    };
    Ok(Root { variables: vec![("HF_HUB_CACHE", path.clone())], path })
}
