//! Variables that look like ours, but are not.

use super::super::finding::{Finding, quoted};
use super::warning;
use crate::environment::{Environment, OURS};
use crate::suggestion::nearest;

pub(super) fn check(environment: &Environment) -> Vec<Finding> {
    let unknown = environment.texts().filter(|name| is_alike(name) && !OURS.contains(name));
    unknown.map(|name| misspelt(name, environment)).collect()
}

/// Whether it was meant for us, by its first word or by all of it.
fn is_alike(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.starts_with("CACHE_HARNES") || upper.starts_with("CACHEHARNES") || upper.starts_with("CACHE-HARNES")
}

/// The variable that was meant. Where the first words are right, only what follows them tells.
fn meant(name: &str) -> Option<&'static str> {
    const FIRST: &str = "CACHE_HARNESS_";
    let Some(own) = name.strip_prefix(FIRST) else { return nearest(name, OURS) };
    let near = nearest(own, OURS.into_iter().filter_map(|known| known.strip_prefix(FIRST)))?;
    OURS.into_iter().find(|known| known.strip_prefix(FIRST) == Some(near))
}

fn misspelt(name: &str, environment: &Environment) -> Finding {
    let finding = |help: &str| warning("variable-misspelt", format!("nobody reads `{name}`{help}"));
    match meant(&name.to_ascii_uppercase().replace('-', "_")) {
        Some(near) => {
            let value = environment.text(name).unwrap_or_default();
            finding(&format!(": did you mean `{near}`?")).mend(format!("export {near}={}; unset {name}", quoted(value)))
        }
        None => finding("").mend(format!("unset {name}")),
    }
}
