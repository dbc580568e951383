//! What a project needs: the models of its catalog, and those that its annotations name.

use std::collections::BTreeSet;
use std::path::Path;

use super::annotations::{self, Annotated};
use crate::cache::Cache;
use crate::error::Result;

/// The annotated tests below the catalog's folder, or where there is none, below the current one; models that nothing
/// declares are left to the compiler.
pub(super) fn tests(cache: &Cache) -> Result<Vec<Annotated>> {
    let project = cache.config().project.as_deref();
    let folder = project.and_then(Path::parent).unwrap_or(Path::new("."));
    let mut tests = annotations::tests(folder)?;
    for test in &mut tests {
        test.models.retain(|name| cache.inner.catalog.get(name).is_ok());
    }
    tests.retain(|test| !test.models.is_empty());
    Ok(tests)
}

/// The names of all models, sorted.
pub(super) fn models(cache: &Cache, tests: &[Annotated]) -> Vec<String> {
    let declared = cache.inner.catalog.models.keys().map(ToString::to_string);
    let named = tests.iter().flat_map(|test| test.models.iter().cloned());
    declared.chain(named).collect::<BTreeSet<_>>().into_iter().collect()
}
