//! Variables that contradict each other, that nobody reads, or that do not mean what they seem to.

mod consumers;
mod network;
mod spelling;

use super::examined::Examined;
use super::finding::{Check, Finding, or_ok};
use super::roots::ProviderRoot;

pub(super) fn check(examined: &Examined, roots: &[ProviderRoot]) -> Vec<Finding> {
    let mut findings = spelling::check(&examined.environment);
    findings.extend(consumers::check(examined, roots));
    findings.extend(network::check(examined));
    or_ok(findings, Check::Variables, "none contradicts another, and none is dead")
}

fn warning(id: &'static str, message: impl Into<String>) -> Finding {
    Finding::warning(Check::Variables, id, message)
}

fn note(id: &'static str, message: impl Into<String>) -> Finding {
    Finding::note(Check::Variables, id, message)
}
