//! `doctor`: looks for what will go wrong, and says how to mend it. Opens no connection, waits for nobody, and leaves
//! everything as it was; what it tries out on a disk is gone when it ends.
//!
//! Each check is a function from what could be read to findings, so one that is broken hides no other.

mod examined;
mod finding;
mod git;
mod leftovers;
mod links;
mod pins;
mod project;
mod roots;
mod settings;
mod storage;
mod text;
mod variables;
mod versions;

use std::path::PathBuf;

use serde::Serialize;

use self::examined::Examined;
use self::finding::{Finding, Level};
use self::links::Linked;
use self::roots::ProviderRoot;
use self::settings::Row;
use self::versions::Versions;
use super::{Context, Verdict};
use crate::error::Result;

#[derive(Debug, clap::Args)]
pub(super) struct Doctor {}

/// Everything that was found.
#[derive(Serialize)]
struct Diagnosis {
    errors: usize,
    warnings: usize,
    notes: usize,
    versions: Versions,
    files: Files,
    settings: Vec<Row>,
    roots: Vec<ProviderRoot>,
    links: Vec<Linked>,
    findings: Vec<Finding>,
}

/// The files that say what holds, if they are there.
#[derive(Serialize)]
struct Files {
    catalog: Option<PathBuf>,
    models: usize,
    lock: Option<PathBuf>,
    pinned: usize,
    user: Option<PathBuf>,
}

impl Doctor {
    #[expect(clippy::unused_self, reason = "it takes no arguments")]
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let examined = Examined::new(context);
        let diagnosis = diagnosis(&examined);
        if context.wants_json() {
            context.json(&diagnosis)?;
        } else {
            let home = context.environment.home();
            context.out(&text::text(&diagnosis, home.as_deref(), context.is_verbose()))?;
        }
        Ok(if diagnosis.errors > 0 { Verdict::Fails } else { Verdict::Holds })
    }
}

fn diagnosis(examined: &Examined) -> Diagnosis {
    let (roots, root_findings) = roots::check(examined);
    let (links, link_findings) = links::check(examined, &roots);
    let mut findings = settings::check(examined);
    findings.extend(variables::check(examined, &roots));
    findings.extend(root_findings);
    findings.extend(storage::check(examined, &roots));
    findings.extend(link_findings);
    findings.extend(pins::check(examined));
    findings.extend(leftovers::check(examined));
    findings.extend(project::check(examined));
    // Sorting keeps the order of the checks within a level. What matters most stands nearest to the next prompt.
    findings.sort_by_key(|finding| finding.level);
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    Diagnosis {
        errors: count(Level::Error),
        warnings: count(Level::Warning),
        notes: count(Level::Note),
        versions: versions::versions(examined),
        files: files(examined),
        settings: settings::rows(examined),
        roots,
        links,
        findings,
    }
}

fn files(examined: &Examined) -> Files {
    let lock = examined.lock.as_ref().filter(|path| path.exists()).cloned();
    let inner = examined.cache.as_ref().map(|cache| &cache.inner);
    Files {
        catalog: examined.project.clone(),
        models: inner.map_or(0, |inner| inner.catalog.models.len()),
        lock,
        pinned: inner.map_or(0, |inner| inner.lock.models.len()),
        user: examined.user.clone(),
    }
}
