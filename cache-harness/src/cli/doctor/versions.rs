//! Which cache-harness this is, and which the project's tests use.

use serde::Serialize;

use super::examined::Examined;
use super::finding::{Check, Finding};
use super::project;

/// Of this command, and of the project.
#[derive(Debug, Serialize)]
pub(super) struct Versions {
    pub(super) command: &'static str,
    /// What is compiled into this command.
    pub(super) features: Vec<&'static str>,
    /// In the project's `Cargo.lock`.
    pub(super) library: Option<String>,
    pub(super) macros: Option<String>,
}

const OWN: &str = env!("CARGO_PKG_VERSION");

pub(super) fn versions(examined: &Examined) -> Versions {
    let features = [
        ("archives", cfg!(feature = "archives")),
        ("cli", cfg!(feature = "cli")),
        ("portable-digest", cfg!(feature = "portable-digest")),
        ("testkit", cfg!(feature = "testkit")),
    ];
    Versions {
        command: OWN,
        features: features.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name).collect(),
        library: project::locked_version(examined, "cache-harness"),
        macros: project::locked_version(examined, "cache-harness-macros"),
    }
}

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let Versions { library, macros, .. } = versions(examined);
    let mut findings = Vec::new();
    if let Some(library) = library.as_deref().filter(|library| *library != OWN) {
        let message = format!("the tests use cache-harness {library}, this command is {OWN}");
        let finding = Finding::warning(Check::Project, "other-version", message);
        findings.push(finding.mend(format!("cargo install cache-harness --version {library} --features cli")));
    }
    if let (Some(library), Some(macros)) = (library, macros)
        && library != macros
    {
        let message = format!("cache-harness is {library} in `Cargo.lock`, but its macro {macros}");
        let finding = Finding::warning(Check::Project, "other-version", message);
        findings.push(finding.mend("cargo update cache-harness cache-harness-macros"));
    }
    findings
}
