//! Where each consumer's files go, what decides it, and whether that consumer looks there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use super::examined::Examined;
use super::finding::{Check, Finding};
use super::project;
use crate::cache::Cache;
use crate::cli::origins;
use crate::error::Error;
use crate::provider::{self, Root};
use crate::provider_kind::ProviderKind;

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
                findings.extend(unseen(examined, cache, &found, &root));
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
    if findings.iter().all(|finding| finding.id != "no-root") {
        findings.extend(clash(cache));
    }
    (roots, findings)
}

fn provider_root(cache: &Cache, kind: ProviderKind, root: &Root, used: bool) -> ProviderRoot {
    let (config, environment) = (cache.config(), &cache.inner.environment);
    let configured = config.provider_roots.contains_key(&kind);
    let consumer_path = Root::looked_for(kind, config, environment).ok().flatten();
    let hub = config.provider_roots.get(&ProviderKind::Huggingface).filter(|_| kind.is_hub_cache() && !configured);
    let decided_by = match hub {
        Some(hub) if consumer_path.as_ref() != Some(&root.path) => hub.origin.to_string(),
        _ if matches!(kind, ProviderKind::Directory | ProviderKind::WhisperCpp) && !configured => {
            format!("dir: {}", config.dir.origin)
        }
        _ => origins::root(kind, cache).map_or_else(|_| "default".to_owned(), |(_, origin)| origin),
    };
    ProviderRoot { provider: kind.as_str(), path: root.path.clone(), decided_by, used, configured, consumer_path, kind }
}

/// A root that a consumer in a process that is started from here would not look at: a test refuses it.
fn unseen(examined: &Examined, cache: &Cache, found: &ProviderRoot, root: &Root) -> Option<Finding> {
    let refused = root.refuse_elsewhere(found.kind, cache.config(), &cache.inner.environment);
    let Err(Error::Elsewhere { looks, .. }) = refused else { return None };
    let (provider, path) = (found.provider, found.path.display());
    let says = format!("{provider}: models go to `{path}`, but its programs look in `{}`", looks.display());
    let finds = |environment| root.refuse_elsewhere(found.kind, cache.config(), environment).is_ok();
    if let Some((file, variables)) = project::under_cargo(examined, &cache.inner.environment)
        && finds(&variables)
    {
        let says = format!("{says}; what cargo starts does not, by `{}`", file.display());
        return Some(Finding::ok(Check::Roots, says));
    }
    let finding = match (found.used, found.configured) {
        (true, _) => Finding::error(Check::Roots, "root-unseen", says),
        (false, true) => Finding::note(Check::Roots, "root-unseen", says),
        (false, false) => return None,
    };
    Some(if root.variables.is_empty() {
        let waive =
            format!("set `check_environment = false` in [providers.{provider}], and pass `CachedModel::path()` on");
        finding.mend(waive)
    } else {
        finding.mend("eval \"$(cache-harness env)\"")
    })
}

/// Providers whose variables contradict each other: `env` and `run` refuse them.
fn clash(cache: &Cache) -> Option<Finding> {
    let variables = provider::variables(origins::used(cache), cache.config(), &cache.inner.environment);
    let error = variables.err().filter(|error| matches!(error, Error::Setting { .. }))?;
    Some(Finding::error(Check::Roots, "roots-clash", error.to_string()).mend("set the same `root` for both providers"))
}
