//! Consumers' layouts: where each looks for a model's files, and which links it tolerates.
//!
//! One file per layout draws it and names its source of truth. A layout is a plan: paths and what should
//! stand there. [`restore`](crate::restore) carries it out.

mod directory;
mod huggingface;
mod openai_whisper;
mod torch_hub;

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::digest::Sha256Digest;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::fs::LinkMode;
use crate::model::{FilePath, ModelName};
use crate::pins::Pins;
use crate::provider_kind::ProviderKind;

/// A model to be laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a ModelName,
    /// The repository, for layouts that have one.
    pub(crate) hub_id: Option<&'a str>,
    /// The branch or tag that the pins were resolved from.
    pub(crate) revision: &'a str,
    pub(crate) pins: &'a Pins,
}

/// What should stand where for one model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    /// The folder that holds the model's files.
    pub(crate) folder: PathBuf,
    pub(crate) items: Vec<Item>,
    /// Where the consumer opens each file.
    pub(crate) files: Vec<(FilePath, PathBuf)>,
    /// How bytes may come into this layout, best first.
    pub(crate) ladder: &'static [LinkMode],
}

/// One path of a layout.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) path: PathBuf,
    pub(crate) wanted: Wanted,
}

/// What should stand at a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    /// A file's bytes.
    Bytes { file: FilePath, sha256: Sha256Digest },
    /// A relative symbolic link to an earlier item of the same layout.
    Pointer { file: FilePath, sha256: Sha256Digest, target: PathBuf, leads_to: PathBuf },
    /// A small file of the layout's own; one that says something else is left alone.
    Text(String),
}

impl Item {
    /// The item that a pointer leads to.
    pub(crate) fn leads_to(&self) -> Option<&Path> {
        match &self.wanted {
            Wanted::Pointer { leads_to, .. } => Some(leads_to),
            Wanted::Bytes { .. } | Wanted::Text(_) => None,
        }
    }
}

/// Hard links first: the consumer only reads, or replaces by rename.
const READ_ONLY: &[LinkMode] = &[LinkMode::Hardlink, LinkMode::Reflink, LinkMode::Copy];
/// An own inode: the consumer, or the test, writes to the file.
pub(crate) const WRITABLE: &[LinkMode] = &[LinkMode::Reflink, LinkMode::Copy];

impl Layout {
    /// Plans where `subject` goes below `root`, the provider's root.
    pub(crate) fn of(provider: ProviderKind, root: &Path, subject: Subject<'_>) -> Result<Self> {
        match provider {
            ProviderKind::Huggingface => huggingface::layout(root, subject),
            ProviderKind::OpenaiWhisper => Ok(openai_whisper::layout(root, subject)),
            ProviderKind::TorchHub => Ok(torch_hub::layout(root, subject)),
            ProviderKind::Directory => Ok(directory::layout(root, subject)),
        }
    }

    /// The files of `subject` below `folder`, each under its own path.
    pub(crate) fn plain(folder: PathBuf, subject: Subject<'_>, ladder: &'static [LinkMode]) -> Self {
        let place = |file: &crate::pins::PinnedFile| (file.path.clone(), file.path.below(&folder));
        let files: Vec<_> = subject.pins.files.iter().map(place).collect();
        let item = |((file, path), pinned): (&(FilePath, PathBuf), &crate::pins::PinnedFile)| Item {
            path: path.clone(),
            wanted: Wanted::Bytes { file: file.clone(), sha256: pinned.sha256 },
        };
        let items = files.iter().zip(&subject.pins.files).map(item).collect();
        Self { folder, items, files, ladder }
    }
}

/// Where a provider keeps its files, and the variables by which its consumer finds them there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) path: PathBuf,
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
}

impl Root {
    /// The configured root, else the one that the consumer itself resolves.
    pub(crate) fn of(provider: ProviderKind, config: &Config, environment: &Environment) -> Result<Self> {
        let configured = config.provider_roots.get(&provider).map(|setting| setting.value.as_path());
        let mut root = match provider {
            ProviderKind::Huggingface => huggingface::root(configured, environment)?,
            ProviderKind::OpenaiWhisper => openai_whisper::root(configured, environment)?,
            ProviderKind::TorchHub => torch_hub::root(configured, environment)?,
            ProviderKind::Directory => directory::root(configured, &config.dir.value),
        };
        // A consumer takes a relative variable from where it runs. A record must say the same from everywhere.
        for path in root.variables.iter_mut().map(|(_, path)| path).chain([&mut root.path]) {
            *path = std::path::absolute(&path).map_err(Error::io("find", &path))?;
        }
        Ok(root)
    }
}

/// `$XDG_CACHE_HOME/<name>`, else `~/.cache/<name>`, as consumers written in Python resolve it.
fn cache_home(environment: &Environment, name: &str, what: &'static str) -> Result<PathBuf> {
    if let Some(cache) = environment.get("XDG_CACHE_HOME") {
        return Ok(Path::new(cache).join(name));
    }
    let home = environment
        .home()
        .ok_or(Error::NoHome { what, remedy: "set HOME, or the provider's `root` in cache-harness.toml" })?;
    Ok(home.join(".cache").join(name))
}
