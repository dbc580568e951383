//! The two TOML files, as far as the compiler needs them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use toml::de::{DeTable, DeValue};

/// A file that can't be used, as one message.
pub(crate) struct Unreadable(pub(crate) String);

/// What `cache-harness.toml` says of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declaration {
    /// What the lock file must give as its `source`; `None` where it isn't compared.
    pub(crate) source: Option<String>,
    pub(crate) pinning: Pinning,
    /// The built-in model that stands for its source.
    pub(crate) builtin: Option<String>,
    /// Whether it is a variant that must have the signature of its model.
    pub(crate) stand_in: bool,
}

/// What the lock file says of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub(crate) source: String,
    /// Of a stand-in, and of a model that has one.
    pub(crate) signature: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pinning {
    /// `urls` with their `sha256`, unless what they send is unpacked: pinned by the catalog itself.
    Catalog,
    /// Everything else.
    LockFile,
}

/// The models of the catalog at `path`.
pub(crate) fn declarations(path: &Path) -> Result<BTreeMap<String, Declaration>, Unreadable> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    declarations_in(path, &text)
}

/// The models of a catalog with this text, and their variants under `model@variant`.
pub(crate) fn declarations_in(path: &Path, text: &str) -> Result<BTreeMap<String, Declaration>, Unreadable> {
    let mut declarations = BTreeMap::new();
    for (name, model) in models(path, text)? {
        let variants = model.get("variants").and_then(|variants| variants.get_ref().as_table());
        for (variant, table) in variants.into_iter().flatten() {
            declarations.insert(format!("{name}@{}", variant.get_ref()), declaration(table.get_ref()));
        }
        declarations.insert(name, declaration(&model));
    }
    Ok(declarations)
}

/// The providers whose layout the catalog at `path` describes.
pub(crate) fn described_providers(path: &Path) -> Result<Vec<String>, Unreadable> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let providers = tables("providers", path, &text)?;
    let described = providers.into_iter().filter(|(_, provider)| provider.get("layout").is_some());
    Ok(described.map(|(name, _)| name).collect())
}

/// The pins of every model in the lock file at `path`; nothing where there is no such file.
pub(crate) fn pins(path: &Path) -> Result<BTreeMap<String, Pinned>, Unreadable> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(unreadable(path, &error)),
    };
    let models = models(path, &text)?;
    let text = |model: &DeValue<'_>, key| Some(model.get(key)?.get_ref().as_str()?.to_owned());
    let pinned = |model: &DeValue<'_>| {
        let signature = text(model, "signature");
        text(model, "source").map(|source| Pinned { source, signature })
    };
    Ok(models.into_iter().filter_map(|(name, model)| Some((name, pinned(&model)?))).collect())
}

/// The lock file that belongs to the catalog at `path`.
pub(crate) fn lock_file(path: &Path) -> PathBuf {
    path.with_file_name("cache-harness.lock")
}

fn models<'text>(path: &Path, text: &'text str) -> Result<Vec<(String, DeValue<'text>)>, Unreadable> {
    tables("models", path, text)
}

fn tables<'text>(key: &str, path: &Path, text: &'text str) -> Result<Vec<(String, DeValue<'text>)>, Unreadable> {
    let document = DeTable::parse(text).map_err(|error| {
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        Unreadable(format!("{}:{line}:{column}: {}", path.display(), error.message().trim_end()))
    })?;
    match document.into_inner().remove(key).map(toml::Spanned::into_inner) {
        Some(DeValue::Table(models)) => {
            Ok(models.into_iter().map(|(name, model)| (name.into_inner().into_owned(), model.into_inner())).collect())
        }
        _ => Ok(Vec::new()),
    }
}

fn declaration(model: &DeValue<'_>) -> Declaration {
    let text = |key: &str| model.get(key).and_then(|value| value.get_ref().as_str());
    let source = match (text("hub"), text("path")) {
        (Some(repository), _) => {
            let files = model.get("files").and_then(|value| value.get_ref().as_array()).into_iter().flatten();
            // In their order, each once, as the runtime writes them.
            let files: BTreeSet<_> = files.filter_map(|file| file.get_ref().as_str()).collect();
            let source = format!("hub:{repository}@{}", text("revision").unwrap_or("main"));
            Some(files.iter().fold(source, |source, file| format!("{source} {file}")))
        }
        (None, Some(path)) => Some(format!("path:{path}")),
        (None, None) => first_url(model).and_then(file_name).map(|name| format!("{}:{name}", way(model))),
    };
    let pinned = first_url(model).is_some() && text("sha256").is_some() && way(model) == "urls";
    let pinning = if pinned { Pinning::Catalog } else { Pinning::LockFile };
    let stand_in = model.get("stand_in").and_then(|value| value.get_ref().as_bool()).unwrap_or(false);
    Declaration { source, pinning, builtin: text("builtin").map(ToOwned::to_owned), stand_in }
}

fn first_url<'model>(model: &'model DeValue<'_>) -> Option<&'model str> {
    model.get("urls")?.get_ref().as_array()?.first()?.get_ref().as_str()
}

/// How the lock file calls what is done with what the addresses of `model` send.
fn way(model: &DeValue<'_>) -> &'static str {
    match model.get("unpack").and_then(|value| value.get_ref().as_bool()) {
        Some(true) => "unpack",
        _ => "urls",
    }
}

/// The file that an address names; `None` where only the runtime, which decodes it, can tell.
fn file_name(url: &str) -> Option<&str> {
    let path = url.split(['?', '#']).next()?;
    let name = path.split_once("://")?.1.rsplit_once('/')?.1;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '=' | '@' | '~');
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}

fn unreadable(path: &Path, error: &io::Error) -> Unreadable {
    Unreadable(format!("could not read `{}`: {error}", path.display()))
}

/// Line and column, from 1, of the byte at `offset`; columns count characters.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
