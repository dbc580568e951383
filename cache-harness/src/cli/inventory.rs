//! What the cache holds, model by model: the facts behind `status`, `warm --check` and `verify`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use crate::ask::Ask;
use crate::cache::Cache;
use crate::error::Result;
use crate::event::Via;
use crate::fs::{self, LinkMode};
use crate::pins::PinnedFile;
use crate::prepared::Prepared;
use crate::store::retention::Use;
use crate::store::{Checked, Content, Entry, OnDamage, Proofs, Resident, Survey};
use crate::time;

/// How much of a model is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Nothing.
    Cold,
    /// Some of its bytes.
    Partial,
    /// All of its bytes, verified.
    Warm,
    /// Bytes that are not those pinned.
    Corrupt,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Partial => "partial",
            Self::Warm => "warm",
            Self::Corrupt => "corrupt",
        }
    }
}

/// One model of the catalog, or one that another project left in the same store.
#[derive(Debug, Serialize)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) provider: String,
    pub(crate) state: State,
    pub(crate) bytes: u64,
    pub(crate) files: usize,
    pub(crate) last_used: Option<String>,
    pub(crate) verified_at: Option<String>,
    pub(crate) leased: bool,
    pub(crate) pinned: bool,
    pub(crate) restored: Vec<Place>,
    /// Whether this catalog declares it.
    pub(crate) declared: bool,
    pub(crate) warm_since: Option<String>,
    #[serde(skip)]
    pub(crate) unused_seconds: Option<u64>,
}

/// A path at which a model stands.
#[derive(Debug, Serialize)]
pub(crate) struct Place {
    #[serde(serialize_with = "super::context::lossy")]
    pub(crate) path: PathBuf,
    pub(crate) link_mode: LinkMode,
}

/// Looks at every model. Bytes are hashed only where a fingerprint differs.
pub(crate) fn models(cache: &Cache, survey: &Survey) -> Result<Vec<Model>> {
    let inner = &cache.inner;
    let warm = crate::warm::Memory::read(&inner.config.state_dir);
    let mut models = Vec::new();
    let mut known = BTreeSet::new();
    for declared in inner.catalog.models.values() {
        let prepared = inner.prepared(&Ask::exactly(declared.name.as_str(), Via::Restore));
        let Ok(prepared) = prepared else {
            models.push(unpinned(declared.name.to_string(), declared.provider.to_string()));
            continue;
        };
        known.insert(prepared.id);
        let resident = survey.residents.iter().find(|resident| resident.id == prepared.id);
        let mut model = match resident.map(|resident| (resident, resident.entry.as_ref())) {
            Some((resident, Some(entry))) => describe(cache, resident, entry)?,
            _ => cold(cache, &prepared, survey)?,
        };
        (model.name, model.pinned, model.declared) = (declared.name.to_string(), true, true);
        model.provider = prepared.provider.to_string();
        if model.state == State::Warm {
            model.warm_since = warm.since(&prepared.id).map(time::rfc3339);
        }
        models.push(model);
    }
    for resident in survey.residents.iter().filter(|resident| !known.contains(&resident.id)) {
        if let Some(entry) = &resident.entry {
            models.push(describe(cache, resident, entry)?);
        }
    }
    Ok(models)
}

fn unpinned(name: String, provider: String) -> Model {
    Model {
        name,
        provider,
        state: State::Cold,
        bytes: 0,
        files: 0,
        last_used: None,
        verified_at: None,
        leased: false,
        pinned: false,
        restored: Vec::new(),
        declared: true,
        warm_since: None,
        unused_seconds: None,
    }
}

/// A model without a record; blobs that it shares with others may be here all the same.
fn cold(cache: &Cache, prepared: &Prepared, survey: &Survey) -> Result<Model> {
    let store = &cache.inner.store;
    let here = |file: &&PinnedFile| survey.blobs.contains_key(&file.sha256);
    let here: Vec<_> = prepared.pins.files.iter().filter(here).collect();
    let mut sent = prepared.pins.files.iter().chain(&prepared.pins.archive);
    let begun = sent.any(|file| store.partial(&file.sha256).is_file());
    let mut proofs = Proofs::new(store, cache.inner.config.rehash_after.value, OnDamage::Leave);
    let mut proven = 0;
    for file in &here {
        proven += usize::from(matches!(proofs.check(&file.sha256, None)?, Checked::Proven(_)));
    }
    let state = if proven == prepared.pins.files.len() {
        State::Warm
    } else if begun || !here.is_empty() {
        State::Partial
    } else {
        State::Cold
    };
    Ok(Model {
        state,
        bytes: prepared.pins.bytes().unwrap_or(0),
        files: prepared.pins.files.len(),
        ..unpinned(prepared.name().to_string(), prepared.provider.to_string())
    })
}

fn describe(cache: &Cache, resident: &Resident, entry: &Entry) -> Result<Model> {
    let (store, config) = (&cache.inner.store, &cache.inner.config);
    let mut proofs = Proofs::new(store, config.rehash_after.value, OnDamage::Leave);
    let (mut proven, mut damaged) = (0, 0);
    let mut verified_at = u64::MAX;
    for file in &entry.files {
        match proofs.check(&file.sha256, entry.memos.get(&file.sha256))? {
            Checked::Proven(memo) => {
                proven += 1;
                verified_at = verified_at.min(memo.hashed_at);
            }
            Checked::Missing => {}
            Checked::Damaged(_) => damaged += 1,
        }
    }
    let begun = || entry.files.iter().chain(&entry.arriving).any(|file| store.partial(&file.sha256).is_file());
    let state = match (damaged, proven) {
        (1.., _) => State::Corrupt,
        (0, proven) if proven == entry.files.len() => State::Warm,
        (0, 0) if !begun() => State::Cold,
        _ => State::Partial,
    };
    let mode = |content: &Content| match content {
        Content::Blob { mode, .. } => Some(*mode),
        Content::Pointer { .. } => Some(LinkMode::Symlink),
        Content::Text(_) => None,
    };
    let there = entry.placed.iter().filter(|placed| !matches!(fs::look(&placed.path), Ok(fs::Found::Nothing)));
    let place = there.filter_map(|placed| Some(Place { path: placed.path.clone(), link_mode: mode(&placed.content)? }));
    Ok(Model {
        state,
        bytes: entry.bytes(),
        files: entry.files.len(),
        last_used: Some(time::rfc3339(resident.last_used)),
        verified_at: (verified_at != u64::MAX).then(|| time::rfc3339(time::from_unix_seconds(verified_at))),
        leased: resident.use_ == Use::Leased,
        restored: place.collect(),
        declared: false,
        unused_seconds: Some(time::age(resident.last_used, time::now()).as_secs()),
        ..unpinned(entry.model.to_string(), entry.provider.clone())
    })
}
