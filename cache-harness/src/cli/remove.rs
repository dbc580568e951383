//! `remove NAME`: takes a model out of the catalog and the lock file.

use std::path::Path;

use serde::Serialize;

use super::edit::{self, Edit};
use super::prune::bytes_here;
use super::removal::Consent;
use super::{Context, Verdict, catalog_text, stand_in};
use crate::cache::Cache;
use crate::catalog::{Catalog, Declared};
use crate::error::{Error, Result};
use crate::model::ModelName;
use crate::units::ByteSize;

#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// A model of the catalog, with all its variants, or `NAME@VARIANT`
    name: String,
    #[command(flatten)]
    consent: Consent,
}

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    lock: &'a Path,
    catalog: &'a Path,
    dry_run: bool,
    /// What stays of it in the cache until it is evicted.
    cached_bytes: u64,
}

impl Remove {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        let path = edit::catalog_path(&cache.inner);
        let name = &cache.inner.catalog.get(&self.name)?.name;
        if let Some(other) = who_falls_back_on(name, &cache.inner.catalog) {
            return Ok(refuse(context, name, other));
        }
        let question = format!("Take {name} out of the catalog and the lock file?");
        if !self.consent.is_dry_run() && !self.consent.given_to(context, &question)? {
            return Ok(Verdict::Fails);
        }
        let cached_bytes = cached_bytes(&cache, name)?;
        let mut edit = Edit::begin(&cache.inner)?;
        let catalog = edit.catalog(&cache.inner)?;
        let name = &catalog.get(&self.name)?.name;
        if let Some(other) = who_falls_back_on(name, &catalog) {
            return Ok(refuse(context, name, other));
        }
        let gone = catalog.models.keys().filter(|other| other.belongs_to(name)).count();
        let text = catalog_text::remove(edit.text.as_deref().unwrap_or_default(), name)?;
        // What is about to be written is read once more: a catalog that lost its meaning is worse than an error.
        if edit::parse(&path, &text, &cache.inner)?.models.len() + gone != catalog.models.len() {
            let message = format!("`{name}` stands in the catalog in a way that cannot be edited: take it out by hand");
            return Err(Error::Setting { name: "cache-harness.toml".to_owned(), message });
        }
        edit.text = Some(text);
        edit.lock.models.retain(|other, _| !other.belongs_to(name));
        for (model, pins) in &mut edit.lock.models {
            // Without its last stand-in a model has nothing to be compared with.
            if model.as_str() == name.model() && !stand_in::stand_ins(&catalog, model).any(|one| one.name != *name) {
                pins.signature = None;
            }
        }
        let lock = edit.lock.path.clone();
        let dry_run = self.consent.is_dry_run();
        if !dry_run {
            edit.write()?;
        }
        let document = Document { name: &self.name, lock: &lock, catalog: &path, dry_run, cached_bytes };
        tell(context, &document)?;
        Ok(Verdict::Holds)
    }
}

fn tell(context: &Context, document: &Document<'_>) -> Result<()> {
    if context.wants_json() {
        return context.json(document);
    }
    let Document { name, lock, catalog, dry_run, cached_bytes } = document;
    let done = if *dry_run { "would remove" } else { "removed" };
    context.out(&format!("{done} {name} from `{}` and `{}`", catalog.display(), lock.display()))?;
    if !dry_run && *cached_bytes > 0 {
        let bytes = ByteSize(*cached_bytes);
        context.say(&format!(
            "its {bytes} leave the cache once unused for `max_age`, or now by `cache-harness evict {name}`"
        ));
    }
    Ok(())
}

/// The model that stays and has `name`, or a variant of it, as its fallback.
fn who_falls_back_on<'c>(name: &ModelName, catalog: &'c Catalog) -> Option<&'c Declared> {
    let falls_back = |other: &&Declared| other.fallback.as_ref().is_some_and(|fallback| fallback.belongs_to(name));
    catalog.models.values().filter(|other| !other.name.belongs_to(name)).find(falls_back)
}

fn refuse(context: &Context, name: &ModelName, other: &Declared) -> Verdict {
    let fallback = other.fallback.as_ref().unwrap_or(name);
    let message = format!("`{fallback}` is the fallback of `{}`", other.name);
    context.failure(&message, Some(&format!("take `fallback` out of [{}] first", other.header())));
    Verdict::Code(2)
}

/// What `evict` would find under this name.
fn cached_bytes(cache: &Cache, name: &ModelName) -> Result<u64> {
    let survey = cache.inner.store.survey()?;
    let of_name = survey.residents.iter().filter(|resident| {
        let entry = resident.entry.as_ref();
        entry.is_some_and(|entry| entry.model == *name)
    });
    Ok(of_name.map(|resident| bytes_here(&survey, resident)).sum())
}
