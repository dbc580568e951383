//! `clean`, `prune`, `optimize`: removal, always with a dry run and never without consent.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::{Context, Verdict};
use crate::cache::Cache;
use crate::config::ApplicationCache;
use crate::error::{Error, Result};
use crate::store::retention::{Reason, Use};
use crate::store::{EntryId, Evicted, Resident, Survey};
use crate::units::ByteSize;
use crate::{fs, time};

/// How a person agrees to a removal.
#[derive(Debug, clap::Args)]
pub(super) struct Consent {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Consent {
    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    pub(super) fn given(&self, context: &Context, removal: &Removal) -> Result<bool> {
        let bytes: u64 = removal.removed.iter().map(|removed| removed.bytes).sum();
        let names: Vec<_> = removal.removed.iter().map(|removed| removed.name.as_str()).collect();
        context.confirm(self.yes, &format!("Remove {} ({})?", names.join(", "), ByteSize(bytes)))
    }
}

/// What was or would be removed.
#[derive(Debug, Default, Serialize)]
pub(super) struct Removal {
    pub(super) removed: Vec<Removed>,
    pub(super) freed_bytes: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Removed {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) reason: String,
}

impl Removal {
    pub(super) fn of(evicted: &[Evicted]) -> Self {
        let removed = evicted.iter().map(|evicted| Removed {
            name: evicted.model.clone(),
            bytes: evicted.bytes,
            reason: evicted.reason.as_str().to_owned(),
        });
        Self { removed: removed.collect(), freed_bytes: evicted.iter().map(|evicted| evicted.bytes).sum() }
    }

    pub(super) fn tell(&self, context: &Context, verb: &str) -> Result<()> {
        if context.wants_json() {
            return context.json(self);
        }
        for removed in &self.removed {
            // Who named it needs no reason.
            let reason = if removed.reason == Reason::Asked.as_str() { "" } else { removed.reason.as_str() };
            let gap = if reason.is_empty() { "" } else { ": " };
            context.out(&format!("{verb} {} ({}){gap}{reason}", removed.name, ByteSize(removed.bytes)))?;
        }
        if self.removed.is_empty() {
            context.say("nothing to remove");
        } else if self.freed_bytes > 0 {
            context.say(&format!("{} freed", ByteSize(self.freed_bytes)));
        }
        Ok(())
    }
}

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

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(super) struct Clean {
    /// Every model in the cache
    #[arg(long, group = "what")]
    models: bool,
    /// The project's application caches
    #[arg(long, group = "what")]
    apps: bool,
    /// Both
    #[arg(long, group = "what")]
    all: bool,
    #[command(flatten)]
    consent: Consent,
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

/// Whether what no entry needs goes too: partials, quarantine, blobs nobody names, expired application caches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sweep {
    Yes,
    No,
}

fn prune(context: &Context, consent: &Consent, sweep: Sweep) -> Result<Verdict> {
    let cache = context.cache()?;
    let (store, budget) = (&cache.inner.store, cache.inner.budget());
    if !store.dir().exists() {
        Removal::default().tell(context, "would evict")?;
        return Ok(Verdict::Holds);
    }
    let plan = store.plan_trim(&budget)?;
    let planned = plan.iter().map(|(resident, reason)| Removed {
        name: resident.entry.as_ref().map_or_else(|| resident.id.short(), |entry| entry.model.to_string()),
        bytes: resident.entry.as_ref().map_or(0, crate::store::Entry::bytes),
        reason: reason.as_str().to_owned(),
    });
    let mut removal = Removal { removed: planned.collect(), freed_bytes: 0 };
    if sweep == Sweep::Yes {
        removal.removed.extend(leftovers(&cache)?);
        removal.removed.extend(expired(&cache).map(|(name, file)| removed(&name, &file, "older than its max_age")));
    }
    if consent.is_dry_run() || removal.removed.is_empty() {
        removal.tell(context, "would remove")?;
        return Ok(Verdict::Holds);
    }
    if !consent.given(context, &removal)? {
        return Ok(Verdict::Fails);
    }
    let evicted = store.trim(&budget)?;
    cache.inner.log_evictions(&evicted);
    let mut done = Removal::of(&evicted);
    if sweep == Sweep::Yes {
        done.removed.extend(leftovers(&cache)?);
        done.freed_bytes += store.sweep()?;
        for (name, file) in expired(&cache).collect::<Vec<_>>() {
            let gone = removed(&name, &file, "older than its max_age");
            fs::remove_file(&file)?;
            done.freed_bytes += gone.bytes;
            done.removed.push(gone);
        }
    }
    done.tell(context, "removed")?;
    Ok(Verdict::Holds)
}

/// What of an entry is on the disk: its blobs, if they are there, and what is its own.
pub(super) fn bytes_here(survey: &Survey, resident: &Resident) -> u64 {
    resident.own_bytes + resident.names.iter().filter_map(|digest| survey.blobs.get(digest)).sum::<u64>()
}

/// Partials, what is in quarantine, and blobs that no model names.
fn leftovers(cache: &Cache) -> Result<Vec<Removed>> {
    let survey = cache.inner.store.survey()?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().chars().take(20).collect();
    let leftover = |reason: &str, (path, bytes): &(std::path::PathBuf, u64)| Removed {
        name: name(path),
        bytes: *bytes,
        reason: reason.to_owned(),
    };
    let idle = survey.partials.iter().filter(|(path, _)| !crate::lock::ExclusiveLock::is_held(path));
    let mut found: Vec<_> = idle.map(|partial| leftover("a partial that nobody fills", partial)).collect();
    found.extend(survey.quarantine.iter().map(|file| leftover("failed verification", file)));
    let named: BTreeSet<_> = survey.residents.iter().flat_map(|resident| &resident.names).collect();
    let orphans = survey.blobs.iter().filter(|(digest, _)| !named.contains(digest));
    found.extend(orphans.map(|(digest, bytes)| Removed {
        name: digest.to_string().chars().take(20).collect(),
        bytes: *bytes,
        reason: "a blob that no restored model names".to_owned(),
    }));
    Ok(found)
}

impl Clean {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        let store = &cache.inner.store;
        let survey = store.survey()?;
        let mut verdict = Verdict::Holds;
        let mut ids: Vec<EntryId> = Vec::new();
        let mut removal = Removal::default();
        for resident in survey.residents.iter().filter(|_| self.models || self.all) {
            let name = resident.entry.as_ref().map_or_else(|| resident.id.short(), |entry| entry.model.to_string());
            if resident.use_ == Use::Leased {
                context.failure(&format!("`{name}` is in use and stays"), None);
                verdict = Verdict::Fails;
                continue;
            }
            let (bytes, reason) = (bytes_here(&survey, resident), Reason::Asked.as_str().to_owned());
            removal.removed.push(Removed { name, bytes, reason });
            ids.push(resident.id);
        }
        if self.models || self.all {
            removal.removed.extend(leftovers(&cache)?);
        }
        let applications = cache.config().application_caches.iter().filter(|_| self.apps || self.all);
        let applications: Vec<(&String, &ApplicationCache)> = applications.collect();
        for (name, application) in &applications {
            refuse_precious(&cache, application)?;
            let bytes =
                fs::walk(&application.path).iter().filter_map(|path| fs::disk_usage(path)).map(|(_, b)| b).sum();
            removal.removed.push(Removed {
                name: (*name).clone(),
                bytes,
                reason: format!("application cache `{}`", application.path.display()),
            });
        }
        if self.consent.is_dry_run() || removal.removed.is_empty() {
            removal.tell(context, "would remove")?;
            return Ok(verdict);
        }
        if !self.consent.given(context, &removal)? {
            return Ok(Verdict::Fails);
        }
        if self.models || self.all {
            let evicted = store.evict(&ids)?;
            cache.inner.log_evictions(&evicted);
            removal.freed_bytes = evicted.iter().map(|evicted| evicted.bytes).sum::<u64>() + store.sweep()?;
        }
        for (_, application) in &applications {
            for path in fs::list(&application.path)? {
                match fs::look(&path)? {
                    fs::Found::Other => fs::remove_folder(&path)?,
                    _ => fs::remove_file(&path)?,
                }
            }
        }
        removal.tell(context, "removed")?;
        Ok(verdict)
    }
}

