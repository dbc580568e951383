//! The catalog and its lock file while this process alone edits them.
//!
//! Pinning can take minutes and is done before; then the files are read again under the lock, changed and
//! written, so that of two commands at the same time neither undoes the other. The lock's file lies in the state
//! folder: a project has no use for it.

use std::path::{Path, PathBuf};

use super::{Context, catalog_text, merge_rule};
use crate::ask::Ask;
use crate::builtin::Status;
use crate::cache::Inner;
use crate::catalog::{Catalog, Declared, Source};
use crate::digest::Sha256Digest;
use crate::document::{self, Document};
use crate::error::{Error, Result};
use crate::event::Via;
use crate::fill;
use crate::fs;
use crate::lock::{ExclusiveLock, Waiting};
use crate::model::ModelName;
use crate::notice;
use crate::pinning::{Commit, Pinned, Pinning};
use crate::pins::{self, LockFile};

/// The right to change a catalog and its lock file. What is not written is as it was.
#[must_use = "the files are written by `write`"]
pub(super) struct Edit {
    path: PathBuf,
    /// The catalog's text; `None` as long as there is no catalog.
    pub(super) text: Option<String>,
    pub(super) lock: LockFile,
    turn: Option<ExclusiveLock>,
}

impl Edit {
    /// Waits until no other process edits the files, and reads them.
    pub(super) fn begin(inner: &Inner) -> Result<Self> {
        let path = catalog_path(inner);
        let turn = ExclusiveLock::acquire(&turn_file(inner, &path)?, &Waiting::BRIEF)?;
        let (text, lock) = (document::read(&path)?, LockFile::read(&LockFile::beside(&path))?);
        refuse_newer(&lock)?;
        Ok(Self { path, text, lock, turn: Some(turn) })
    }

    /// The models that the catalog declares now.
    pub(super) fn catalog(&self, inner: &Inner) -> Result<Catalog> {
        parse(&self.path, self.text.as_deref().unwrap_or_default(), inner)
    }

    /// Writes what changed; the lock file last, so that nothing is pinned that is not declared.
    pub(super) fn write(self) -> Result<()> {
        let before = document::read(&self.path)?;
        if let Err(error) = merge_rule::establish(&self.lock.path) {
            notice::warn(&format!("git was not told how to merge the lock file: {error}"));
        }
        if let Some(text) = &self.text {
            write(&self.path, text)?;
        }
        let pinned = write(&self.lock.path, &self.lock.render());
        if let (Err(_), Some(before)) = (&pinned, before) {
            // What is declared without pins would be an error in every test.
            write(&self.path, &before)?;
        }
        pinned
    }
}

impl Drop for Edit {
    fn drop(&mut self) {
        if let Some(turn) = self.turn.take() {
            // Whoever waits finds the file gone and makes another.
            let _ = turn.remove();
        }
    }
}

/// Whether a digest that only third parties state may be compared with its source, and so become a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unconfirmed {
    Refused,
    Accepted,
}

/// Refuses to pin a model whose digest is unconfirmed, unless it is pinned already.
pub(super) fn admit(inner: &Inner, declared: &Declared, unconfirmed: Unconfirmed) -> Result<()> {
    let is_pinned = || {
        let pins = inner.lock.models.get(&declared.name);
        pins.is_some_and(|pins| pins.source == declared.source.describe())
    };
    match declared.builtin {
        Some(builtin)
            if builtin.status == Status::Unconfirmed && unconfirmed == Unconfirmed::Refused && !is_pinned() =>
        {
            let model = inner.catalog.models.contains_key(&declared.name).then(|| declared.name.to_string());
            Err(Error::Unconfirmed { builtin: builtin.name().to_string(), model })
        }
        _ => Ok(()),
    }
}

/// Pins a model. What was downloaded for it stays in the cache as long as the budget has room.
pub(super) fn pin(inner: &Inner, declared: &Declared, commit: Commit) -> Result<Pinned> {
    if declared.is_pinned_by_builtin() {
        return Ok(pins::resolve(declared, &inner.lock)?.into());
    }
    let (config, store) = (&inner.config, &inner.store);
    let pins = pinning(inner).pin(declared, commit);
    let downloaded = !matches!(declared.source, Source::Path(..)) && store.is_ours();
    if downloaded && store.survey()?.used() > config.max_size.value.0 {
        inner.log_evictions(&store.trim(&inner.budget())?);
    }
    if let (Some(builtin), Ok(pinned)) = (declared.builtin, &pins) {
        builtin.confirm(&pinned.pins)?;
    }
    pins
}

/// Has the store keep what pinning these models fetched.
pub(super) fn keep<'a>(context: &Context, names: impl IntoIterator<Item = &'a ModelName>) {
    // What cannot be kept is fetched when it is asked for: the pins are written, which is what this was about.
    let Ok(cache) = context.cache() else { return };
    for name in names {
        let prepared = cache.inner.prepared(&Ask::exactly(name.as_str(), Via::Restore));
        let _ = prepared.and_then(|prepared| fill::keep(&cache.inner, &prepared));
    }
}

/// What pinning needs.
pub(super) fn pinning(inner: &Inner) -> Pinning<'_> {
    let Inner { config, store, fetcher, progress, lock, .. } = inner;
    Pinning { config, store, fetcher, progress, lock }
}

/// The catalog that is edited: the one that was found, else one in the current folder.
pub(super) fn catalog_path(inner: &Inner) -> PathBuf {
    inner.catalog.path.clone().unwrap_or_else(|| inner.catalog.start.join("cache-harness.toml"))
}

/// The catalog's text, or that of a new one.
pub(super) fn catalog_or_new(path: &Path) -> Result<String> {
    Ok(document::read(path)?.unwrap_or_else(|| catalog_text::NEW.to_owned()))
}

/// The models in a catalog's text, written or not.
pub(super) fn parse(path: &Path, text: &str, inner: &Inner) -> Result<Catalog> {
    Catalog::read(&mut Document::parse(path, text)?.root(), &inner.config.providers, &inner.environment)
}

/// Writing it back would drop what this version does not understand.
pub(super) fn refuse_newer(lock: &LockFile) -> Result<()> {
    if !lock.newer {
        return Ok(());
    }
    let reason = "a newer version of cache-harness wrote it; update cache-harness";
    Err(Error::io("change", &lock.path)(std::io::Error::other(reason)))
}

/// An unchanged file is left alone: writing it would rebuild every annotated test.
fn write(path: &Path, text: &str) -> Result<()> {
    // Through a symbolic link: the project may keep its files elsewhere.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if document::read(&path)?.as_deref() == Some(text) {
        return Ok(());
    }
    fs::write_durable(&path, text.as_bytes())
}

fn turn_file(inner: &Inner, catalog: &Path) -> Result<PathBuf> {
    let folder = inner.config.state_dir.join("edits");
    let folder = match fs::create_folders(&folder) {
        Ok(_) => folder,
        Err(_) => fs::private_folder("cache-harness-edits")?,
    };
    let real = match (catalog.parent().map(Path::canonicalize), catalog.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => catalog.to_owned(),
    };
    let key = Sha256Digest::of(real.as_os_str().as_encoded_bytes());
    Ok(folder.join(format!("{}.lock", key.short())))
}
