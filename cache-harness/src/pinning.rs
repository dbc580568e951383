//! Pinning: which bytes a declared model has today.
//!
//! A `path` model is read where it stands. A `urls` model is downloaded once, into the store if that can be used,
//! so that its first test need not fetch it again. Of several addresses only the first is asked: what the others
//! send is compared with this pin whenever they are used. Nothing here writes a catalog or a lock file.

mod folder;

use std::path::Path;

use crate::address::{self, PlainHttp};
use crate::catalog::{Declared, Source};
use crate::config::Config;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fetch::{self, Fetcher, Job};
use crate::fs::{self, Found};
use crate::lock::Waiting;
use crate::model::FilePath;
use crate::pins::{self, LockFile, PinnedFile, Pins};
use crate::progress::{Progress, Step};
use crate::store::{Checked, OnDamage, Proofs, Slot, Store};

pub(crate) use folder::pin_path;

/// What pinning needs.
#[derive(Clone, Copy)]
pub(crate) struct Pinning<'a> {
    pub(crate) config: &'a Config,
    pub(crate) store: &'a Store,
    pub(crate) fetcher: &'a Fetcher,
    pub(crate) progress: &'a Progress,
    /// The pins so far.
    pub(crate) lock: &'a LockFile,
}

impl Pinning<'_> {
    /// The pins that `declared` has now. A model of the Hub keeps those it has.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or named, a download that fails or must not be made, bytes other than the digest
    /// in the catalog, and a model of the Hub without pins of the declared source.
    pub(crate) fn pin(self, declared: &Declared) -> Result<Pins> {
        let files = match &declared.source {
            Source::Path(path, _) => pin_path(path)?,
            Source::Urls(urls) => vec![self.pin_urls(declared, urls)?],
            Source::Hub { .. } => return pins::resolve(declared, self.lock),
        };
        Ok(Pins { source: declared.source.describe(), commit: None, files })
    }

    fn pin_urls(self, declared: &Declared, urls: &[String]) -> Result<PinnedFile> {
        let url = urls.first().map_or("", String::as_str);
        let path = address::file_name(url).map_err(|reason| Error::Refused { url: address::shown(url), reason })?;
        let pinned = |sha256, size| PinnedFile { path: path.clone(), size: Some(size), sha256, etag: None };
        let download = Download { pinning: self, declared, path: &path, url };
        let Some(sha256) = declared.sha256 else {
            let (sha256, size) = download.unknown()?;
            return Ok(pinned(sha256, size));
        };
        // The catalog pins the digest, and a size once seen under it cannot change.
        match self.lock.models.get(&declared.name).map(|pins| pins.files.as_slice()) {
            Some([file]) if file.sha256 == sha256 && file.size.is_some() => Ok(PinnedFile { path, ..file.clone() }),
            _ => download.known(sha256).map(|size| pinned(sha256, size)),
        }
    }
}

/// One file that is fetched in order to be pinned.
struct Download<'a> {
    pinning: Pinning<'a>,
    declared: &'a Declared,
    path: &'a FilePath,
    url: &'a str,
}

impl Download<'_> {
    /// Fetches bytes of which nothing is known; their digest and size.
    fn unknown(&self) -> Result<(Sha256Digest, u64)> {
        self.refuse_offline()?;
        self.refuse_plain_http()?;
        self.with_store(|store| {
            let moved = || size(&store.partial(&Sha256Digest::of(self.url.as_bytes())));
            let draft = store.draft(self.url, self.limit(), &self.waiting(&moved))?;
            // Nothing is known of these bytes yet, so that nobody on the way may choose them.
            let source = [fetch::Source::Url(fetch::Address::of_other(self.url, PlainHttp::Loopback))];
            let (draft, received) = self.pinning.fetcher.bring(self.job(&source), draft, self.progress()).partial?;
            draft.publish(received, store, &Waiting::BRIEF)?;
            Ok((received.digest, received.size))
        })
    }

    /// Makes sure that the bytes of `sha256` can be had; their size.
    fn known(&self, sha256: Sha256Digest) -> Result<u64> {
        let file = PinnedFile { path: self.path.clone(), size: None, sha256, etag: None };
        let pins = Pins { source: self.declared.source.describe(), commit: None, files: vec![file.clone()] };
        let sources = fetch::Source::of(self.declared, &pins, &file, self.pinning.config);
        self.with_store(|store| {
            let moved = || size(&store.partial(&sha256));
            loop {
                match store.slot(&sha256, None, self.limit(), &self.waiting(&moved))? {
                    Slot::Vacant(partial) => {
                        self.refuse_offline()?;
                        let fetched = self.pinning.fetcher.fill(self.job(&sources), partial, self.progress());
                        return Ok(fetched.memo?.fingerprint.size);
                    }
                    Slot::Present => {
                        let mut proofs =
                            Proofs::new(store, self.pinning.config.rehash_after.value, OnDamage::Quarantine);
                        if let Checked::Proven(memo) = proofs.check(&sha256, None)? {
                            return Ok(memo.fingerprint.size);
                        }
                    }
                }
            }
        })
    }

    /// Calls `fetch` with the store or, where that cannot be used, with one that is thrown away: a pin can be
    /// made all the same.
    fn with_store<T>(&self, fetch: impl Fn(&Store) -> Result<T>) -> Result<T> {
        let fetched = if self.pinning.store.make_usable().is_ok() {
            fetch(self.pinning.store)
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
        let offline = &self.pinning.config.offline;
        if !offline.value {
            return Ok(());
        }
        let reason = format!("its bytes are not known yet, and the network is off ({})", offline.origin);
        Err(Error::Refused { url: address::shown(self.url), reason })
    }

    /// Nothing is known of these bytes yet, so that nobody on the way may choose them.
    fn refuse_plain_http(&self) -> Result<()> {
        if address::is_allowed(self.url, PlainHttp::Loopback).is_ok() {
            return Ok(());
        }
        let reason = "whoever is on the way could choose what gets pinned: write its `sha256` into the catalog";
        Err(Error::Refused { url: address::shown(self.url), reason: reason.into() })
    }

    fn job<'j>(&'j self, sources: &'j [fetch::Source]) -> Job<'j> {
        let patience = self.pinning.config.patience.value;
        Job { model: self.declared.name.as_str(), file: self.path, sources, patience }
    }

    /// Waits for another process for as long as `moved` changes.
    fn waiting<'w>(&self, moved: &'w dyn Fn() -> u64) -> Waiting<'w> {
        Waiting { patience: self.pinning.config.patience.value, progress: moved, ..Waiting::BRIEF }
    }

    fn limit(&self) -> u64 {
        self.pinning.config.max_size.value.0
    }

    fn progress(&self) -> &Progress {
        self.pinning.progress
    }
}

fn size(path: &Path) -> u64 {
    match fs::look(path) {
        Ok(Found::File(file)) => file.size,
        _ => 0,
    }
}
