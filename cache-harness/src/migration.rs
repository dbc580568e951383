//! Moving an old folder of models into the store.
//!
//! ```text
//! plan        the folder is looked through; what has pinned bytes moves, all else is left and named
//! carry out   for each model: its bytes into the store, durably; only then its originals go, or become links
//! ```
//! At every moment the bytes of a file are at its old path or in the store as a blob that an entry in use names, so a
//! kill loses nothing, and the next `migrate` goes on. Models stay in use until the last has moved, and one that finds
//! no room beside the others stays where it is: nothing is moved in to be evicted right away. An original goes only
//! while it is what was hashed. What the catalog itself names as a `path` is its source, and stays; so does a small
//! file that has pinned bytes like many another, and what is in somebody's work (`.git`, `Cargo.toml`, ...).
//!
//! A link that is left is a hard link to the blob, recorded as placed: it is read-only, never dangles, and goes with
//! the model when that is evicted. A symbolic link into a provider's folder would then dangle, and a program that
//! writes through a dangling link, or removes what a link leads to (`hf cache rm`), would do so in that folder.

mod kin;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::kin::Kin;

use crate::adoption::{self, InStore};
use crate::cache::Cache;
use crate::catalog::Source;
use crate::digest::Sha256Digest;
use crate::discovery::{Extent, Finds, Wanted};
use crate::error::{Error, Result};
use crate::fs::{self, Found, LinkMode, Placing, Search, Sighted, Unseen};
use crate::prepared::Prepared;
use crate::store::{Circumstances, Content, Entry, Owner, Placed, Store, Turn};

/// What becomes of the originals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Originals {
    Remove,
    Link,
}

/// What can move, and what stays.
#[derive(Debug)]
pub(crate) struct Plan {
    from: PathBuf,
    models: Vec<Arc<Prepared>>,
    pub(crate) moves: Finds,
    pub(crate) left: Vec<Left>,
    pub(crate) unseen: Vec<Unseen>,
    symlinks: Vec<PathBuf>,
}

/// A file that stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) reason: String,
}

/// A file that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) path: PathBuf,
    pub(crate) model: String,
    pub(crate) sha256: Sha256Digest,
    pub(crate) bytes: u64,
}

/// What came of carrying out a plan.
#[derive(Debug, Default)]
pub(crate) struct Migrated {
    pub(crate) moved: Vec<Moved>,
    pub(crate) left: Vec<Left>,
    /// Models that could not be taken in; their files are where they were.
    pub(crate) failures: Vec<Error>,
}

impl Plan {
    /// Looks through `search`, which has been through the folder `from`, for the files of `models`.
    pub(crate) fn new(cache: &Cache, from: &Path, models: Vec<Arc<Prepared>>, mut search: Search) -> Result<Self> {
        let files = models.iter().flat_map(|model| &model.pins.files);
        let mut moves = Wanted::new(files).among(&mut search, Extent::All);
        let sources: Vec<PathBuf> = cache.inner.catalog.models.values().filter_map(own_source).collect();
        let placed: HashSet<PathBuf> = cache.inner.store.entries()?.into_iter().flat_map(placed).collect();
        let stays = |file: &Sighted| {
            if sources.iter().any(|source| file.path.starts_with(source)) {
                return Some("it is the `path` of a model of the catalog");
            }
            placed.contains(&file.path).then_some("cache-harness placed it")
        };
        let mut left: BTreeMap<PathBuf, Left> = BTreeMap::new();
        let mut leave = |file: &Sighted, reason: &str| {
            let (path, bytes, reason) = (file.path.clone(), file.fingerprint.size, reason.to_owned());
            left.insert(path.clone(), Left { path, bytes, reason });
        };
        for found in moves.values_mut() {
            found.retain(|file| {
                stays(file).is_none_or(|reason| {
                    leave(file, reason);
                    false
                })
            });
        }
        let kin = Kin::of(&models, &moves);
        for (digest, found) in &mut moves {
            found.retain(|file| {
                let belongs = kin.has(digest, file);
                if !belongs {
                    leave(file, "it is small, and not beside the rest of its model");
                }
                belongs
            });
        }
        moves.retain(|_, found| !found.is_empty());
        let moving: HashSet<_> = moves.values().flatten().map(|file| &file.path).collect();
        let (files, symlinks, unseen) = (search.files, search.symlinks, search.unseen);
        let told: HashSet<PathBuf> = left.keys().cloned().collect();
        let mut leave = |file: &Sighted, reason: &str| {
            let (path, bytes, reason) = (file.path.clone(), file.fingerprint.size, reason.to_owned());
            left.insert(path.clone(), Left { path, bytes, reason });
        };
        for file in files.iter().filter(|file| !moving.contains(&file.path) && !told.contains(&file.path)) {
            leave(file, stays(file).unwrap_or("no pinned file has its bytes"));
        }
        let left = left.into_values().collect();
        Ok(Self { from: from.to_owned(), models, moves, left, unseen, symlinks })
    }

    /// The bytes of what can move.
    pub(crate) fn bytes(&self) -> u64 {
        self.moves.values().flatten().map(|file| file.fingerprint.size).sum()
    }

    /// The first model that has a file with this digest.
    pub(crate) fn model_of(&self, digest: &Sha256Digest) -> String {
        let has = |model: &&Arc<Prepared>| model.pins.files.iter().any(|file| file.sha256 == *digest);
        self.models.iter().find(has).map_or_else(String::new, |model| model.name().to_string())
    }

