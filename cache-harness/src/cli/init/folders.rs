//! The folders that the settings name.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cache::Cache;
use crate::cli::origins;
use crate::config::{Config, Origin, Setting};
use crate::error::Result;
use crate::provider::Root;
use crate::provider_kind::ProviderKind;

/// Where a project keeps its models if they are to stay in it.
pub(super) const LOCAL_DIR: &str = ".cache/models";

/// The same for what is restored.
const LOCAL_ROOTS: [(ProviderKind, &str); 2] =
    [(ProviderKind::Huggingface, ".cache/huggingface"), (ProviderKind::TorchHub, ".cache/torch")];

/// A folder, and what it is for.
#[derive(Debug, Serialize)]
pub(super) struct Folder {
    /// `cache` or a provider.
    pub(super) of: String,
    #[serde(serialize_with = "crate::cli::context::lossy")]
    pub(super) path: PathBuf,
    /// Whether it was not there.
    pub(super) new: bool,
}

/// The cache's folder, and those of the providers that the catalog uses or configures.
pub(super) fn all(config: &Config, cache: &Cache) -> Result<Vec<Folder>> {
    let folder = |of: &str, path: PathBuf| Folder { of: of.to_owned(), new: !path.is_dir(), path };
    let mut found = vec![folder("cache", config.dir.value.clone())];
    let mut providers = origins::used(cache);
    providers.extend(config.provider_roots.keys());
    for provider in providers {
        let root = Root::of(provider, config, &cache.inner.environment)?.path;
        // What lies in the cache's folder comes with it.
        if !root.starts_with(&config.dir.value) {
            found.push(folder(provider.as_str(), root));
        }
    }
    Ok(found)
}

/// What of the configured folders lies in the project, relative to it: nothing that a repository should hold.
pub(super) fn inside(base: &Path, config: &Config) -> Vec<String> {
    let configured = config.provider_roots.values().map(|setting| &setting.value);
    let mut inside: Vec<_> = [&config.dir.value].into_iter().chain(configured).collect();
    inside.sort();
    let mut found: Vec<String> = Vec::new();
    for path in inside.iter().filter_map(|path| path.strip_prefix(base).ok()?.to_str()) {
        if !path.is_empty() && !found.iter().any(|above| Path::new(path).starts_with(above)) {
            found.push(path.to_owned());
        }
    }
    found
}

/// The settings with everything below `.cache` of the project.
pub(super) fn make_local(config: &mut Config, base: &Path) {
    let below = |path: &str| Setting { value: base.join(path), origin: Origin::Flag("--local") };
    config.dir = below(LOCAL_DIR);
    config.provider_roots.extend(LOCAL_ROOTS.map(|(provider, root)| (provider, below(root))));
}

/// A catalog's text with the same.
pub(super) fn local(text: &str) -> String {
    let roots = LOCAL_ROOTS.map(|(provider, root)| format!("[providers.{provider}]\nroot = \"{root}\"\n"));
    let mut roots = Some(roots.join("\n"));
    let line = |line: &str| match line {
        dir if dir.starts_with("# dir = ") => format!("dir = \"{LOCAL_DIR}\"\n"),
        // The example becomes what it shows.
        example if example.starts_with("# [providers.") => roots.take().unwrap_or_default(),
        example if example.starts_with("# root = ") => String::new(),
        other => format!("{other}\n"),
    };
    text.lines().map(line).collect()
}
