//! The attribute macro of [`cache-harness`](https://docs.rs/cache-harness), which re-exports it.
//!
//! ```text
//! use cache_harness::{CachedModel, cached_model};
//!
//! #[cached_model("whisper-tiny")]
//! #[tokio::test]
//! async fn transcribes_silence(model: CachedModel) -> anyhow::Result<()> {
//!     let whisper = Whisper::load(model.path())?;
//!     …
//! }
//! ```
//!
//! The expansion is thin: the function keeps its attributes, visibility, asyncness and return type, loses its
//! `CachedModel` parameters, and asks `cache_harness::__private::prepare` for the models before its body runs.
//! Everything else here is about mistakes: each is reported on its token, all of them at once, and a model that is
//! not declared and pinned is found by the compiler instead of the test run.

mod arguments;
mod attribute;
mod builtin;
mod catalog;
mod document;
mod errors;
mod expand;
mod function;
mod name;
mod options;
mod provider;
mod signature;
mod suggestion;

use proc_macro::TokenStream;

/// Runs a test with models from the shared cache.
///
/// It stands *above* exactly one test attribute (`#[test]`, `#[tokio::test]`, `#[rstest]`, …) and names one or more
/// models of the project's `cache-harness.toml`. Before the body runs each of them is on disk, verified against its
/// pinned SHA-256, and it can't be evicted before the test ends. When that fails, so does the test.
///
/// The function takes no `CachedModel`, or one for each name, in that order, each as `CachedModel` or `&CachedModel`.
/// Other parameters belong to the test attribute (the cases and fixtures of `#[rstest]`, the pool of `#[sqlx::test]`).
///
/// # Options
///
/// | option | values | default |
/// |---|---|---|
/// | `provider` | a layout such as `"huggingface"`, or one that the catalog describes | what the catalog says |
/// | `restore` | `"auto"`; `"copy"`: no links; `"private"`: a throw-away copy for a test that writes to it | `"auto"` |
/// | `verify` | `"memo"`; `"always"`: hash every byte, also on a hit | what the catalog says |
/// | `on_missing` | `"fail"`; `"skip"`: the test passes and the report lists it as skipped | `"fail"` |
/// | `offline` | `true`: open no socket; `false` | what the catalog says |
/// | `variant` | a variant that each model has; `"full"`: the model itself | what the environment chooses |
/// | `fallback` | `false`: don't try the model's fallback; `true` | `true` |
///
/// # Examples
///
/// ```text
/// #[cached_model("minilm", "whisper-tiny", on_missing = "skip")]
/// #[test]
/// fn both_load(sentences: &CachedModel, speech: CachedModel) { … }
///
/// #[cached_model("whisper-tiny", restore = "private")]
/// #[rstest]
/// #[case::mono(1)]
/// #[case::stereo(2)]
/// fn hears_channels(#[case] channels: u16, model: CachedModel) { … }
///
/// #[cached_model("whisper-tiny@q5")] // always this variant; as `variant = "q5"` does for all models named
/// #[test]
/// fn hears_with_few_bits(model: CachedModel) { … }
///
/// // No parameter: the model is simply there, where hf-hub looks.
/// #[cached_model("minilm")]
/// #[tokio::test(flavor = "multi_thread")]
/// async fn finds_it_in_the_hub_cache() { … }
/// ```
///
/// # Errors
///
/// Compilation fails on the token at fault, with the command or spelling that helps, when a name or variant is unknown,
/// unpinned or pinned from another source than the catalog declares (where the annotation names no variant, so must be
/// all of them, for the environment may choose any), when either file is malformed, when an option or
/// a parameter doesn't fit, when no test attribute follows, and when `#[should_panic]` has no `expected` text.
/// Editing `cache-harness.toml` or `cache-harness.lock` compiles the test again.
#[proc_macro_attribute]
pub fn cached_model(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(&arguments.into(), &item.into(), &catalog::Surroundings::of_this_crate()).into()
}

/// The text of `builtin.toml`, for the crate `cache-harness`, which reads the same entries as this macro.
#[doc(hidden)]
#[proc_macro]
pub fn __builtin_catalog(_: TokenStream) -> TokenStream {
    TokenStream::from(proc_macro::TokenTree::from(proc_macro::Literal::string(builtin::TEXT)))
}
