//! Consumers' layouts: where each looks for a model's files, and which links it tolerates.
//!
//! One file per layout draws it and names its source of truth. A layout is a plan: paths and what should
//! stand there. [`restore`](crate::restore) carries it out.

mod custom;
mod directory;
mod fastembed;
mod fastembed_rs;
mod faster_whisper;
mod hub_cache;
mod huggingface;
mod llama_cpp;
mod llama_cpp_flat;
mod mlx;
mod ollama;
mod openai_whisper;
mod ort;
mod root;
mod sentence_transformers;
mod torch_hub;
mod tree_listing;
mod variables;
mod whisper_cpp;
mod whisperkit;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::Template;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fs::LinkMode;
use crate::model::{FilePath, ModelName};
use crate::pins::{PinnedFile, Pins};
use crate::provider_kind::{ProviderKind, WRITABLE};

pub(crate) use root::Root;
use root::cache_home;
#[cfg(feature = "cli")]
pub(crate) use variables::variables;

/// A model to be laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a ModelName,
    /// The repository, for layouts that have one.
    pub(crate) hub_id: Option<&'a str>,
    /// The branch or tag that the pins were resolved from.
    pub(crate) revision: &'a str,
    /// The addresses of its one file, for layouts that name a file after them.
    pub(crate) urls: &'a [String],
    pub(crate) pins: &'a Pins,
    /// The layout that the catalog describes.
    pub(crate) template: Option<&'a Template>,
    pub(crate) pointers: Pointers,
}

/// What stands in a Hub cache's snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pointers {
    /// Relative symbolic links.
    Symlinks,
    /// Files.
    Files,
}

impl<'a> Subject<'a> {
    fn hub_id(self) -> Result<&'a str> {
        self.hub_id
            .ok_or_else(|| self.wrong("this layout needs a repository: set `hub_id = \"owner/name\"` in the catalog"))
    }

    fn commit(self) -> Result<&'a str> {
        self.pins.commit.as_deref().ok_or_else(|| self.wrong("its pins have no commit"))
    }

    fn wrong(self, message: impl Into<String>) -> Error {
        Error::Setting { name: format!("model `{}`", self.name), message: message.into() }
    }
}

/// What should stand where for one model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    /// The folder that holds the model's files.
    pub(crate) folder: PathBuf,
    pub(crate) items: Vec<Item>,
    /// Where the consumer opens each file, in the order of the pins.
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
    /// A small file of the layout's own.
    Text { text: String, differing: Differing },
}

/// What becomes of a small file that is somebody else's and says something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Differing {
    /// It stays: consumers find the model all the same.
    LeftAlone,
    /// It is an error: consumers would find something else.
    Refused,
}

impl Item {
    fn text(path: PathBuf, text: String) -> Self {
        Self { path, wanted: Wanted::Text { text, differing: Differing::LeftAlone } }
    }

    fn exact_text(path: PathBuf, text: String) -> Self {
        Self { path, wanted: Wanted::Text { text, differing: Differing::Refused } }
    }

    /// The item that a pointer leads to.
    pub(crate) fn leads_to(&self) -> Option<&Path> {
        match &self.wanted {
            Wanted::Pointer { leads_to, .. } => Some(leads_to),
            Wanted::Bytes { .. } | Wanted::Text { .. } => None,
        }
    }
}

impl Layout {
    /// Plans where `subject` goes below `root`, the provider's root.
    pub(crate) fn of(provider: ProviderKind, root: &Path, subject: Subject<'_>) -> Result<Self> {
        let mut layout = match provider {
            _ if provider.is_hub_cache() => hub_cache::layout(root, subject)?,
            ProviderKind::LlamaCppFlat => llama_cpp_flat::layout(root, subject),
            ProviderKind::Ollama => ollama::layout(root, subject)?,
            ProviderKind::OpenaiWhisper => openai_whisper::layout(root, subject),
            ProviderKind::Ort => ort::layout(root, subject)?,
            ProviderKind::TorchHub => torch_hub::layout(root, subject),
            ProviderKind::WhisperCpp => whisper_cpp::layout(root, subject),
            ProviderKind::Whisperkit => whisperkit::layout(root, subject)?,
            ProviderKind::Custom(name) => {
                let undescribed = || subject.wrong(format!("no `layout` in [providers.{name}] describes `{name}`"));
                custom::layout(root, subject, subject.template.ok_or_else(undescribed)?)?
            }
            _ => directory::layout(root, subject),
        };
        layout.ladder = provider.ladder(None);
        layout.refuse_clashes(subject)?;
        Ok(layout)
    }

    fn new(folder: PathBuf, items: Vec<Item>, files: Vec<(FilePath, PathBuf)>) -> Self {
        Self { folder, items, files, ladder: WRITABLE }
    }

    /// The files of `subject` below `folder`, each under its own path.
    pub(crate) fn plain(folder: PathBuf, subject: Subject<'_>) -> Self {
        Self::named(folder, subject, |file| file.path.as_str().to_owned())
    }

    /// The files of `subject` below `folder`, each under the path that `name` gives it.
    fn named(folder: PathBuf, subject: Subject<'_>, mut name: impl FnMut(&PinnedFile) -> String) -> Self {
        let mut place = |file: &PinnedFile| name(file).split('/').fold(folder.clone(), |path, part| path.join(part));
        let files: Vec<_> = subject.pins.files.iter().map(|file| (file.path.clone(), place(file))).collect();
        let item = |((file, path), pinned): (&(FilePath, PathBuf), &PinnedFile)| Item {
            path: path.clone(),
            wanted: Wanted::Bytes { file: file.clone(), sha256: pinned.sha256 },
        };
        let items = files.iter().zip(&subject.pins.files).map(item).collect();
        Self::new(folder, items, files)
    }

    /// Where files lose their folders, two can become one.
    fn refuse_clashes(&self, subject: Subject<'_>) -> Result<()> {
        let mut taken = BTreeMap::new();
        for item in &self.items {
            let (Wanted::Bytes { file, .. } | Wanted::Pointer { file, .. }) = &item.wanted else { continue };
            if let Some(other) = taken.insert(item.path.as_path(), file) {
                let path = item.path.display();
                return Err(subject.wrong(format!("`{other}` and `{file}` would both be `{path}`")));
            }
        }
        Ok(())
    }
}
