//! `report`: what a run's cache was worth.

use std::num::NonZeroUsize;

use clap::ValueEnum;

use super::{Context, Verdict};
use crate::error::{Error, Result};
use crate::report::Runs;

#[derive(Debug, clap::Args)]
pub(super) struct Report {
    /// The run; without it, the latest of this project
    #[arg(long, value_name = "ID", conflicts_with = "last")]
    run: Option<String>,
    /// The latest N runs of this project, newest first
    #[arg(long, value_name = "N")]
    last: Option<NonZeroUsize>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Exit 1 below this hit rate, from 0 to 1
    #[arg(long, value_name = "R", value_parser = rate)]
    min_hit_rate: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("expected a number from 0 to 1, for example 0.8".to_owned()),
    }
}

impl Report {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        let (runs, project) = (Runs::new(&cache.config().state_dir), cache.config().project.as_deref());
        let reports = match (&self.run, self.last) {
            (Some(id), _) => {
                let unknown = || Error::Setting {
                    name: "--run".to_owned(),
                    message: format!("no run `{id}` in `{}`", cache.config().state_dir.display()),
                };
                vec![runs.by_id(id).ok_or_else(unknown)?.report()?]
            }
            (None, Some(count)) => {
                runs.list(project)?.take(count.get()).map(|run| run.report()).collect::<Result<Vec<_>>>()?
            }
            (None, None) => runs.latest(project)?.into_iter().collect(),
        };
        if reports.is_empty() {
            context.failure("no run of this project is recorded yet", Some("run `cargo test` with an annotated test"));
            return Ok(Verdict::Fails);
        }
        if project.is_none() && self.run.is_none() {
            context.say("no catalog is here or above: runs of all projects");
        }
        let as_json = context.wants_json() || self.format == Format::Json;
        if as_json && self.last.is_some_and(|count| count.get() > 1) {
            let documents: Vec<_> = reports.iter().map(|report| report.json().to_string()).collect();
            context.out(&format!("[{}]", documents.join(",\n")))?;
        } else {
            for (index, report) in reports.iter().enumerate() {
                let text = if as_json { report.json().to_string() } else { report.text().to_string() };
                let gap = if index > 0 { "\n" } else { "" };
                context.out(&format!("{gap}{}", text.trim_end()))?;
            }
        }
        let newest = &reports[0];
        match (self.min_hit_rate, newest.hit_rate) {
            (Some(least), Some(rate)) if rate < least => {
                let (rate, least) = (rate * 100.0, least * 100.0);
                context.failure(&format!("the hit rate is {rate:.1} %, below {least:.1} %"), None);
                Ok(Verdict::Fails)
            }
            (Some(_), None) => {
                context.failure("the run asked for no model, so it has no hit rate", None);
                Ok(Verdict::Fails)
            }
            _ => Ok(Verdict::Holds),
        }
    }
}
