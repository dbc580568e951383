//! Pinning: which bytes a declared model has today.
//!
//! A `path` model is read where it stands. A `urls` model is downloaded once, into the store if that can be used,
//! so that its first test need not fetch it again. Of several addresses only the first is asked: what the others
//! send is compared with this pin whenever they are used. Nothing here writes a catalog or a lock file.

mod folder;

use std::path::Path;

use crate::address;
use crate::cache::Inner;
use crate::catalog::{Declared, Source};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fetch::{self, Job};
use crate::fs::{self, Found};
use crate::lock::Waiting;
use crate::model::FilePath;
use crate::pins::{PinnedFile, Pins};
use crate::progress::{Progress, Step};
use crate::store::{Checked, OnDamage, Proofs, Slot, Store};

pub(crate) use folder::pin_path;

/// The pins that `declared` has now; `locked` are those it had, if any.
///
/// # Errors
///
/// A file that cannot be read or named, a download that fails or must not be made, bytes other than the digest
/// in the catalog, and [`Error::Unpinned`] for a model of the Hub.
pub(crate) fn pin(inner: &Inner, declared: &Declared, locked: Option<&Pins>) -> Result<Pins> {
    let files = match &declared.source {
        Source::Path(path, _) => pin_path(path)?,
        Source::Urls(urls) => vec![pin_urls(inner, declared, urls, locked)?],
        Source::Hub { .. } => {
            return Err(Error::Unpinned { name: declared.name.to_string(), lock: inner.lock.path.clone() });
        }
    };
    Ok(Pins { source: declared.source.describe(), commit: None, files })
}

fn pin_urls(inner: &Inner, declared: &Declared, urls: &[String], locked: Option<&Pins>) -> Result<PinnedFile> {
    let url = urls.first().map_or("", String::as_str);
    let path = address::file_name(url).map_err(|reason| Error::Refused { url: url.to_owned(), reason })?;
    let pinned = |sha256, size| PinnedFile { path: path.clone(), size: Some(size), sha256, etag: None };
    let Some(sha256) = declared.sha256 else {
        let (sha256, size) = Download { inner, declared, path: &path, url }.unknown()?;
        return Ok(pinned(sha256, size));
    };
    // The catalog pins the digest, and a size once seen under it cannot change.
    match locked.map(|pins| pins.files.as_slice()) {
        Some([file]) if file.sha256 == sha256 && file.size.is_some() => Ok(PinnedFile { path, ..file.clone() }),
        _ => Download { inner, declared, path: &path, url }.known(sha256, urls).map(|size| pinned(sha256, size)),
    }
}

/// One file that is fetched in order to be pinned.
struct Download<'a> {
    inner: &'a Inner,
    declared: &'a Declared,
    path: &'a FilePath,
    url: &'a str,
}

impl Download<'_> {
    /// Fetches bytes of which nothing is known; their digest and size.
    fn unknown(&self) -> Result<(Sha256Digest, u64)> {
        self.refuse_offline()?;
        self.with_store(|store| {
            let moved = || size(&store.partial(&Sha256Digest::of(self.url.as_bytes())));
            let draft = store.draft(self.url, self.limit(), &self.waiting(&moved))?;
            let (draft, received) = self.inner.fetcher.take(self.job(&[]), self.url, draft, self.progress())?;
            draft.publish(received, store, &Waiting::BRIEF)?;
            Ok((received.digest, received.size))
        })
    }

    /// Makes sure that the bytes of `sha256` can be had; their size.
    fn known(&self, sha256: Sha256Digest, urls: &[String]) -> Result<u64> {
        self.with_store(|store| {
            let sources: Vec<_> = urls.iter().map(|url| fetch::Source::Url { url: url.clone(), token: None }).collect();
            let moved = || size(&store.partial(&sha256));
            loop {
                match store.slot(&sha256, None, self.limit(), &self.waiting(&moved))? {
                    Slot::Vacant(partial) => {
                        self.refuse_offline()?;
                        let fetched = self.inner.fetcher.fill(self.job(&sources), partial, self.progress());
                        return Ok(fetched.memo?.fingerprint.size);
                    }
                    Slot::Present => {
                        let mut proofs = Proofs::new(store, self.inner.config.rehash_after.value, OnDamage::Quarantine);
                        if let Checked::Proven(memo) = proofs.check(&sha256, None)? {
                            return Ok(memo.fingerprint.size);
                        }
                    }
                }
            }
        })
    }

    /// Calls `fetch` with the store or, where that cannot be used, with one that is thrown away: a pin can be
    /// made all the same. What came is kept as long as the budget has room for it.
    fn with_store<T>(&self, fetch: impl Fn(&Store) -> Result<T>) -> Result<T> {
        let store = &self.inner.store;
        let fetched = if store.make_usable().is_ok() {
            let fetched = fetch(store);
            if store.survey()?.used() > self.limit() {
                self.inner.log_evictions(&store.trim(&self.inner.budget())?);
            }
            fetched
        } else {
            let scratch = fs::temporary_folder("cache-harness-")?;
            let store = Store::new(scratch.path());
            store.create()?;
            fetch(&store)
        };
        self.progress().step(Step::Done { model: self.declared.name.as_str() });
        fetched
    }

    fn refuse_offline(&self) -> Result<()> {
        let offline = &self.inner.config.offline;
        if !offline.value {
            return Ok(());
        }
        let reason = format!("its bytes are not known yet, and the network is off ({})", offline.origin);
        Err(Error::Refused { url: self.url.to_owned(), reason })
    }

    fn job<'j>(&'j self, sources: &'j [fetch::Source]) -> Job<'j> {
        let patience = self.inner.config.patience.value;
        Job { model: self.declared.name.as_str(), file: self.path, sources, patience }
    }

    /// Waits for another process for as long as `moved` changes.
    fn waiting<'w>(&self, moved: &'w dyn Fn() -> u64) -> Waiting<'w> {
        Waiting { patience: self.inner.config.patience.value, progress: moved, ..Waiting::BRIEF }
    }

    fn limit(&self) -> u64 {
        self.inner.config.max_size.value.0
    }

    fn progress(&self) -> &Progress {
        &self.inner.progress
    }
}

fn size(path: &Path) -> u64 {
    match fs::look(path) {
        Ok(Found::File(file)) => file.size,
        _ => 0,
    }
}
