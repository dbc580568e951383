//! `remove NAME`: takes a model out of the catalog and the lock file.

use std::path::Path;

use serde::Serialize;

use super::edit::{self, Edit};
use super::prune::bytes_here;
use super::removal::Consent;
use super::{Context, Verdict, catalog_text};
use crate::cache::Cache;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::model::ModelName;
use crate::units::ByteSize;

#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// A model of the catalog
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
            return Ok(refuse(context, name, &other));
        }
        let question = format!("Take {name} out of the catalog and the lock file?");
        if !self.consent.is_dry_run() && !self.consent.given_to(context, &question)? {
            return Ok(Verdict::Fails);
        }
        let cached_bytes = cached_bytes(&cache, name)?;
        let mut edit = Edit::begin(&cache.inner)?;
        let catalog = edit.catalog(&context.environment)?;
        let name = &catalog.get(&self.name)?.name;
        if let Some(other) = who_falls_back_on(name, &catalog) {
            return Ok(refuse(context, name, &other));
        }
        let text = catalog_text::remove(edit.text.as_deref().unwrap_or_default(), name)?;
        // What is about to be written is read once more: a catalog that lost its meaning is worse than an error.
        if edit::parse(&path, &text, &context.environment)?.models.len() + 1 != catalog.models.len() {
            let message = format!("`{name}` stands in the catalog in a way that cannot be edited: take it out by hand");
            return Err(Error::Setting { name: "cache-harness.toml".to_owned(), message });
        }
        edit.text = Some(text);
        edit.lock.models.remove(name);
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

/// The model that has `name` as its fallback.
fn who_falls_back_on(name: &ModelName, catalog: &Catalog) -> Option<ModelName> {
    let mut models = catalog.models.values();
    models.find(|other| other.fallback.as_ref() == Some(name)).map(|other| other.name.clone())
}

fn refuse(context: &Context, name: &ModelName, other: &ModelName) -> Verdict {
    let message = format!("`{name}` is the fallback of `{other}`");
    context.failure(&message, Some(&format!("take `fallback` out of [models.{other}] first")));
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
