//! Taking files that other programs' caches have into the store, instead of fetching them.
//!
//! ```text
//! at a miss    paths worked out from the pins   look: size   take: digest        what lacks then is fetched
//! `adopt`      folders looked through           size         digest       take   nothing is fetched or restored
//! ```
//! Both follow the store's order of events (lease, turn, reserve, fill, record), so what is taken counts towards the
//! budget, is named by an entry before it appears, and a kill leaves what a killed download leaves. How a file is
//! taken, and that its owner's is only read, stands in `store/partial/taking.rs`.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use crate::cache::{Account, Inner};
use crate::digest::Sha256Digest;
#[cfg(feature = "cli")]
use crate::discovery::Finds;
use crate::error::Result;
use crate::fill::{new_entry, proven, remember, waiting};
use crate::fs::{self, Found, LinkMode};
use crate::known_caches::KnownCache;
use crate::pins::PinnedFile;
use crate::prepared::Prepared;
use crate::progress::Step;
use crate::provider::Wanted;
use crate::store::{Budget, Content, Entry, Lease, Memo, Owner, Placed, Slot, Store, Taken, Turn, Whose};

/// Files of other programs that have the size of a pinned file, by the digest that they may have.
#[derive(Debug, Default)]
pub(crate) struct Nearby(BTreeMap<Sha256Digest, Vec<PathBuf>>);

/// A file that was taken into the store.
#[derive(Debug, Clone)]
pub(crate) struct Adopted {
    pub(crate) sha256: Sha256Digest,
    pub(crate) size: u64,
    pub(crate) from: PathBuf,
    pub(crate) mode: LinkMode,
}

impl Nearby {
    /// Looks where the files would be in the provider's place and in known caches.
    pub(crate) fn look(inner: &Inner, prepared: &Prepared, files: &[&PinnedFile]) -> Self {
        if files.is_empty() || !inner.config.adopt.value {
            return Self::default();
        }
        let caches = KnownCache::all(&inner.config, &inner.environment);
        let own = |digest: &Sha256Digest| {
            let items = prepared.layout.items.iter();
            let wanted = *digest;
            items.filter(move |item| matches!(item.wanted, Wanted::Bytes { sha256, .. } if sha256 == wanted))
        };
        let mut nearby = BTreeMap::new();
        for file in files {
            let in_place = own(&file.sha256).map(|item| item.path.clone());
            let elsewhere = caches.iter().flat_map(|cache| cache.paths(&prepared.declared, &prepared.pins, file));
            let mut seen = HashSet::new();
            let may_be = |path: &PathBuf| match fs::look_through(path) {
                Ok(Found::File(found)) => {
                    file.size.is_none_or(|size| size == found.size) && seen.insert((found.dev, found.ino))
                }
                _ => false,
            };
            let paths: Vec<_> = in_place.chain(elsewhere).filter(may_be).collect();
            if !paths.is_empty() {
                nearby.insert(file.sha256, paths);
            }
        }
        Self(nearby)
    }

    pub(crate) fn has(&self, file: &PinnedFile) -> bool {
        self.0.contains_key(&file.sha256)
    }

    /// Takes those of the files that have the pinned bytes; returns their digests.
    pub(crate) fn take(
        &self,
        inner: &Inner,
        prepared: &Prepared,
        files: &[&PinnedFile],
        entry: &mut Entry,
        account: &mut Account,
    ) -> Result<HashSet<Sha256Digest>> {
        let mut here = HashSet::new();
        let mut adopted = Vec::new();
        for file in files {
            let Some(paths) = self.0.get(&file.sha256) else { continue };
            if let Some((memo, taken)) = take(inner, prepared, file, paths, entry)? {
                remember(entry, &file.sha256, memo);
                here.insert(file.sha256);
                adopted.extend(taken);
            }
        }
        if let Some(folder) = common_folder(adopted.iter().map(|adopted| adopted.from.as_path())) {
            let (model, bytes) = (prepared.name().as_str(), adopted.iter().map(|adopted| adopted.size).sum());
            inner.progress.step(Step::Adopted { model, files: adopted.len(), bytes, folder: &folder });
            account.adopted_bytes += bytes;
            account.adopted_from = Some(folder);
        }
        Ok(here)
    }
}

