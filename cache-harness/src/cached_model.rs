//! What a test gets: a verified model in place, and the lease that keeps it there.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cache::Inner;
use crate::environment;
use crate::event::Outcome;
use crate::fs::LinkMode;
use crate::model::{FilePath, ModelName};
use crate::pins::{PinnedFile, Pins};
use crate::prepared::Prepared;
use crate::private::Private;
use crate::provider::Layout;
use crate::provider_kind::ProviderKind;
use crate::store::Lease;

/// A verified model on disk, protected from eviction for as long as this value lives.
///
/// # Examples
///
/// ```text
/// #[cached_model("whisper-tiny")]
/// #[test]
/// fn loads(model: CachedModel) {
///     let config = std::fs::read_to_string(model.file("config.json").unwrap()).unwrap();
///     …
/// }
/// ```
#[must_use = "the model may be evicted once this is dropped"]
pub struct CachedModel {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) folder: PathBuf,
    pub(crate) files: Arc<[CachedFile]>,
    pub(crate) outcome: Outcome,
    pub(crate) fallback_for: Option<ModelName>,
    pub(crate) bytes: u64,
    pub(crate) fetched_bytes: u64,
    /// Whether whoever asked forbade the network.
    pub(crate) offline: bool,
    pub(crate) held: Held,
}

/// One file of a model in place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedFile {
    /// Its path inside the model.
    pub name: FilePath,
    /// Where the consumer opens it.
    pub path: PathBuf,
    /// Its SHA-256.
    pub sha256: crate::Sha256Digest,
    /// How it came to its place.
    pub link_mode: LinkMode,
}

impl CachedFile {
    /// The files of a layout, with the link mode of each.
    pub(crate) fn all(pins: &Pins, layout: &Layout, modes: impl IntoIterator<Item = LinkMode>) -> Arc<[Self]> {
        let files = layout.files.iter().zip(&pins.files).zip(modes);
        let file = |((place, pinned), link_mode): ((&(FilePath, PathBuf), &PinnedFile), LinkMode)| Self {
            name: place.0.clone(),
            path: place.1.clone(),
            sha256: pinned.sha256,
            link_mode,
        };
        files.map(file).collect()
    }
}

/// What ends with the model: first the lease, then what the lease kept too long.
pub(crate) struct Held {
    pub(crate) lease: Option<Lease>,
    pub(crate) private: Option<Private>,
    pub(crate) cache: Arc<Inner>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.private = None;
        if self.lease.take().is_some() {
            self.cache.released();
        }
    }
}

impl CachedModel {
    /// The model's name as it was asked for: the fallback's if that stood in.
    #[must_use]
    pub fn name(&self) -> &str {
        self.prepared.asked_name()
    }

    /// The variant that was taken; `None` for the model itself.
    #[must_use]
    pub fn variant(&self) -> Option<&str> {
        self.prepared.name().variant()
    }

    /// The model that was asked for, if this one stands in for it.
    #[must_use]
    pub fn fallback_for(&self) -> Option<&str> {
        self.fallback_for.as_ref().map(ModelName::as_str)
    }

    /// The layout that the model was restored into.
    #[must_use]
    pub fn provider(&self) -> ProviderKind {
        self.prepared.provider
    }

    /// The folder that holds the model's files.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Where a file of the model is, by its path inside the model; `None` if the pins have no such file.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&Path> {
        self.files.iter().find(|file| file.name.as_str() == name).map(|file| file.path.as_path())
    }

    /// All files of the model.
    #[must_use]
    pub fn files(&self) -> &[CachedFile] {
        &self.files
    }

    /// What it took to put the model in place.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The size of the model in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that had to be fetched for it now.
    #[must_use]
    pub fn fetched_bytes(&self) -> u64 {
        self.fetched_bytes
    }

    /// The variables by which a child process finds the model, for `Command::envs`;
    /// [`ModelEnvs`](crate::ModelEnvs) sets them on a command. Offline, `HF_HUB_OFFLINE` and
    /// `TRANSFORMERS_OFFLINE` are among them.
    ///
    /// The environment of this process is never changed: other threads may be reading it.
    pub fn envs(&self) -> impl Iterator<Item = (&str, &OsStr)> {
        let own = self.held.private.as_ref().map(|private| &private.variables);
        let variables = own.unwrap_or(&self.prepared.root.variables).iter();
        let offline = environment::OFFLINE_CONSUMERS.into_iter().filter(|_| self.offline);
        let offline = offline.map(|name| (name, OsStr::new("1")));
        variables.map(|(name, value)| (*name, value.as_os_str())).chain(offline)
    }
}

impl fmt::Debug for CachedModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CachedModel")
            .field("name", &self.prepared.name().as_str())
            .field("path", &self.folder)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