    /// Moves what can move.
    pub(crate) fn carry_out(self, cache: &Cache, originals: Originals) -> Migrated {
        let inner = &cache.inner;
        let paths = adoption::paths(&self.moves);
        let mut leading: BTreeMap<PathBuf, Vec<&PathBuf>> = BTreeMap::new();
        for link in &self.symlinks {
            if let Ok(target) = link.canonicalize() {
                leading.entry(target).or_default().push(link);
            }
        }
        let mut moving = Moving { plan: &self, originals, leading, settled: HashSet::new(), done: Migrated::default() };
        let mut in_use: Vec<InStore> = Vec::new();
        for model in &self.models {
            if !model.pins.files.iter().any(|file| paths.contains_key(&file.sha256)) {
                continue;
            }
            let settle = |turn: &Turn<'_>, entry: &mut Entry, here: &HashSet<Sha256Digest>| {
                moving.settle(turn, entry, model, here)
            };
            match adoption::into_store(inner, model, &paths, settle) {
                Ok(taken) => in_use.push(taken),
                Err(error) => moving.done.failures.push(error),
            }
        }
        moving.done
    }
}

/// A plan that is being carried out.
struct Moving<'a> {
    plan: &'a Plan,
    originals: Originals,
    /// The symbolic links in the folder that lead to a path.
    leading: BTreeMap<PathBuf, Vec<&'a PathBuf>>,
    settled: HashSet<PathBuf>,
    done: Migrated,
}

impl Moving<'_> {
    /// Does with the originals of a model what was asked for; the blobs of `here` are in place.
    fn settle(
        &mut self,
        turn: &Turn<'_>,
        entry: &mut Entry,
        model: &Prepared,
        here: &HashSet<Sha256Digest>,
    ) -> Result<()> {
        let plan = self.plan;
        for (digest, file) in plan.moves.iter().flat_map(|(digest, files)| files.iter().map(move |file| (digest, file)))
        {
            if !here.contains(digest) || !self.settled.insert(file.path.clone()) {
                continue;
            }
            let bytes = file.fingerprint.size;
            match self.settle_one(turn, entry, digest, file)? {
                None => {
                    let (path, model) = (file.path.clone(), model.name().to_string());
                    self.done.moved.push(Moved { path, model, sha256: *digest, bytes });
                }
                Some(reason) => self.done.left.push(Left { path: file.path.clone(), bytes, reason }),
            }
        }
        Ok(())
    }

    /// Removes or links an original; why not, if it stays.
    fn settle_one(
        &self,
        turn: &Turn<'_>,
        entry: &mut Entry,
        digest: &Sha256Digest,
        file: &Sighted,
    ) -> Result<Option<String>> {
        let blob = turn.store().blob(digest);
        let (Found::File(now), Found::File(blob_now)) = (fs::look(&file.path)?, fs::look(&blob)?) else {
            return Ok(Some("it is not there any more".to_owned()));
        };
        // The end of another name of it, or a new one, changes its time: its bytes decide.
        if now != file.fingerprint && !fs::has_digest(&file.path, digest).map_err(Error::io("read", &file.path))? {
            return Ok(Some("it was changed meanwhile".to_owned()));
        }
        let tag = Store::leftover_tag(turn.id());
        let name = file.path.file_name().unwrap_or_default().as_encoded_bytes();
        if self.originals == Originals::Link && !name.starts_with(tag.as_bytes()) {
            if !now.same_file(&blob_now) {
                let source = fs::Source { path: &blob, digest, tag: &tag, stamp: None };
                if let Err(error) = fs::place(source, &file.path, &[LinkMode::Hardlink], Placing::Replace) {
                    return Ok(Some(format!("no link can be left: {error}")));
                }
            }
            if let (Found::File(linked), Some(memo)) = (fs::look(&blob)?, entry.memos.get_mut(digest))
                && memo.fingerprint.same_content(&linked)
            {
                memo.fingerprint = linked;
            }
            let content = Content::Blob { sha256: *digest, mode: LinkMode::Hardlink };
            entry.placed.retain(|placed| placed.path != file.path);
            let placed = Placed {
                path: file.path.clone(),
                content,
                owner: Owner::Ours,
                proof: None,
                circumstances: Circumstances::default(),
            };
            entry.placed.push(placed.witnessed(&fs::real_folder(file.path.parent().unwrap_or(&file.path)))?);
            // A kill before this leaves a link that nobody removes, rather than one whose blob is gone.
            turn.record(entry)?;
            return Ok(None);
        }
        for link in self.leading.get(&file.path).into_iter().flatten() {
            fs::remove_file(link)?;
        }
        fs::remove_file(&file.path)?;
        let links = self.leading.get(&file.path).into_iter().flatten().map(|link| link.as_path());
        for path in links.chain([file.path.as_path()]) {
            let inside = |folder: &&Path| folder.starts_with(&self.plan.from) && *folder != self.plan.from;
            path.ancestors().skip(1).take_while(inside).for_each(fs::remove_empty_folder);
        }
        Ok(None)
    }
}

/// Where a model of the catalog comes from, if that is a file or folder here.
fn own_source(declared: &crate::catalog::Declared) -> Option<PathBuf> {
    match &declared.source {
        Source::Path(path, _) => Some(path.canonicalize().unwrap_or_else(|_| path.clone())),
        _ => None,
    }
}

fn placed((_, entry): (crate::store::EntryId, Entry)) -> impl Iterator<Item = PathBuf> {
    entry.placed.into_iter().map(|placed| placed.path)
}
