//! `warm`: fetches ahead, in parallel.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::inventory::{self, State};
use super::{Context, Verdict, plan, workspace};
use crate::cache::Cache;
use crate::cached_model::CachedModel;
use crate::error::{Error, Result};
use crate::event::Outcome;
use crate::units::{ByteSize, show_seconds};
use crate::warm;

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, clap::Args)]
pub(super) struct Warm {
    /// Models of the catalog; without any, all of them, of each the variant that is chosen
    #[arg(value_name = "NAME", conflicts_with_all = ["all", "tests", "predict"])]
    names: Vec<String>,
    /// All models of the catalog and all their variants
    #[arg(long, conflicts_with_all = ["tests", "predict"])]
    all: bool,
    /// The models that this workspace's annotations name
    #[arg(long, conflicts_with = "predict")]
    tests: bool,
    /// The models that recent runs used, most used first
    #[arg(long)]
    predict: bool,
    /// How many models to fetch at once
    #[arg(long, value_name = "N", default_value = "4")]
    jobs: NonZeroUsize,
    /// Fetch nothing; exit 1 unless all are warm
    #[arg(long)]
    check: bool,
}

#[derive(Serialize)]
struct Document {
    models: Vec<Model>,
    seconds: f64,
}

#[derive(Serialize)]
struct Model {
    name: String,
    outcome: Option<Outcome>,
    state: State,
    bytes: u64,
    fetched_bytes: u64,
    error: Option<String>,
}

impl Warm {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        if cache.inner.catalog.path.is_none() && self.names.is_empty() && !self.tests {
            // In the wrong folder, "nothing to do" would be taken for "done".
            return Err(Error::NoCatalog { start: cache.inner.catalog.start.clone() });
        }
        let names = self.select(&cache)?;
        for name in &names {
            cache.inner.prepared(&crate::ask::Ask::exactly(name, crate::event::Via::Warm))?;
        }
        if self.check {
            return check(context, &cache, &names);
        }
        let started = Instant::now();
        let results = warm::warm(&cache, &names, self.jobs.get());
        let seconds = started.elapsed().as_secs_f64();
        let failed = results.iter().any(|(_, result)| result.is_err());
        let mut models: Vec<_> = results.iter().map(|(name, result)| describe(name, result)).collect();
        for (_, result) in &results {
            if let Err(error) = result {
                context.error(error);
            }
        }
        let gone = release(&cache, results, &mut models);
        if context.wants_json() {
            context.json(&Document { models, seconds })?;
        } else {
            let fetched: u64 = models.iter().map(|model| model.fetched_bytes).sum();
            let warm = models.iter().filter(|model| model.state == State::Warm).count();
            let (of, took) = (models.len(), show_seconds(seconds));
            let others = match models.iter().filter(|model| model.outcome == Some(Outcome::Fallback)).count() {
                0 => String::new(),
                count => format!(", {count} more by their fallback"),
            };
            context.say(&format!("{warm} of {of} models are warm{others}: {} fetched in {took}", ByteSize(fetched)));
        }
        if !gone.is_empty() {
            let message = format!("{} of {} models did not stay: {}", gone.len(), names.len(), gone.join(", "));
            context.failure(&message, Some(&plan::remedy_for(&cache, &names)?));
        }
        Ok(if failed || !gone.is_empty() { Verdict::Fails } else { Verdict::Holds })
    }

    fn select(&self, cache: &Cache) -> Result<Vec<String>> {
        let names = if !self.names.is_empty() {
            self.names.clone()
        } else if self.tests {
            return tests(cache);
        } else if self.predict {
            warm::predict(cache)?
        } else if self.all {
            return Ok(all(cache));
        } else {
            return project(cache);
        };
        let mut seen = BTreeSet::new();
        let mut chosen = names.iter().map(|name| workspace::chosen(cache, name)).collect::<Result<Vec<_>>>()?;
        chosen.retain(|name| seen.insert(name.clone()));
        Ok(chosen)
    }
}

