//! What of the files and variables that make the settings cannot be used.

use super::examined::Examined;
use super::finding::{Check, Finding, quoted};
use crate::error::Error;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let mut findings: Vec<_> = examined.errors.iter().map(|error| unusable(error, examined)).collect();
    if !findings.is_empty() {
        let message = "what cannot be read is passed over here; every other command stops at it";
        findings.push(Finding::note(Check::Settings, "passed-over", message));
    }
    if examined.project.is_none() {
        let message = "no `cache-harness.toml` here or above: only built-in models can be named";
        let finding = Finding::note(Check::Settings, "no-catalog", message);
        findings.push(finding.mend("cache-harness init"));
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
