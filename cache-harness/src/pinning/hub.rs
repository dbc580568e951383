//! Pinning files of a Hub repository.
//!
//! The listing says digest and size of what is in LFS. What is in git, the configurations and vocabularies, is fetched
//! into the store, hashed, and compared with its git blob id; what the pins of before have under that id is not asked
//! for again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use super::clash::clash;
use super::{Commit, Download, Pinned, Pinning};
use crate::address;
use crate::catalog::{Declared, Source};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fetch::Address;
use crate::hub::{Content, Head, Hub, Listed, blob_id, select};
use crate::lock::Waiting;
use crate::model::FilePath;
use crate::pins::{Coverage, MOST_BYTES, PinnedFile, Pins};
use crate::progress::Step;
use crate::store::Store;

/// How many files are fetched at once.
const FETCHES: usize = 4;

/// What git calls the content of a file, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Blob {
    oid: String,
    size: u64,
}

impl Pinning<'_> {
    /// The pins of what the patterns mean of a repository: its name, revision and patterns.
    pub(super) fn pin_hub(
        self,
        declared: &Declared,
        (repo, revision, patterns): (&str, &str, &[String]),
        commit: Commit,
    ) -> Result<Pinned> {
        let locked = self.lock.models.get(&declared.name).filter(|_| commit == Commit::Kept);
        let source = declared.source.describe();
        if let Some(pins) = locked.filter(|pins| pins.source == source) {
            return Ok(pins.clone().into());
        }
        let hub = self.hub(declared);
        let same_revision = locked.filter(|pins| Source::revision_part(&pins.source) == Source::revision_part(&source));
        let head = match same_revision.and_then(|pins| pins.commit.clone()) {
            Some(commit) => Head { repo: repo.to_owned(), commit },
            None => hub.head(repo, revision)?,
        };
        let listed = hub.files(&head)?;
        let chosen =
            select(&listed, patterns).map_err(|message| Error::Setting { name: format!("`{repo}`"), message })?;
        let files = self.pin_files(declared, &head, &chosen.files)?;
        let is_complete = chosen.files.len() == listed.len();
        let coverage = if is_complete { Coverage::Complete } else { Coverage::Unknown };
        let pins = Pins { source, commit: Some(head.commit), archive: None, signature: None, coverage, files };
        let left_out = chosen.left_out.iter().map(|file| file.path.clone()).collect();
        Ok(Pinned { pins, left_out, renamed: Some(head.repo).filter(|now| now != repo) })
    }

    /// The Hub, asked for `declared`.
    pub(crate) fn hub<'a>(&'a self, declared: &'a Declared) -> Hub<'a> {
        let Self { config, fetcher, progress, .. } = self;
        Hub { config, fetcher, progress, model: declared.name.as_str() }
    }

    fn pin_files(self, declared: &Declared, head: &Head, chosen: &[&Listed]) -> Result<Vec<PinnedFile>> {
        let page = format!("{}/{}", self.config.endpoint.value, head.repo);
        let refused = |reason| Error::Refused { url: address::shown(&page), reason };
        let path = |file: &&Listed| file.path.parse::<FilePath>();
        let paths: Vec<_> = chosen
            .iter()
            .map(path)
            .collect::<Result<_, _>>()
            .map_err(|error| refused(format!("{error}; patterns in `files` can leave it out")))?;
        let bytes = chosen.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size));
        if bytes > MOST_BYTES {
            return Err(refused(format!("its files have more than {MOST_BYTES} bytes")));
        }
        if let Some(reason) = clash(paths.iter()) {
            return Err(refused(reason));
        }
        let known = self.known(declared);
        let mut lacking = BTreeMap::new();
        for (path, file) in paths.iter().zip(chosen) {
            if let Content::Small(oid) = &file.content {
                let blob = Blob { oid: oid.clone(), size: file.size };
                if !known.contains_key(&blob) {
                    lacking.entry(blob).or_insert(path);
                }
            }
        }
        let fetched = self.fetch_small(declared, head, &lacking.into_iter().collect::<Vec<_>>())?;
        let pinned = |(path, file): (FilePath, &&Listed)| {
            let sha256 = match &file.content {
                Content::Large(sha256) => *sha256,
                Content::Small(oid) => {
                    let blob = Blob { oid: oid.clone(), size: file.size };
                    let sha256 = known.get(&blob).or_else(|| fetched.get(&blob));
                    *sha256.ok_or_else(|| refused(format!("`{path}` was not fetched")))?
                }
            };
            Ok(PinnedFile { path, size: Some(file.size), sha256, etag: Some(file.etag()) })
        };
        let mut files: Vec<_> = paths.into_iter().zip(chosen).map(pinned).collect::<Result<_>>()?;
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(files)
    }

    /// The digests of what is pinned.
    fn known(self, declared: &Declared) -> BTreeMap<Blob, Sha256Digest> {
        let pins = self.lock.models.get(&declared.name).into_iter().flat_map(|pins| &pins.files);
        pins.filter_map(|file| Some((Blob { oid: file.etag.clone()?, size: file.size? }, file.sha256))).collect()
    }

    /// The digests of these files.
    fn fetch_small(
        self,
        declared: &Declared,
        head: &Head,
        files: &[(Blob, &FilePath)],
    ) -> Result<BTreeMap<Blob, Sha256Digest>> {
        if files.is_empty() {
            return Ok(BTreeMap::new());
        }
        let model = declared.name.as_str();
        let bytes = files.iter().map(|(blob, _)| blob.size).sum();
        let max_bytes = self.config.max_size.value.0;
        if bytes > max_bytes {
            return Err(Error::OverBudget { model: model.to_owned(), bytes, max_bytes });
        }
        self.progress.step(Step::Lacks { model, files: files.len(), bytes: Some(bytes) });
        self.with_store(model, |store| {
            let queue = Mutex::new(files.iter());
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let work = || {
                let mut digests = BTreeMap::new();
                while let Some((blob, path)) = next() {
                    match self.small(declared, head, (blob, path), store) {
                        Ok(digest) => drop(digests.insert(blob.clone(), digest)),
                        Err(error) => {
                            while next().is_some() {}
                            return Err(error);
                        }
                    }
                }
                Ok(digests)
            };
            std::thread::scope(|scope| {
                // Where no more threads are to be had, this one does all.
                let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
                let others: Vec<_> = (1..FETCHES.min(files.len())).filter_map(spawn).collect();
                let own = work();
                let join = |all: Result<BTreeMap<_, _>>, other: ScopedJoinHandle<'_, Result<BTreeMap<_, _>>>| {
                    let digests = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                    let mut all = all?;
                    all.extend(digests?);
                    Ok(all)
                };
                others.into_iter().fold(own, join)
            })
        })
    }

    /// Fetches one file into the store.
    fn small(
        self,
        declared: &Declared,
        head: &Head,
        (blob, path): (&Blob, &FilePath),
        store: &Store,
    ) -> Result<Sha256Digest> {
        let address = Address::of_hub_file(&head.repo, &head.commit, path.as_str(), self.config);
        let refused = |reason| Error::Refused { url: address::shown(&address.url), reason };
        let addresses = vec![address.clone()];
        let download = Download { pinning: self, declared, path, addresses, size: Some(blob.size) };
        let (draft, received) = download.bring_unknown(store).map_err(|error| match sizes(&error) {
            Some((listed, sent)) => refused(format!("it has {sent} bytes, but the listing says {listed}")),
            None => error,
        })?;
        let oid = draft
            .reader()
            .and_then(|content| blob_id(content, received.size).map_err(Error::io("read", store.dir())))?;
        if oid != blob.oid {
            return Err(refused(format!("its git blob id is {oid}, but the listing says {}", blob.oid)));
        }
        draft.publish(received, store, &Waiting::BRIEF)?;
        Ok(received.digest)
    }
}

/// The sizes expected and sent, if that is what failed.
fn sizes(error: &Error) -> Option<(u64, u64)> {
    match error {
        Error::SizeMismatch { expected, actual, .. } => Some((*expected, *actual)),
        Error::SourcesFailed { attempts, .. } => attempts.iter().find_map(sizes),
        _ => None,
    }
}
