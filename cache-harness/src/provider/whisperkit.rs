//! `WhisperKit`, by the Hub client of swift-transformers.
//!
//! ```text
//! <root>/models/<owner>/<name>/
//!   openai_whisper-tiny/….mlmodelc/…                          hard links
//!   .cache/huggingface/download/<file>.metadata               commit, etag, Unix time: a line each
//! ```
//! The root is what an application passes as `downloadBase`, by default `~/Documents/huggingface`; no variable moves it
//! (swift-transformers `Sources/Hub/HubApi.swift`). Offline, `snapshot` fails if any file lacks its sidecar, and
//! hashes each file whose etag has 64 digits.
//!
//! The time is the same for all, so that the same pins are the same bytes: the last second of 2099. `huggingface_hub`
//! (`_local_folder.py`), which has the same sidecars, believes one no older than its file.

use std::path::Path;

use super::{Item, Layout, Root, Subject};
use crate::environment::Environment;
use crate::error::{Error, Result};

const STAMP: &str = "4102444799.0";

pub(super) fn layout(root: &Path, subject: Subject<'_>) -> Result<Layout> {
    let (hub_id, commit) = (subject.hub_id()?, subject.commit()?);
    let repository = root.join("models").join(hub_id);
    let sidecars = repository.join(".cache/huggingface/download");
    let mut layout = Layout::plain(repository, subject);
    for file in &subject.pins.files {
        let mut sidecar = file.path.below(&sidecars).into_os_string();
        sidecar.push(".metadata");
        let text = format!("{commit}\n{}\n{STAMP}\n", file.hub_etag());
        layout.items.push(Item::text(sidecar.into(), text));
    }
    Ok(layout)
}

pub(super) fn root(configured: Option<&Path>, environment: &Environment) -> Result<Root> {
    let below_home = || {
        let remedy = "set HOME, or `root` in [providers.whisperkit]";
        let home = environment.home().ok_or(Error::NoHome { what: "the folder of WhisperKit", remedy })?;
        Ok(home.join("Documents/huggingface"))
    };
    let path = configured.map(Path::to_owned).map_or_else(below_home, Ok)?;
    Ok(Root { path, variables: Vec::new() })
}
