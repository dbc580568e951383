//! `report --github`: the job's summary and outputs, and annotations, as GitHub Actions takes them.

use std::path::{Path, PathBuf};

use crate::cache::Cache;
use crate::cli::{Context, key};
use crate::environment::{Environment, GITHUB_OUTPUT, GITHUB_STEP_SUMMARY, GITHUB_WORKSPACE};
use crate::error::{Error, Result};
use crate::fs;
use crate::report::{Annotation, Report};

/// Where a step of a job leaves what the job shows.
pub(super) struct Github {
    summary: PathBuf,
    output: PathBuf,
    workspace: Option<PathBuf>,
}

impl Github {
    /// # Errors
    ///
    /// Outside of GitHub Actions, naming the variables that are missing.
    pub(super) fn of(environment: &Environment) -> Result<Self> {
        let path = |name| environment.get(name).map(PathBuf::from);
        let (summary, output) = (path(GITHUB_STEP_SUMMARY), path(GITHUB_OUTPUT));
        let missing: Vec<_> = [(GITHUB_STEP_SUMMARY, &summary), (GITHUB_OUTPUT, &output)]
            .into_iter()
            .filter(|(_, path)| path.is_none())
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        match (summary, output) {
            (Some(summary), Some(output)) => Ok(Self { summary, output, workspace: path(GITHUB_WORKSPACE) }),
            _ => Err(Error::Setting {
                name: "--github".to_owned(),
                message: format!("{} not set: this is for a step of GitHub Actions", missing.join(" and ")),
            }),
        }
    }

    /// Appends to the files and prints the annotations; `text` is the report for the job's log.
    pub(super) fn tell(&self, context: &Context, cache: &Cache, report: &Report, text: Option<&String>) -> Result<()> {
        fs::append(&self.summary, &format!("{}\n\n", report.markdown().to_string().trim_end()))?;
        let rate = report.hit_rate.map(|rate| rate.to_string()).unwrap_or_default();
        // A project whose models are not all pinned has no key; the report is no reason to fail.
        let key = key::of(cache, "").map(|(key, _)| key).unwrap_or_default();
        let saved = report.bytes_saved;
        fs::append(&self.output, &format!("hit-rate={rate}\nbytes-saved={saved}\ncache-key={key}\n"))?;
        if let Some(text) = text {
            // Whatever a log holds, it gives the runner no commands.
            let token = format!("{:032x}", fastrand::u128(..));
            context.out(&format!("::stop-commands::{token}\n{text}\n::{token}::"))?;
        }
        for mut annotation in Annotation::all(report) {
            if let Some((file, _)) = &mut annotation.site {
                *file = self.in_workspace(file);
            }
            match text {
                Some(_) => context.out(&annotation.to_string())?,
                // Data is alone on stdout; the runner reads both.
                None => context.direct(&annotation.to_string()),
            }
        }
        Ok(())
    }

    /// `file!()` is relative to cargo's workspace; GitHub wants the path in the checkout.
    fn in_workspace(&self, file: &str) -> String {
        let Some(checkout) = self.workspace.as_ref().and_then(|path| path.canonicalize().ok()) else {
            return file.to_owned();
        };
        let here = Path::new(".").canonicalize().unwrap_or_default();
        let folders = here.ancestors().take_while(|folder| folder.starts_with(&checkout));
        let found = folders.map(|folder| folder.join(file)).find(|path| path.is_file());
        found.and_then(|path| Some(path.strip_prefix(&checkout).ok()?.to_str()?.to_owned())).unwrap_or(file.to_owned())
    }
}
