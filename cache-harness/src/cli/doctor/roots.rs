//! Where each consumer's files go, what decides it, and whether that consumer looks there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use super::examined::Examined;
use super::finding::{Check, Finding};
use super::project;
use crate::cache::Cache;
use crate::config::Config;
use crate::environment::Environment;
use crate::provider::Root;
use crate::provider_kind::ProviderKind;

/// The variables that lead consumers to their folders, before those that lead all programs.
const DECIDERS: [&str; 13] = [
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_HOME",
    "TORCH_HOME",
    "SENTENCE_TRANSFORMERS_HOME",
    "FASTEMBED_CACHE_PATH",
    "FASTEMBED_CACHE_DIR",
    "LLAMA_CACHE",
    "OLLAMA_MODELS",
    "ORT_CACHE_DIR",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "HOME",
];

/// Where a provider's files go.
#[derive(Debug, Serialize)]
pub(super) struct ProviderRoot {
    pub(super) provider: &'static str,
    #[serde(serialize_with = "crate::cli::context::lossy")]
    pub(super) path: PathBuf,
    /// `default`, `FILE:LINE` or a variable.
    pub(super) decided_by: String,
    /// Whether a model of the catalog goes there.
    pub(super) used: bool,
    pub(super) configured: bool,
    /// Where a program that is started from here looks.
    pub(super) consumer_path: Option<PathBuf>,
    #[serde(skip)]
    pub(super) kind: ProviderKind,
}

pub(super) fn check(examined: &Examined) -> (Vec<ProviderRoot>, Vec<Finding>) {
    let Some(cache) = &examined.cache else { return (Vec::new(), Vec::new()) };
    let (mut roots, mut findings) = (Vec::new(), Vec::new());
    let declared: BTreeSet<_> = cache.inner.catalog.models.values().map(|declared| declared.provider).collect();
    let configured = cache.config().provider_roots.keys().copied();
    let kinds: BTreeSet<_> = ProviderKind::ALL.into_iter().chain(configured).chain(declared.iter().copied()).collect();
    for kind in kinds {
        let used = declared.contains(&kind);
        match Root::of(kind, cache.config(), &cache.inner.environment) {
            Ok(root) => {
                let found = provider_root(cache, kind, &root, used);
                findings.extend(unseen(examined, &found, &root));
                roots.push(found);
            }
            Err(error) if used => {
                let finding = Finding::error(Check::Roots, "no-root", format!("{kind}: {error}"));
                findings.push(match error.hint() {
                    Some(hint) => finding.mend(hint),
                    None => finding.mend(format!("set `root` in [providers.{kind}]")),
                });
            }
            Err(_) => {}
        }
    }
    (roots, findings)
}

fn provider_root(cache: &Cache, kind: ProviderKind, root: &Root, used: bool) -> ProviderRoot {
    let (config, environment) = (cache.config(), &cache.inner.environment);
    let configured = config.provider_roots.get(&kind);
    let by_itself = Config { provider_roots: BTreeMap::new(), ..config.clone() };
    let consumer_path = Root::looked_for(kind, config, environment).ok().flatten();
    // Some follow the root of the Hub's cache.
    let hub = config.provider_roots.get(&ProviderKind::Huggingface);
    let hub = hub.filter(|_| consumer_path.as_ref().is_some_and(|theirs| *theirs != root.path));
    let decided_by = match configured.or(hub) {
        Some(setting) => setting.origin.to_string(),
        None if matches!(kind, ProviderKind::Directory | ProviderKind::WhisperCpp) => {
            format!("dir: {}", config.dir.origin)
        }
        None => decider(kind, &by_itself, environment, root).unwrap_or("default").to_owned(),
    };
    ProviderRoot {
        provider: kind.as_str(),
        path: root.path.clone(),
        decided_by,
        used,
        configured: configured.is_some(),
        consumer_path,
        kind,
    }
}

/// The variable that decides a root: with another value, it would be another. HOME alone is the default.
fn decider(kind: ProviderKind, config: &Config, environment: &Environment, root: &Root) -> Option<&'static str> {
    let set = DECIDERS.into_iter().filter(|name| environment.get(name).is_some());
    let mut decides = set.filter(|name| {
        let other = environment.with(name, "/elsewhere");
        Root::of(kind, config, &other).is_ok_and(|other| other.path != root.path)
    });
    decides.next().filter(|name| *name != "HOME")
}

/// A root that a program started from here would not look at.
fn unseen(examined: &Examined, found: &ProviderRoot, root: &Root) -> Option<Finding> {
    let theirs = found.consumer_path.as_ref().filter(|theirs| **theirs != found.path && found.configured)?;
    let (provider, path) = (found.provider, found.path.display());
    let says = format!("{provider}: models go to `{path}`, but its programs look in `{}`", theirs.display());
    if root.variables.is_empty() {
        let finding =
            Finding::warning(Check::Roots, "root-unseen", format!("{says}, and no variable leads them there"));
        return Some(finding.mend("pass the folder to the program: `CachedModel::path()`"));
    }
    let config = examined.cache.as_ref().map(Cache::config)?;
    let leads = |child: &Environment| {
        Root::looked_for(found.kind, config, child).is_ok_and(|theirs| theirs.as_ref() == Some(&root.path))
    };
    if let Some(file) = project::cargo_sets(examined, &root.variables, leads) {
        let says = format!("{says}; what cargo starts does not, by `{}`", file.display());
        return Some(Finding::ok(Check::Roots, says));
    }
    let finding = if found.used {
        Finding::error(Check::Roots, "root-unseen", says)
    } else {
        Finding::note(Check::Roots, "root-unseen", says)
    };
    Some(finding.mend("eval \"$(cache-harness env)\""))
}
