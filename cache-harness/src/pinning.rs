//! Pinning: which bytes a declared model has today.
//!
//! A `path` model is read where it stands. A `urls` model is downloaded once, into the store if that can be used,
//! so that its first test need not fetch it again. Of several addresses the first that sends it is asked: what the
//! others send is compared with this pin whenever they are used. What is unpacked is pinned twice: what was sent, and each
//! file that came out of it. Of a Hub repository the listing pins the large files, and the small ones are downloaded.
//! Nothing here writes a catalog or a lock file.

mod archive;
mod clash;
mod folder;
mod headers;
mod hub;

use std::path::Path;
use std::time::Duration;

use crate::address::{self, PlainHttp};
use crate::catalog::{Declared, Source};
use crate::config::Config;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fetch::{self, Fetcher, Job};
use crate::fs::{self, Found};
use crate::lock::Waiting;
use crate::model::FilePath;
use crate::pins::{Coverage, LockFile, PinnedFile, Pins};
use crate::progress::{Progress, Step};
use crate::store::{Checked, OnDamage, Partial, Proofs, Received, Slot, Store};

pub(crate) use folder::pin_path;
pub(crate) use headers::signed_files;

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

/// Whether a model of the Hub stays at the commit that it is pinned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commit {
    Kept,
    /// Its revision is looked up anew.
    Renewed,
}

/// The pins of a model, and what is to be said about them.
#[derive(Debug)]
pub(crate) struct Pinned {
    pub(crate) pins: Pins,
    /// Files of the Hub that hold the same weights as others, in another format.
    pub(crate) left_out: Vec<String>,
    /// What the repository is called now, if it is no longer what the catalog calls it.
    pub(crate) renamed: Option<String>,
}

impl From<Pins> for Pinned {
    fn from(pins: Pins) -> Self {
        Self { pins, left_out: Vec::new(), renamed: None }
    }
}

impl Pinning<'_> {
    /// The pins that `declared` has now. A model of the Hub keeps its commit, unless that is to be renewed or the
    /// catalog declares another revision; and everything, if the catalog declares the same as before.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or named, a download that fails or must not be made, bytes other than the digest
    /// in the catalog, and what the Hub does not tell or contradicts itself in.
    pub(crate) fn pin(self, declared: &Declared, commit: Commit) -> Result<Pinned> {
        let (archive, files) = match &declared.source {
            Source::Path(path, _) => (None, pin_path(path)?),
            Source::Urls(urls) => (None, vec![self.pin_urls(declared, urls)?]),
            Source::Archive { urls, files } => {
                let (path, addresses) = (file_name(urls)?, unpinned(urls));
                let download = Download { pinning: self, declared, path: &path, addresses, size: None };
                let (archive, files) = download.unpack(files)?;
                (Some(archive), files)
            }
            Source::Hub { repo, revision, files } => return self.pin_hub(declared, (repo, revision, files), commit),
        };
        Ok(Pins {
            source: declared.source.describe(),
            commit: None,
            archive,
            coverage: Coverage::Unknown,
            signature: None,
            files,
        }
        .into())
    }

    fn pin_urls(self, declared: &Declared, urls: &[String]) -> Result<PinnedFile> {
        let (path, addresses) = (file_name(urls)?, unpinned(urls));
        let pinned = |sha256, size| PinnedFile { path: path.clone(), size: Some(size), sha256, etag: None };
        let download = Download { pinning: self, declared, path: &path, addresses, size: None };
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

    /// Calls `fetch` with the store or, where that cannot be used, with one that is thrown away: a pin can be
    /// made all the same.
    fn with_store<T>(self, model: &str, fetch: impl Fn(&Store) -> Result<T>) -> Result<T> {
        let fetched = if self.store.make_usable().is_ok() {
            fetch(self.store)
        } else {
            let scratch = fs::temporary_folder("cache-harness-")?;
            let store = Store::new(scratch.path());
            store.create()?;
            fetch(&store)
        };
        self.progress.step(if fetched.is_ok() { Step::Done { model } } else { Step::Failed { model } });
        fetched
    }
}

/// One file that is fetched in order to be pinned.
struct Download<'a> {
    pinning: Pinning<'a>,
    declared: &'a Declared,
    path: &'a FilePath,
    /// Where it can be had; the first that sends it says what is pinned. There is at least one.
    addresses: Vec<fetch::Address>,
    /// Bytes, if they are known.
    size: Option<u64>,
}

