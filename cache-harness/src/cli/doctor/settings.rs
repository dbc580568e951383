//! The effective settings, and what of the files and variables that make them cannot be used.

use serde::Serialize;

use super::examined::Examined;
use super::finding::{Check, Finding, quoted};
use crate::config::Origin;
use crate::error::Error;
use crate::units::show_seconds;

/// A setting in force.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// `default`, `FILE:LINE`, a variable or a flag.
    pub(super) origin: String,
    #[serde(skip)]
    pub(super) is_default: bool,
}

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let mut findings: Vec<_> = examined.errors.iter().map(|error| unusable(error, examined)).collect();
    if !findings.is_empty() {
        let message = "what cannot be read is passed over here; every other command stops at it";
        findings.push(Finding::note(Check::Settings, "passed-over", message));
    }
    if examined.project.is_none() {
        let message = "no `cache-harness.toml` here or above: only built-in models can be named";
        let finding = Finding::note(Check::Settings, "no-catalog", message);
        findings.push(finding.mend("cache-harness add NAME SOURCE"));
    }
    findings
}

fn unusable(error: &Error, examined: &Examined) -> Finding {
    let finding = |id| Finding::error(Check::Settings, id, error.to_string());
    match error {
        Error::Malformed { path, line, hint, .. } => {
            let correct = format!("correct line {line} of `{}`", path.display());
            let found = finding("malformed");
            found.mend(hint.as_ref().map_or_else(|| correct.clone(), |hint| format!("{correct}: {hint}")))
        }
        Error::Setting { name, .. } if examined.environment.get(name).is_some() => {
            finding("variable-unusable").mend(format!("unset {}", quoted(name)))
        }
        other => match other.hint() {
            Some(hint) => finding("unreadable").mend(hint),
            None => finding("unreadable"),
        },
    }
}

/// Every setting; none if nothing says where the cache belongs.
pub(super) fn rows(examined: &Examined) -> Vec<Row> {
    let Some(cache) = &examined.cache else { return Vec::new() };
    let config = cache.config();
    let row = |name, value: String, origin: &Origin| Row {
        name,
        value,
        origin: origin.to_string(),
        is_default: *origin == Origin::Default,
    };
    let age = |age: std::time::Duration| {
        if age == std::time::Duration::MAX { "never".to_owned() } else { show_seconds(age.as_secs_f64()) }
    };
    let mirrors: Vec<_> = config.mirrors.value.iter().map(ToString::to_string).collect();
    let mirrors = if mirrors.is_empty() { "none".to_owned() } else { mirrors.join(", ") };
    vec![
        row("dir", config.dir.value.display().to_string(), &config.dir.origin),
        row("max_size", config.max_size.value.to_string(), &config.max_size.origin),
        row("max_age", age(config.max_age.value), &config.max_age.origin),
        row("rehash_after", age(config.rehash_after.value), &config.rehash_after.origin),
        row("verify", config.verify.value.to_string(), &config.verify.origin),
        row("offline", config.offline.value.to_string(), &config.offline.origin),
        row("min_free_disk", config.min_free_disk.value.to_string(), &config.min_free_disk.origin),
        row("strict_budget", config.strict_budget.value.to_string(), &config.strict_budget.origin),
        row("when_unusable", config.when_unusable.value.to_string(), &config.when_unusable.origin),
        row("patience", age(config.patience.value), &config.patience.origin),
        row("mirrors", mirrors, &config.mirrors.origin),
        row("connections", config.connections.value.to_string(), &config.connections.origin),
        row("HF_ENDPOINT", crate::address::shown(&config.endpoint.value), &config.endpoint.origin),
    ]
}
