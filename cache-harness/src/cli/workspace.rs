//! What a project needs: the models of its catalog as they are chosen, and those that its annotations name.

use std::collections::BTreeSet;
use std::path::Path;

use super::annotations::{self, Annotated};
use crate::ask::Ask;
use crate::cache::Cache;
use crate::error::Result;
use crate::event::Via;

/// The annotated tests below the catalog's folder, or where there is none, below the current one, each with the models
/// and variants that it would get; models that nothing declares are left to the compiler.
pub(super) fn tests(cache: &Cache) -> Result<Vec<Annotated>> {
    let project = cache.config().project.as_deref();
    let folder = project.and_then(Path::parent).unwrap_or(Path::new("."));
    let mut tests = annotations::tests(folder)?;
    for test in &mut tests {
        test.models = test.models.iter().filter_map(|name| chosen(cache, name).ok()).collect();
    }
    tests.retain(|test| !test.models.is_empty());
    Ok(tests)
}

/// The model or variant that a request for `name` means.
pub(super) fn chosen(cache: &Cache, name: &str) -> Result<String> {
    Ok(cache.inner.chosen(&Ask::new(name, Via::Restore))?.declared.name.to_string())
}

/// The models of the catalog, of each the variant that is chosen; sorted.
pub(super) fn all_chosen(cache: &Cache) -> Vec<String> {
    let models = cache.inner.catalog.models.keys().filter(|name| name.variant().is_none());
    let chosen: BTreeSet<_> = models.filter_map(|name| chosen(cache, name.as_str()).ok()).collect();
    chosen.into_iter().collect()
}

/// The names of all models, sorted: those that are chosen, and what the annotations name themselves.
pub(super) fn models(cache: &Cache, tests: &[Annotated]) -> Vec<String> {
    let named = tests.iter().flat_map(|test| test.models.iter().cloned());
    all_chosen(cache).into_iter().chain(named).collect::<BTreeSet<_>>().into_iter().collect()
}