/// A mistyped path must not empty a home folder or the project.
fn refuse_precious(cache: &Cache, application: &ApplicationCache) -> Result<()> {
    let resolved = application.path.canonicalize().unwrap_or_else(|_| application.path.clone());
    let home = cache.inner.environment.home();
    let precious = [cache.config().project.as_deref(), home.as_deref(), Some(cache.inner.store.dir())];
    let inside = precious
        .into_iter()
        .flatten()
        .find(|precious| precious.canonicalize().unwrap_or_else(|_| (*precious).to_owned()).starts_with(&resolved));
    let refused = |message| Err(Error::Setting { name: "[application_caches]".to_owned(), message });
    if let Some(precious) = inside {
        return refused(format!("`{}` holds `{}` and is not emptied", resolved.display(), precious.display()));
    }
    let store = cache.inner.store.dir();
    // What is there goes by `--models`, which looks at who uses it.
    if resolved.starts_with(store.canonicalize().unwrap_or_else(|_| store.to_owned())) {
        return refused(format!("`{}` is in the cache's own folder and is not emptied", resolved.display()));
    }
    Ok(())
}

/// Files of application caches that are older than their cache's `max_age`.
fn expired(cache: &Cache) -> impl Iterator<Item = (String, std::path::PathBuf)> {
    let now = time::now();
    cache.config().application_caches.iter().flat_map(move |(name, application)| {
        let limit = application.max_age.unwrap_or(std::time::Duration::MAX);
        let old = move |path: &std::path::PathBuf| {
            path.is_file() && fs::modified(path).is_some_and(|modified| time::age(modified, now) > limit)
        };
        let precious = refuse_precious(cache, application).is_err();
        let files = if precious { Vec::new() } else { fs::walk(&application.path) };
        files.into_iter().filter(old).map(|file| (name.clone(), file)).collect::<Vec<_>>()
    })
}

fn removed(name: &str, file: &Path, reason: &str) -> Removed {
    let bytes = fs::disk_usage(file).map_or(0, |(_, bytes)| bytes);
    Removed {
        name: format!("{name}/{}", file.file_name().unwrap_or_default().display()),
        bytes,
        reason: reason.to_owned(),
    }
}
