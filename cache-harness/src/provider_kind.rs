//! Which consumer's layout a model is put into.

mod links;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

pub(crate) use self::links::WRITABLE;

use crate::suggestion::{listed, nearest};

/// A consumer's layout of model files.
///
/// # Examples
///
/// ```
/// use cache_harness::ProviderKind;
/// assert_eq!("torch-hub".parse(), Ok(ProviderKind::TorchHub));
/// let told = "hugingface".parse::<ProviderKind>().unwrap_err();
/// assert_eq!(told, "`hugingface` is no provider: did you mean `huggingface`?");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProviderKind {
    /// `directory`: a folder per model, named like the model.
    Directory,
    /// `faster-whisper`: a Hub cache, where the Python package `faster-whisper` looks.
    FasterWhisper,
    /// `fastembed`: a Hub cache, where the Python package `fastembed` looks.
    Fastembed,
    /// `fastembed-rs`: a Hub cache, where the crate `fastembed` looks.
    FastembedRs,
    /// `huggingface`: the Hub's cache, as `huggingface_hub`, `hf-hub` and what builds on them read it.
    Huggingface,
    /// `llama-cpp`: a Hub cache, where llama.cpp looks.
    LlamaCpp,
    /// `llama-cpp-flat`: the folder of files in which older versions of llama.cpp look.
    LlamaCppFlat,
    /// `mlx`: a Hub cache, where the packages of MLX look.
    Mlx,
    /// `ollama`: blobs and a manifest, as Ollama reads them.
    Ollama,
    /// `openai-whisper`: one `.pt` file per model, as the Python package `openai-whisper` reads it.
    OpenaiWhisper,
    /// `ort`: files named after their address, as the crate `ort` reads them.
    Ort,
    /// `sentence-transformers`: a Hub cache, where that Python package looks.
    SentenceTransformers,
    /// `torch-hub`: checkpoints as `torch.hub` reads them.
    TorchHub,
    /// `whisper-cpp`: a folder of `ggml-….bin` files.
    WhisperCpp,
    /// `whisperkit`: a repository with the sidecars that `WhisperKit` asks for.
    Whisperkit,
    /// One that the catalog describes by a `layout`, with its name.
    Custom(&'static str),
}

impl ProviderKind {
    /// Every kind that needs no description in the catalog, in the order of their text.
    pub const ALL: [Self; 15] = [
        Self::Directory,
        Self::Fastembed,
        Self::FastembedRs,
        Self::FasterWhisper,
        Self::Huggingface,
        Self::LlamaCpp,
        Self::LlamaCppFlat,
        Self::Mlx,
        Self::Ollama,
        Self::OpenaiWhisper,
        Self::Ort,
        Self::SentenceTransformers,
        Self::TorchHub,
        Self::WhisperCpp,
        Self::Whisperkit,
    ];

    /// The kind as it is written in `cache-harness.toml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Fastembed => "fastembed",
            Self::FastembedRs => "fastembed-rs",
            Self::FasterWhisper => "faster-whisper",
            Self::Huggingface => "huggingface",
            Self::LlamaCpp => "llama-cpp",
            Self::LlamaCppFlat => "llama-cpp-flat",
            Self::Mlx => "mlx",
            Self::Ollama => "ollama",
            Self::OpenaiWhisper => "openai-whisper",
            Self::Ort => "ort",
            Self::SentenceTransformers => "sentence-transformers",
            Self::TorchHub => "torch-hub",
            Self::WhisperCpp => "whisper-cpp",
            Self::Whisperkit => "whisperkit",
            Self::Custom(name) => name,
        }
    }

    /// The kind of this name, of which `custom` are described in the catalog; or what is wrong with it.
    pub(crate) fn named(text: &str, custom: impl Iterator<Item = Self> + Clone) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter().chain(custom);
        all.clone().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known = all.by_ref().map(Self::as_str).collect::<Vec<_>>();
            let help = match nearest(text, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the providers are {}", listed(known)),
            };
            format!("`{}` is no provider: {help}", text.escape_debug())
        })
    }

    /// One that the catalog describes.
    pub(crate) fn custom(name: &str) -> Self {
        Self::Custom(interned(name))
    }

    /// Whether its layout is that of the Hub's cache.
    pub(crate) fn is_hub_cache(self) -> bool {
        match self {
            Self::Fastembed
            | Self::FastembedRs
            | Self::FasterWhisper
            | Self::Huggingface
            | Self::LlamaCpp
            | Self::Mlx
            | Self::SentenceTransformers => true,
            Self::Directory
            | Self::LlamaCppFlat
            | Self::Ollama
            | Self::OpenaiWhisper
            | Self::Ort
            | Self::TorchHub
            | Self::WhisperCpp
            | Self::Whisperkit
            | Self::Custom(_) => false,
        }
    }

    /// Whether its layout names the repository, and the commit.
    pub(crate) fn needs_hub_id(self) -> bool {
        self.is_hub_cache() || self == Self::Whisperkit
    }

    /// Whether its layout names the commit, or can.
    pub(crate) fn names_commit(self) -> bool {
        self.needs_hub_id() || matches!(self, Self::Custom(_))
    }

    /// Whether its layout can name the repository.
    pub(crate) fn takes_hub_id(self) -> bool {
        self.needs_hub_id() || matches!(self, Self::LlamaCppFlat | Self::Custom(_))
    }
}

/// `text` for as long as the process runs, and each text once: there are as many as the catalogs have names.
pub(crate) fn interned(text: &str) -> &'static str {
    static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
    texts.insert(kept);
    kept
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Of the kinds in [`ALL`](ProviderKind::ALL): which others there are, a catalog says.
impl FromStr for ProviderKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::named(text, std::iter::empty())
    }
}
