//! The value of `provider`: a layout that is known here, or one that the catalog describes.

use syn::LitStr;

use crate::suggestion::{near_miss, one_of};

/// As `cache_harness::ProviderKind::ALL` has them.
const KNOWN: &[&str] = &[
    "directory",
    "fastembed",
    "fastembed-rs",
    "faster-whisper",
    "huggingface",
    "llama-cpp",
    "llama-cpp-flat",
    "mlx",
    "ollama",
    "openai-whisper",
    "ort",
    "sentence-transformers",
    "torch-hub",
    "whisper-cpp",
    "whisperkit",
];

/// What is wrong with a provider, if the catalog describes those in `described`.
pub(crate) fn check(provider: &LitStr, described: &[String]) -> Result<(), String> {
    let value = provider.value();
    let all: Vec<&str> = KNOWN.iter().copied().chain(described.iter().map(String::as_str)).collect();
    if all.contains(&value.as_str()) {
        return Ok(());
    }
    let hint = if let Some(near) = near_miss(&value, all.iter().copied()) {
        format!("did you mean `\"{near}\"`?")
    } else {
        let known = one_of(&all, |name| format!("`{name}`"));
        format!("it is {known}, or one whose `layout` [providers.NAME] of `cache-harness.toml` describes")
    };
    Err(format!("no provider is named `{}`\nhint: {hint}", value.escape_debug()))
}