/// The models that are chosen, and the variants that annotations name themselves.
pub(super) fn project(cache: &Cache) -> Result<Vec<String>> {
    let mut names = workspace::all_chosen(cache);
    let declared = &cache.inner.catalog.models;
    // Without variants no annotation can name another model of the catalog.
    if declared.keys().any(|name| name.variant().is_some()) {
        let all = workspace::models(cache, &workspace::tests(cache)?).into_iter();
        names = all.filter(|name| declared.keys().any(|known| known.as_str() == name)).collect();
    }
    Ok(names)
}

/// Every model of the catalog, and every variant.
pub(super) fn all(cache: &Cache) -> Vec<String> {
    cache.inner.catalog.models.keys().map(ToString::to_string).collect()
}

/// The models that annotations below the catalog's folder name.
pub(super) fn tests(cache: &Cache) -> Result<Vec<String>> {
    let names: BTreeSet<_> = workspace::tests(cache)?.into_iter().flat_map(|test| test.models).collect();
    Ok(names.into_iter().collect())
}

fn check(context: &Context, cache: &Cache, names: &[String]) -> Result<Verdict> {
    let models = inventory::models(cache, &cache.inner.store.survey()?)?;
    let wanted: Vec<_> = models.iter().filter(|model| model.declared && names.contains(&model.name)).collect();
    let cold: Vec<_> = wanted.iter().filter(|model| model.state != State::Warm).collect();
    if context.wants_json() {
        let model = |model: &&inventory::Model| Model {
            name: model.name.clone(),
            outcome: None,
            state: model.state,
            bytes: model.bytes,
            fetched_bytes: 0,
            error: None,
        };
        context.json(&Document { models: wanted.iter().map(model).collect(), seconds: 0.0 })?;
    } else {
        for model in &cold {
            context.say(&format!("{} is {}", model.name, model.state.as_str()));
        }
    }
    if cold.is_empty() {
        return Ok(Verdict::Holds);
    }
    context
        .failure(&format!("{} of {} models are not warm", cold.len(), wanted.len()), Some("run `cache-harness warm`"));
    Ok(Verdict::Fails)
}

/// Lets the models go, upon which those beyond the budget are evicted; returns what did not stay.
fn release(cache: &Cache, results: Vec<(String, Result<CachedModel>)>, models: &mut [Model]) -> Vec<String> {
    // What came past an unusable store was never to stay.
    let stored = |(_, result): &(String, Result<CachedModel>)| {
        let model = result.as_ref().ok().filter(|model| model.held.lease.is_some())?;
        Some(Arc::clone(&model.prepared))
    };
    let stored: Vec<_> = results.iter().map(stored).collect();
    drop(results);
    let mut gone = Vec::new();
    for (model, prepared) in models.iter_mut().zip(&stored) {
        let files = prepared.iter().flat_map(|prepared| &prepared.pins.files);
        let here: Vec<_> = files.map(|file| cache.inner.store.blob(&file.sha256).exists()).collect();
        if model.state == State::Warm && here.contains(&false) {
            model.state = if here.contains(&true) { State::Partial } else { State::Cold };
            gone.push(format!("`{}`", model.name));
        }
    }
    gone
}

fn describe(name: &str, result: &Result<CachedModel>) -> Model {
    let name = name.to_owned();
    match result {
        Ok(model) => Model {
            name,
            outcome: Some(model.outcome()),
            state: if model.outcome() == Outcome::Fallback { State::Cold } else { State::Warm },
            bytes: model.bytes(),
            fetched_bytes: model.fetched_bytes(),
            error: None,
        },
        Err(error) => {
            let (bytes, fetched_bytes) = (0, 0);
            let outcome = Some(Outcome::Failed);
            Model { name, outcome, state: State::Cold, bytes, fetched_bytes, error: Some(error.to_string()) }
        }
    }
}
