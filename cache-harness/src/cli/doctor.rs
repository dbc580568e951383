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
mod sameness;
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
use self::versions::Versions;
use super::origins::{self, Effective};
use super::{Context, Verdict, duplicates};
use crate::error::Result;

#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    /// Also look for the same bytes in several places; hashes files of the same size
    #[arg(long)]
    duplicates: bool,
}

/// Everything that was found.
#[derive(Serialize)]
struct Diagnosis {
    errors: usize,
    warnings: usize,
    notes: usize,
    versions: Versions,
    files: Files,
    settings: Vec<Effective>,
    roots: Vec<ProviderRoot>,
    links: Vec<Linked>,
    findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicates: Option<duplicates::Document>,
    #[serde(skip)]
    duplicate_lines: Vec<String>,
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
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let examined = Examined::new(context);
        let diagnosis = self.diagnosis(&examined);
        if context.wants_json() {
            context.json(&diagnosis)?;
        } else {
            let home = context.environment.home();
            context.out(&text::text(&diagnosis, home.as_deref(), context.is_verbose()))?;
        }
        Ok(if diagnosis.errors > 0 { Verdict::Fails } else { Verdict::Holds })
    }

    fn diagnosis(&self, examined: &Examined) -> Diagnosis {
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
        let same = if self.duplicates {
            let (same, found) = sameness::look(examined);
            findings.extend(found);
            same
        } else {
            None
        };
        // Sorting keeps the order of the checks within a level. What matters most stands nearest to the next prompt.
        findings.sort_by_key(|finding| finding.level);
        let count = |level| findings.iter().filter(|finding| finding.level == level).count();
        let (duplicates, duplicate_lines) = same.map(|same| (same.document, same.lines)).unzip();
        let duplicate_lines = duplicate_lines.unwrap_or_default();
        Diagnosis {
            errors: count(Level::Error),
            warnings: count(Level::Warning),
            notes: count(Level::Note),
            versions: versions::versions(examined),
            files: files(examined),
            settings: examined.cache.as_ref().map(origins::effective_as_far_as_known).unwrap_or_default(),
            roots,
            links,
            findings,
            duplicates,
            duplicate_lines,
        }
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
