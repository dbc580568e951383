//! `report`: what a run's cache was worth, and whether that is enough.

mod gates;
mod github;

use std::num::NonZeroUsize;

use clap::ValueEnum;

use self::gates::Gates;
use self::github::Github;
use super::{Context, Verdict};
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::report::{self, Runs, StoreUse};

/// Runs that the charts of a page show.
const CHARTED: usize = 30;

#[derive(Debug, clap::Args)]
pub(super) struct Report {
    /// The run; without it, the latest of this project
    #[arg(long, value_name = "ID", conflicts_with = "last")]
    run: Option<String>,
    /// The latest N runs of this project, newest first; html draws them, junit and openmetrics take the newest
    #[arg(long, value_name = "N")]
    last: Option<NonZeroUsize>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Append to the job's summary and outputs, and annotate what is slow, skipped, repaired or a fallback
    #[arg(long)]
    github: bool,
    #[command(flatten)]
    gates: Gates,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Markdown,
    Html,
    Junit,
    Openmetrics,
}

impl Report {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let github = self.github.then(|| Github::of(&context.environment)).transpose()?;
        let cache = context.cache()?;
        let format = if context.wants_json() { Format::Json } else { self.format };
        let mut reports = self.reports(&cache, format)?;
        let Some(newest) = reports.first_mut() else {
            context.failure("no run of this project is recorded yet", Some("run `cargo test` with an annotated test"));
            return Ok(Verdict::Fails);
        };
        newest.store = store_use(&cache);
        if cache.config().project.is_none() && self.run.is_none() {
            context.say("no catalog is here or above: runs of all projects");
        }
        let text = self.printed(&reports, format);
        if let Some(github) = github {
            github.tell(context, &cache, &reports[0], (format == Format::Text).then_some(&text))?;
        }
        if !(self.github && format == Format::Text) {
            context.out(&text)?;
        }
        let failed = self.gates.failed(&reports[0]);
        for failure in &failed {
            context.failure(failure, None);
        }
        Ok(if failed.is_empty() { Verdict::Holds } else { Verdict::Fails })
    }

    /// Newest first. Logs of no more runs are read than are printed, drawn or compared with.
    fn reports(&self, cache: &Cache, format: Format) -> Result<Vec<report::Report>> {
        let (runs, project) = (Runs::new(&cache.config().state_dir), cache.config().project.as_deref());
        let earlier = if format == Format::Html { CHARTED - 1 } else { 1 };
        match (&self.run, self.last) {
            (Some(id), _) => {
                let unknown = || Error::Setting {
                    name: "--run".to_owned(),
                    message: format!("no run `{id}` in `{}`", cache.config().state_dir.display()),
                };
                runs.up_to(&runs.by_id(id).ok_or_else(unknown)?, project, earlier)
            }
            (None, Some(count)) => runs.last(project, count.get()),
            (None, None) => runs.latest(project, earlier),
        }
    }

    fn printed(&self, reports: &[report::Report], format: Format) -> String {
        let count = self.last.map_or(1, NonZeroUsize::get).min(reports.len());
        let (newest, shown) = (&reports[0], &reports[..count]);
        let all = |print: &dyn Fn(&report::Report) -> String, gap: &str| {
            shown.iter().map(|report| print(report).trim_end().to_owned()).collect::<Vec<_>>().join(gap)
        };
        match format {
            Format::Text => all(&|report| report.text().to_string(), "\n\n"),
            Format::Markdown => all(&|report| report.markdown().to_string(), "\n\n"),
            Format::Json if self.last.is_some_and(|count| count.get() > 1) => {
                format!("[{}]", all(&|report| report.json().to_string(), ",\n"))
            }
            Format::Json => newest.json().to_string(),
            Format::Html => newest.html(&reports[1..]).to_string(),
            Format::Junit => newest.junit().to_string(),
            Format::Openmetrics => newest.openmetrics().to_string(),
        }
    }
}

/// What the store holds now; nothing if it cannot be looked at, which is no reason to keep a report back.
pub(super) fn store_use(cache: &Cache) -> Option<StoreUse> {
    let used_bytes = cache.inner.store.survey().ok()?.used();
    Some(StoreUse { used_bytes, max_bytes: cache.config().max_size.value.0 })
}
