//! Which consumer's layout a model is put into.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProviderKind {
    /// `huggingface`: the Hub's cache, as `huggingface_hub`, `hf-hub` and what builds on them read it.
    Huggingface,
    /// `openai-whisper`: one `.pt` file per model, as the Python package `openai-whisper` reads it.
    OpenaiWhisper,
    /// `torch-hub`: checkpoints as `torch.hub` reads them.
    TorchHub,
    /// `directory`: a folder per model, named like the model.
    Directory,
}

impl ProviderKind {
    /// Every kind, in the order of their text.
    pub const ALL: [Self; 4] = [Self::Directory, Self::Huggingface, Self::OpenaiWhisper, Self::TorchHub];

    /// The kind as it is written in `cache-harness.toml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Huggingface => "huggingface",
            Self::OpenaiWhisper => "openai-whisper",
            Self::TorchHub => "torch-hub",
            Self::Directory => "directory",
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for ProviderKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known = || Self::ALL.into_iter().map(Self::as_str);
            let help = match nearest(text, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the providers are {}", listed(known())),
            };
            format!("`{}` is no provider: {help}", text.escape_debug())
        })
    }
}