/// Takes a file from the first of `paths` that has its bytes; without the file taken if the blob is there meanwhile.
fn take(
    inner: &Inner,
    prepared: &Prepared,
    file: &PinnedFile,
    paths: &[PathBuf],
    entry: &Entry,
) -> Result<Option<(Memo, Option<Adopted>)>> {
    let (model, name) = (prepared.name().as_str(), file.path.as_str());
    loop {
        let limit = inner.config.max_size.value.0;
        let slot = waiting(inner, prepared, |waiting| inner.store.slot(&file.sha256, file.size, limit, waiting))?;
        let mut partial = match slot {
            Slot::Vacant(partial) => partial,
            Slot::Present => match proven(inner, &inner.store, &file.sha256)? {
                Some(memo) => return Ok(Some((memo, None))),
                None => continue,
            },
        };
        for path in paths {
            match partial.take(path, whose(entry, path))? {
                Taken::Published { memo, mode } => {
                    let size = memo.fingerprint.size;
                    let adopted = Adopted { sha256: file.sha256, size, from: path.clone(), mode };
                    return Ok(Some((memo, Some(adopted))));
                }
                Taken::Refused { partial: again, reason } => {
                    inner.progress.step(Step::PassedOver { model, file: name, path, reason: &reason });
                    partial = again;
                }
            }
        }
        return Ok(None);
    }
}

/// Whose file stands at `path`, by the record of an entry that may have placed it.
fn whose(entry: &Entry, path: &Path) -> Whose {
    let is_link = |placed: &&Placed| {
        placed.owner == Owner::Ours && matches!(placed.content, Content::Blob { mode: LinkMode::Hardlink, .. })
    };
    if entry.placed_at(path).as_ref().is_some_and(is_link) { Whose::Ours } else { Whose::Theirs }
}

/// A model of which files were taken: in use until this is dropped.
pub(crate) struct InStore {
    pub(crate) adopted: Vec<Adopted>,
    _lease: Lease,
}

/// Takes what was found of a model into the store, evicting others for it, but nothing that is in use; then, with all
/// that recorded, does `next` with the entry and the digests whose blobs are there, and records once more.
///
/// # Errors
///
/// As those of a download; [`Error::NoRoom`](crate::Error::NoRoom) instead of exceeding the budget.
pub(crate) fn into_store(
    inner: &Inner,
    prepared: &Prepared,
    found: &BTreeMap<Sha256Digest, Vec<PathBuf>>,
    next: impl FnOnce(&Turn<'_>, &mut Entry, &HashSet<Sha256Digest>) -> Result<()>,
) -> Result<InStore> {
    let lease = inner.store.lease(&prepared.entry_files)?;
    let turn = waiting(inner, prepared, |waiting| inner.store.turn(&prepared.id, waiting))?;
    turn.sign();
    let mut entry = inner.store.entry(&prepared.id)?.unwrap_or_else(|| new_entry(prepared));
    // What was taken before must not make room for what comes after it.
    let budget = Budget { strict: true, ..inner.budget() };
    let reserved = Store::reserve(&turn, &mut entry, 0, &budget)?;
    inner.log_evictions(&reserved.evicted);
    let (mut adopted, mut here, mut seen) = (Vec::new(), HashSet::new(), HashSet::new());
    for file in prepared.pins.files.iter().filter(|file| seen.insert(file.sha256)) {
        let Some(paths) = found.get(&file.sha256) else { continue };
        if let Some((memo, taken)) = take(inner, prepared, file, paths, &entry)? {
            remember(&mut entry, &file.sha256, memo);
            here.insert(file.sha256);
            adopted.extend(taken);
        }
    }
    turn.record(&mut entry)?;
    next(&turn, &mut entry, &here)?;
    turn.record(&mut entry)?;
    Ok(InStore { adopted, _lease: lease })
}

/// The paths of what was found.
#[cfg(feature = "cli")]
pub(crate) fn paths(finds: &Finds) -> BTreeMap<Sha256Digest, Vec<PathBuf>> {
    let paths = finds.iter().map(|(digest, found)| (*digest, found.iter().map(|file| file.path.clone()).collect()));
    paths.collect()
}

/// The folder that holds all of `paths`.
pub(crate) fn common_folder<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Option<PathBuf> {
    let mut folders = paths.into_iter().map(|path| path.parent().unwrap_or(path));
    let first = folders.next()?.to_owned();
    Some(folders.fold(first, |common, folder| {
        let shared = |ancestor: &&Path| folder.starts_with(ancestor);
        common.ancestors().find(shared).map_or_else(PathBuf::new, Path::to_owned)
    }))
}
