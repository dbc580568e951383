//! What the macro calls: one cache per project and process.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use crate::ask::{self, Ask, Place};
use crate::cache::Cache;
use crate::cached_model::CachedModel;
use crate::error::{Error, Result};
use crate::event::Via;
use crate::notice;
use crate::progress::Progress;

/// What an annotation says. Made by the macro, as a constant.
#[derive(Debug)]
pub struct Request {
    /// The models, in the order of the parameters.
    pub models: &'static [&'static str],
    /// `CARGO_MANIFEST_DIR` of the test's package: where the search for the catalog begins.
    pub manifest_dir: &'static str,
    /// `module_path!()` of the test.
    pub module: &'static str,
    /// The name of the test's function.
    pub test: &'static str,
    /// The source file of the annotation.
    pub file: &'static str,
    /// The line of the annotation.
    pub line: u32,
    /// The annotation's options.
    pub options: Options,
}

/// The options of an annotation.
#[derive(Debug)]
pub struct Options {
    /// `provider = "…"`.
    pub provider: Option<&'static str>,
    /// `restore = "…"`.
    pub restore: Restore,
    /// `verify = "memo" | "always"`.
    pub verify: Option<&'static str>,
    /// `on_missing = "…"`.
    pub on_missing: OnMissing,
    /// `offline = …`.
    pub offline: Option<bool>,
    /// `fallback = …`.
    pub fallback: Option<bool>,
    /// `variant = "…"`.
    pub variant: Option<&'static str>,
}

/// `restore = "…"`.
#[derive(Debug, Clone, Copy)]
pub enum Restore {
    /// By the provider's link policy.
    Auto,
    /// Files that share no inode with the store.
    Copy,
    /// A throw-away copy for a test that writes to it.
    Private,
}

/// `on_missing = "…"`.
#[derive(Debug, Clone, Copy)]
pub enum OnMissing {
    /// The test fails.
    Fail,
    /// The test is skipped, and the report lists it.
    Skip,
}

impl Options {
    /// What holds where the annotation says nothing.
    pub const DEFAULT: Self = Self {
        provider: None,
        restore: Restore::Auto,
        verify: None,
        on_missing: OnMissing::Fail,
        offline: None,
        fallback: None,
        variant: None,
    };
}

/// What a skipped test returns.
pub trait SkipValue {
    /// The value of a test that found nothing wrong.
    fn skip_value() -> Self;
}

impl SkipValue for () {
    fn skip_value() -> Self {}
}

impl SkipValue for ExitCode {
    fn skip_value() -> Self {
        Self::SUCCESS
    }
}

impl<T: SkipValue, E> SkipValue for Result<T, E> {
    fn skip_value() -> Self {
        Ok(T::skip_value())
    }
}

/// The value that a skipped test returns.
#[must_use]
pub fn skipped<T: SkipValue>() -> T {
    T::skip_value()
}

/// Puts the models of an annotation in place; `None` if the test is to be skipped.
///
/// # Panics
///
/// With the model's name, the reason and what helps, at the annotation's place, so that the test fails.
#[must_use]
#[track_caller]
pub fn prepare<const N: usize>(request: &'static Request) -> Option<[CachedModel; N]> {
    let test = test_name(request);
    let mut models = Vec::with_capacity(N);
    for name in request.models {
        match cache(request).and_then(|cache| cache.ask(&ask(&cache, request, name, &test)?)) {
            Ok(model) => models.push(model),
            Err(error) if matches!(request.options.on_missing, OnMissing::Skip) && !error.is_usage() => {
                notice::warn(&format!("{test} is skipped: {}", error.report()));
                return None;
            }
            Err(error) => fail(request, name, &error),
        }
    }
    models.try_into().ok()
}

#[expect(clippy::panic, reason = "a panic is how a test fails")]
#[track_caller]
fn fail(request: &Request, name: &str, error: &Error) -> ! {
    panic!("{}:{}: model `{name}` could not be provided: {}", request.file, request.line, error.report())
}

fn ask<'a>(cache: &Cache, request: &Request, name: &'a str, test: &str) -> Result<Ask<'a>> {
    let options = &request.options;
    let setting = |message: String| Error::Setting { name: "#[cached_model]".to_owned(), message };
    Ok(Ask {
        variant: options.variant,
        provider: options.provider.map(|name| cache.config().providers.kind(name)).transpose().map_err(setting)?,
        place: match options.restore {
            Restore::Auto => Place::Provider,
            Restore::Copy => Place::ProviderCopy,
            Restore::Private => Place::Temporary,
        },
        verify: options.verify.map(str::parse).transpose().map_err(setting)?,
        offline: options.offline,
        fallback: match options.fallback {
            Some(false) => ask::Fallback::Forbidden,
            _ => ask::Fallback::Allowed,
        },
        on_missing: match options.on_missing {
            OnMissing::Fail => ask::OnMissing::Fail,
            OnMissing::Skip => ask::OnMissing::Skip,
        },
        test: Some(test.to_owned()),
        site: Some((request.file, request.line)),
        ..Ask::new(name, Via::Test)
    })
}

/// The test's path as the test harness prints it: libtest names the thread after it, which tells the cases
/// of one function apart; where the thread is the main one, the function's own path.
fn test_name(request: &Request) -> String {
    let path = format!("{}::{}", request.module, request.test);
    let (krate, inside) = path.split_once("::").unwrap_or(("", &path));
    match std::thread::current().name() {
        Some(name) if name.starts_with(inside) => format!("{krate}::{name}"),
        _ => path,
    }
}

/// The cache of the project that the annotated test belongs to.
fn cache(request: &Request) -> Result<Cache> {
    static CACHES: Mutex<Option<HashMap<&'static str, Cache>>> = Mutex::new(None);
    let mut caches = CACHES.lock().unwrap_or_else(PoisonError::into_inner);
    let caches = caches.get_or_insert_default();
    if let Some(cache) = caches.get(request.manifest_dir) {
        return Ok(cache.clone());
    }
    let built_in = PathBuf::from(request.manifest_dir);
    // Binaries that were moved to another machine start in the folder they are run in.
    let start = if built_in.is_dir() { built_in } else { PathBuf::from(".") };
    let cache = Cache::open_with_progress(&start, Progress::plain(notice::warn))?;
    caches.insert(request.manifest_dir, cache.clone());
    Ok(cache)
}