impl Download<'_> {
    /// Fetches bytes of which nothing is known; their digest and size.
    fn unknown(&self) -> Result<(Sha256Digest, u64)> {
        self.pinning.with_store(self.model(), |store| {
            let (draft, received) = self.bring_unknown(store)?;
            draft.publish(received, store, &Waiting::BRIEF)?;
            Ok((received.digest, received.size))
        })
    }

    fn bring_unknown(&self, store: &Store) -> Result<(Partial, Received)> {
        self.refuse_offline()?;
        let mut attempts = Vec::new();
        for (index, address) in self.addresses.iter().enumerate() {
            match self.bring_from(store, address) {
                Err(Error::SourcesFailed { attempts: more, .. }) => attempts.extend(more),
                Err(error @ Error::Refused { .. }) if index + 1 < self.addresses.len() => attempts.push(error),
                brought => return brought,
            }
        }
        Err(Error::SourcesFailed { model: self.model().to_owned(), file: self.path.to_string(), attempts })
    }

    fn bring_from(&self, store: &Store, address: &fetch::Address) -> Result<(Partial, Received)> {
        refuse_plain_http(address)?;
        let url = &address.url;
        let moved = || size(&store.partial(&Sha256Digest::of(url.as_bytes())));
        let draft = self.wait(&moved, |waiting| store.draft(url, self.size, self.limit(), waiting))?;
        let source = [fetch::Source::Url(address.clone())];
        let bring = || self.pinning.fetcher.bring(self.job(&source), draft, self.progress());
        self.progress().ticking(self.model(), bring).partial
    }

    /// Where the bytes of this digest can be had.
    fn sources(&self, sha256: Sha256Digest) -> Vec<fetch::Source> {
        let file = PinnedFile { path: self.path.clone(), size: None, sha256, etag: None };
        let (source, files) = (self.declared.source.describe(), vec![file.clone()]);
        let pins = Pins { source, commit: None, archive: None, coverage: Coverage::Unknown, signature: None, files };
        fetch::Source::of(self.declared, &pins, &file, self.pinning.config)
    }

    /// Makes sure that the bytes of `sha256` can be had; their size.
    fn known(&self, sha256: Sha256Digest) -> Result<u64> {
        let sources = self.sources(sha256);
        self.pinning.with_store(self.model(), |store| {
            let moved = || size(&store.partial(&sha256));
            loop {
                match self.wait(&moved, |waiting| store.slot(&sha256, None, self.limit(), waiting))? {
                    Slot::Vacant(partial) => {
                        self.refuse_offline()?;
                        let fetch = || self.pinning.fetcher.fill(self.job(&sources), partial, self.progress());
                        let fetched = self.progress().ticking(self.model(), fetch);
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

    fn refuse_offline(&self) -> Result<()> {
        let offline = &self.pinning.config.offline;
        if !offline.value {
            return Ok(());
        }
        let reason = format!("its bytes are not known yet, and the network is off ({})", offline.origin);
        let url = self.addresses.first().map_or("", |address| &address.url);
        Err(Error::Refused { url: address::shown(url), reason })
    }

    fn job<'j>(&'j self, sources: &'j [fetch::Source]) -> Job<'j> {
        let patience = self.pinning.config.patience.value;
        Job { model: self.model(), file: self.path, sources, patience }
    }

    /// Waits for another process for as long as `moved` changes, which gives the bytes so far.
    fn wait<T>(&self, moved: &dyn Fn() -> u64, wait: impl FnOnce(&Waiting<'_>) -> Result<T>) -> Result<T> {
        let model = self.model();
        let notice = |holder: &str, waited: Duration| {
            self.progress().step(Step::Waiting { model, holder, waited, done: moved(), bytes: None });
        };
        wait(&Waiting { patience: self.pinning.config.patience.value, progress: moved, notice: &notice })
    }

    fn model(&self) -> &str {
        self.declared.name.as_str()
    }

    fn limit(&self) -> u64 {
        self.pinning.config.max_size.value.0
    }

    fn progress(&self) -> &Progress {
        self.pinning.progress
    }
}

/// The file that the first of the addresses names.
fn file_name(urls: &[String]) -> Result<FilePath> {
    let url = urls.first().map_or("", String::as_str);
    address::file_name(url).map_err(|reason| Error::Refused { url: address::shown(url), reason })
}

/// Where bytes can be had of which nothing is known yet.
fn unpinned(urls: &[String]) -> Vec<fetch::Address> {
    urls.iter().map(|url| fetch::Address::of_other(url, PlainHttp::Loopback)).collect()
}

/// Nothing is known of these bytes yet, so that nobody on the way may choose them.
fn refuse_plain_http(address: &fetch::Address) -> Result<()> {
    if address::is_allowed(&address.url, PlainHttp::Loopback).is_ok() {
        return Ok(());
    }
    let reason = "whoever is on the way could choose what gets pinned: write its `sha256` into the catalog";
    Err(Error::Refused { url: address::shown(&address.url), reason: reason.into() })
}

fn size(path: &Path) -> u64 {
    match fs::look(path) {
        Ok(Found::File(file)) => file.size,
        _ => 0,
    }
}
