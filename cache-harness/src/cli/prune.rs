//! `prune` and `optimize`: what the retention policy does not let stay, and what nobody needs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::removal::{Consent, Removal, Removed, Stage};
use super::{Context, Verdict, application};
use crate::error::Result;
use crate::lock::ExclusiveLock;
use crate::store::{Resident, Survey, sweep};

#[derive(Debug, clap::Args)]
pub(super) struct Prune {
    #[command(flatten)]
    consent: Consent,
}

#[derive(Debug, clap::Args)]
pub(super) struct Optimize {
    #[command(flatten)]
    consent: Consent,
}

/// Whether what no entry needs goes too: partials, quarantine, blobs nobody names, expired application caches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sweep {
    Yes,
    No,
}

impl Prune {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        prune(context, &self.consent, Sweep::No)
    }
}

impl Optimize {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        prune(context, &self.consent, Sweep::Yes)
    }
}

fn prune(context: &Context, consent: &Consent, sweep: Sweep) -> Result<Verdict> {
    let cache = context.cache()?;
    let (store, budget) = (&cache.inner.store, cache.inner.budget());
    let has_store = store.dir().exists();
    let applications = if sweep == Sweep::Yes { application::all(&cache) } else { Vec::new() };
    // Before anything goes: a path that must not be emptied may be a slip in any of them.
    applications.iter().try_for_each(|application| application.refuse_precious(&cache))?;

    let mut planned = Removal::default();
    if has_store {
        let survey = store.survey()?;
        planned = Removal::of(&store.plan_trim(&budget)?);
        if sweep == Sweep::Yes {
            planned.extend(leftovers(&survey));
        }
    }
    planned.extend(applications.iter().filter_map(application::Application::expired));
    if consent.is_dry_run() || planned.removed.is_empty() {
        let stage = if consent.is_dry_run() { Stage::Planned } else { Stage::Done };
        planned.tell(context, stage)?;
        return Ok(Verdict::Holds);
    }
    if !consent.given(context, &planned)? {
        return Ok(Verdict::Fails);
    }
    let mut done = Removal::default();
    if has_store {
        let evicted = store.trim(&budget)?;
        cache.inner.log_evictions(&evicted);
        done = Removal::of(&evicted);
        if sweep == Sweep::Yes {
            done.removed.extend(leftovers(&store.survey()?));
            done.freed_bytes += store.sweep()?;
        }
    }
    let verdict = application::remove(context, &applications, application::Extent::Expired, &mut done);
    done.tell(context, Stage::Done)?;
    Ok(verdict)
}

/// What of an entry is on the disk: its blobs, if they are there, and what is its own.
pub(super) fn bytes_here(survey: &Survey, resident: &Resident) -> u64 {
    resident.own_bytes + resident.names.iter().filter_map(|digest| survey.blobs.get(digest)).sum::<u64>()
}

/// Partials, what is in quarantine, and blobs that no model names.
pub(super) fn leftovers(survey: &Survey) -> Vec<Removed> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().chars().take(20).collect();
    let leftover = |reason: &str, (path, bytes): &(PathBuf, u64)| Removed::new(name(path), *bytes, reason.to_owned());
    let idle = survey.partials.iter().filter(|(path, _)| !ExclusiveLock::is_held(path));
    let mut found: Vec<_> = idle.map(|partial| leftover("a partial that nobody fills", partial)).collect();
    found.extend(
        survey
            .quarantine
            .iter()
            .filter(|(path, _)| !sweep::is_kept(path))
            .map(|file| leftover("failed verification", file)),
    );
    let named: BTreeSet<_> = survey.residents.iter().flat_map(|resident| &resident.names).collect();
    let orphans = survey.blobs.iter().filter(|(digest, _)| !named.contains(digest));
    found.extend(orphans.map(|(digest, bytes)| {
        let name = digest.to_string().chars().take(20).collect();
        Removed::new(name, *bytes, "a blob that no model names".to_owned())
    }));
    found
}
