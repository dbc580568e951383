//! `remove NAME`: takes a model out of the catalog and the lock file.

use std::path::Path;

use serde::Serialize;

use super::edit::{self, Edit};
use super::{Context, Verdict, catalog_text, stand_in};
use crate::catalog::Declared;
use crate::error::{Error, Result};

#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// A model of the catalog, with all its variants, or `NAME@VARIANT`
    name: String,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    lock: &'a Path,
    catalog: &'a Path,
    dry_run: bool,
}

impl Remove {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        cache.inner.catalog.get(&self.name)?;
        let path = edit::catalog_path(&cache.inner);
        let mut edit = Edit::begin(&cache.inner)?;
        let catalog = edit.catalog(&cache.inner)?;
        let declared = catalog.get(&self.name)?;
        let name = &declared.name;
        let falls_back = |other: &&Declared| other.fallback.as_ref().is_some_and(|fallback| fallback.belongs_to(name));
        let mut others = catalog.models.values().filter(|other| !other.name.belongs_to(name));
        if let Some(other) = others.find(falls_back) {
            let fallback = other.fallback.as_ref().unwrap_or(name);
            let message = format!("`{fallback}` is the fallback of `{}`", other.name);
            context.failure(&message, Some(&format!("take `fallback` out of [{}] first", other.header())));
            return Ok(Verdict::Code(2));
        }
        let gone: Vec<_> = catalog.models.keys().filter(|other| other.belongs_to(name)).collect();
        let text = catalog_text::remove(edit.text.as_deref().unwrap_or_default(), name)?;
        // What is about to be written is read once more: a catalog that lost its meaning is worse than an error.
        if edit::parse(&path, &text, &cache.inner)?.models.len() + gone.len() != catalog.models.len() {
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
        if !self.dry_run {
            edit.write()?;
        }
        self.tell(context, &lock, &path)
    }

    fn tell(&self, context: &Context, lock: &Path, catalog: &Path) -> Result<Verdict> {
        let name = self.name.as_str();
        if context.wants_json() {
            context.json(&Document { name, lock, catalog, dry_run: self.dry_run })?;
            return Ok(Verdict::Holds);
        }
        let done = if self.dry_run { "would remove" } else { "removed" };
        context.out(&format!("{done} {name} from `{}` and `{}`", catalog.display(), lock.display()))?;
        if !self.dry_run {
            context.say(&format!(
                "its bytes leave the cache once unused for `max_age`, or now by `cache-harness evict {name}`"
            ));
        }
        Ok(Verdict::Holds)
    }
}
