//! Without a usable cache folder: fetched, verified and put straight into the provider's place.
//!
//! A broken cache must never make a test suite worse than none. Nothing is remembered here, so what is
//! already in place is hashed each time, and what is not is fetched by each process for itself.

use std::path::PathBuf;
use std::sync::Arc;

use crate::archive;
use crate::ask::{Ask, Place};
use crate::cache::{Account, CachedModelParts, Inner};
use crate::cached_model::CachedFile;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::event::Outcome;
use crate::fetch::{Job, Source};
use crate::fs::{self, LinkMode};
use crate::lock::Waiting;
use crate::model::FilePath;
use crate::prepared::Prepared;
use crate::private::Private;
use crate::provider::Layout;
use crate::provider_kind::ProviderKind;
use crate::restore::place_unrecorded;
use crate::store::{Slot, Store};

pub(crate) fn provide(
    inner: &Inner,
    ask: &Ask<'_>,
    prepared: Arc<Prepared>,
    account: &mut Account,
) -> Result<CachedModelParts> {
    let (layout, private) = layout(inner, ask, &prepared)?;
    let scratch = fs::temporary_folder("cache-harness-")?;
    let store = Store::new(scratch.path());
    store.create()?;
    let offline = ask.offline.unwrap_or(inner.config.offline.value);
    let fetch =
        |file: &FilePath, digest: &Sha256Digest| fetch(inner, &prepared, &store, offline, file, digest, account);
    place_unrecorded(prepared.name(), &layout, fetch)?;
    let outcome = if account.fetched_bytes > 0 { Outcome::Miss } else { Outcome::Hit };
    let bytes = prepared.pins.bytes().unwrap_or(account.fetched_bytes);
    let files = CachedFile::all(&prepared.pins, &layout, std::iter::repeat(LinkMode::Copy));
    let (folder, fill_seconds) = (layout.folder, 0.0);
    Ok(CachedModelParts { prepared, folder, files, outcome, bytes, fill_seconds, lease: None, private })
}

fn layout(inner: &Inner, ask: &Ask<'_>, prepared: &Prepared) -> Result<(Layout, Option<Private>)> {
    let subject = prepared.subject(inner);
    let below_cache = prepared.root.path.starts_with(inner.store.dir());
    // Nobody looks there by himself.
    let is_told_a_path = matches!(prepared.provider, ProviderKind::Directory | ProviderKind::WhisperCpp);
    Ok(match &ask.place {
        Place::Temporary => {
            let (private, layout) = Private::new(inner, prepared)?;
            (layout, Some(private))
        }
        Place::Folder(folder) => (Layout::plain(prepared.name().below(folder), subject), None),
        Place::Provider | Place::ProviderCopy if below_cache && is_told_a_path => {
            let root = fs::private_folder("cache-harness-bypass")?;
            (Layout::of(prepared.provider, &root, subject)?, None)
        }
        Place::Provider | Place::ProviderCopy => (prepared.layout.clone(), None),
    })
}

fn fetch(
    inner: &Inner,
    prepared: &Prepared,
    store: &Store,
    offline: bool,
    file: &FilePath,
    digest: &Sha256Digest,
    account: &mut Account,
) -> Result<PathBuf> {
    let pinned = prepared.pins.files.iter().find(|pinned| pinned.path == *file);
    let size = pinned.and_then(|pinned| pinned.size);
    // A store that can be read but not written still serves.
    let mut sources = vec![Source::Path(inner.store.blob(digest))];
    sources.retain(|source| matches!(source, Source::Path(path) if path.is_file()));
    if prepared.pins.archive.is_some() {
        // Nothing comes after it that could make up for other bytes.
        sources.retain(|source| matches!(source, Source::Path(path) if fs::has_digest(path, digest).unwrap_or(false)));
    }
    if let Some(archive) = prepared.pins.archive.as_ref().filter(|_| sources.is_empty() && !offline) {
        if !store.blob(digest).exists() {
            // All that is in it, so that it is fetched once.
            let arrived = archive::fetch(inner, prepared, store, archive, &prepared.pins.files);
            account.add(arrived.effort);
            arrived.memos?;
        }
        return Ok(store.blob(digest));
    }
    if let Some(pinned) = pinned.filter(|_| prepared.pins.archive.is_none()) {
        sources.extend(Source::of(&prepared.declared, &prepared.pins, pinned, &inner.config));
    }
    if offline {
        sources.retain(|source| !source.is_remote());
    }
    if sources.is_empty() {
        let (model, looked) = (prepared.name().to_string(), inner.store.dir().to_owned());
        return Err(Error::Offline { model, looked, file: file.to_string(), damage: None });
    }
    let model = prepared.name().as_str();
    let job = Job { model, file, sources: &sources, patience: inner.config.patience.value };
    if let Slot::Vacant(partial) = store.slot(digest, size, inner.config.max_size.value.0, &Waiting::BRIEF)? {
        let fetched = inner.progress.ticking(model, || inner.fetcher.fill(job, partial, &inner.progress));
        account.add(fetched.effort);
        fetched.memo?;
    }
    Ok(store.blob(digest))
}
