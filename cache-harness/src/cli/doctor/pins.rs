//! Whether catalog and lock file agree, and whether what they ask for can be had and fits; no network.

use super::examined::Examined;
use super::finding::{Check, Finding};
use crate::cache::Cache;
use crate::cli::lock::check::{disagreements, remedy};
use crate::cli::plan::{self, Outlook};
use crate::config::Origin;
use crate::units::ByteSize;

/// More disagreements than this are counted, not listed.
const LISTED: usize = 5;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let (Some(cache), true) = (&examined.cache, examined.has_pins) else { return Vec::new() };
    let mut findings = agreement(cache);
    let agrees = findings.is_empty();
    let mut facts = Vec::new();
    match plan::outlook(cache) {
        Ok(outlook) => {
            findings.extend(supply(cache, &outlook));
            facts.push(match outlook.fetch_bytes {
                0 if outlook.cold.is_empty() => "everything is here".to_owned(),
                bytes => format!("{} to fetch, and room for it", ByteSize(bytes)),
            });
        }
        Err(error) => findings.push(Finding::error(Check::Pins, "no-plan", error.to_string())),
    }
    if cache.inner.lock.newer {
        let message = format!("`{}` was written by a newer cache-harness", cache.inner.lock.path.display());
        let finding = Finding::warning(Check::Pins, "lock-newer", message);
        findings.push(finding.mend("cargo install cache-harness --features cli"));
    }
    if findings.is_empty() && agrees {
        facts.insert(0, "the lock file agrees with the catalog".to_owned());
        return vec![Finding::ok(Check::Pins, facts.join("; "))];
    }
    findings
}

/// As `lock --check`.
fn agreement(cache: &Cache) -> Vec<Finding> {
    let inner = &cache.inner;
    let declared: Vec<_> = inner.catalog.models.values().collect();
    let disagreements = disagreements(inner, &declared, true);
    let mend = remedy(inner, &disagreements);
    let texts: Vec<_> = disagreements
        .iter()
        .flat_map(|one| one.reasons.iter().map(|reason| format!("`{}` {reason}", one.name)))
        .collect();
    let finding = |message: String| Finding::error(Check::Pins, "pins-disagree", message).mend(mend.clone());
    let mut findings: Vec<_> = texts.iter().take(LISTED).map(|text| finding(text.clone())).collect();
    if texts.len() > LISTED {
        findings.push(finding(format!("{} more files or models disagree with their pins", texts.len() - LISTED)));
    }
    findings
}

fn supply(cache: &Cache, outlook: &Outlook) -> Vec<Finding> {
    let misfit = |text: &String| Finding::error(Check::Pins, "does-not-fit", text.clone()).mend(outlook.remedy.clone());
    let mut findings: Vec<_> = outlook.misfits.iter().map(misfit).collect();
    let offline = &cache.config().offline;
    if offline.value && !outlook.cold.is_empty() {
        let (count, origin) = (outlook.cold.len(), &offline.origin);
        let names = outlook.cold.iter().take(LISTED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let more = if count > LISTED { ", …" } else { "" };
        let message = format!("{origin} forbids the network, but {names}{more} cannot be had without");
        let allowed = if matches!(origin, Origin::Flag(_)) { "" } else { "CACHE_HARNESS_OFFLINE=0 " };
        findings.push(
            Finding::error(Check::Pins, "offline-and-cold", message).mend(format!("{allowed}cache-harness warm")),
        );
    }
    findings
}
