//! `status`: what the cache holds, against its budget.

use std::path::PathBuf;

use serde::Serialize;

use super::inventory::{self, Model, State};
use super::origins::{self, Effective};
use super::{Context, Verdict, application};
use crate::cache::Cache;
use crate::error::Result;
use crate::units::ByteSize;
use crate::{fs, time};

#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// Exit 1 if there is a warning
    #[arg(long)]
    check: bool,
    /// Show each setting and where it comes from
    #[arg(long)]
    origins: bool,
}

#[derive(Serialize)]
struct Document {
    #[serde(serialize_with = "super::context::lossy")]
    dir: PathBuf,
    max_bytes: u64,
    used_bytes: u64,
    partial_bytes: u64,
    /// Of the disk, for any program.
    free_bytes: Option<u64>,
    models: Vec<Model>,
    application_caches: Vec<ApplicationCache>,
    warnings: Vec<String>,
    /// With `--origins`.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Vec<Effective>>,
}

#[derive(Serialize)]
struct ApplicationCache {
    name: String,
    #[serde(serialize_with = "super::context::lossy")]
    path: PathBuf,
    bytes: u64,
    files: usize,
    oldest: Option<String>,
    newest: Option<String>,
    /// The seconds since then.
    #[serde(skip)]
    ages: [Option<u64>; 2],
}

impl Status {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        let mut document = document(&cache)?;
        if self.origins {
            document.settings = Some(origins::effective(&cache)?);
        }
        if context.wants_json() {
            context.json(&document)?;
        } else {
            context.out(&text(&document))?;
            if let Some(settings) = &document.settings {
                context.out(&format!("\n{}", origins::text(settings, &cache)))?;
            }
        }
        Ok(if self.check && !document.warnings.is_empty() { Verdict::Fails } else { Verdict::Holds })
    }
}

fn document(cache: &Cache) -> Result<Document> {
    let (config, store) = (cache.config(), &cache.inner.store);
    let survey = store.survey()?;
    let models = inventory::models(cache, &survey)?;
    let applications = application::all(cache);
    let application_caches = applications.iter().map(|application| {
        let contents = application.contents();
        ApplicationCache {
            name: application.name.to_owned(),
            path: application.path().to_owned(),
            bytes: contents.bytes,
            files: contents.files,
            oldest: contents.oldest.map(time::rfc3339),
            newest: contents.newest.map(time::rfc3339),
            ages: [contents.oldest, contents.newest]
                .map(|written| written.map(|at| time::age(at, time::now()).as_secs())),
        }
    });
    let refused = applications.iter().filter_map(|application| application.refuse_precious(cache).err());
    let mut warnings: Vec<_> = refused.map(|error| error.to_string()).collect();
    let (used_bytes, max_bytes) = (survey.used(), config.max_size.value.0);
    for model in models.iter().filter(|model| model.declared) {
        if !model.pinned {
            warnings.push(format!("{} is not pinned: run `cache-harness lock {}`", model.name, model.name));
        } else if model.state == State::Corrupt {
            warnings.push(format!("{} is corrupt: run `cache-harness verify --repair {}`", model.name, model.name));
        }
    }
    warnings.extend(cache.inner.warnings_of_room(&survey));
    Ok(Document {
        dir: store.dir().to_owned(),
        max_bytes,
        used_bytes,
        partial_bytes: survey.partial_bytes(),
        free_bytes: fs::free_bytes(store.dir()),
        models,
        application_caches: application_caches.collect(),
        warnings,
        settings: None,
    })
}

fn text(document: &Document) -> String {
    let (used, max) = (ByteSize(document.used_bytes), ByteSize(document.max_bytes));
    let free = document.free_bytes.map(|free| format!(", {} free on the disk", ByteSize(free))).unwrap_or_default();
    let mut lines = vec![format!("{}", document.dir.display()), format!("{used} of {max} used{free}"), String::new()];
    if document.models.is_empty() {
        lines.push("no models: `cache-harness add NAME SOURCE` declares one".to_owned());
    } else {
        lines.push(format!("{:26} {:8} {:>8} {:>6}  {:14} note", "model", "state", "size", "files", "last use"));
    }
    // A record that outlives its bytes is of no interest unless the catalog declares the model.
    for model in document.models.iter().filter(|model| model.declared || model.state != State::Cold) {
        let last = match model.unused_seconds {
            Some(seconds) => ago(seconds),
            None => "-".to_owned(),
        };
        let mut notes = Vec::new();
        notes.extend(model.leased.then_some("in use"));
        notes.extend((model.declared && !model.pinned).then_some("unpinned"));
        notes.extend((!model.declared).then_some("not declared so"));
        let (state, size) = (model.state.as_str(), size(model));
        let name = shorten(&model.name, 26);
        lines.push(
            format!("{name:26} {state:8} {size:>8} {:>6}  {last:14} {}", model.files, notes.join(", "))
                .trim_end()
                .to_owned(),
        );
    }
    if !document.application_caches.is_empty() {
        let (oldest, newest) = ("oldest file", "newest file");
        lines.push(format!("\n{:26} {:>8} {:>6}  {oldest:14} {newest}", "application cache", "size", "files"));
    }
    for cache in &document.application_caches {
        let (name, size) = (shorten(&cache.name, 26), ByteSize(cache.bytes).to_string());
        let [oldest, newest] = cache.ages.map(|age| age.map_or_else(|| "-".to_owned(), ago));
        lines.push(format!("{name:26} {size:>8} {:>6}  {oldest:14} {newest}", cache.files));
    }
    if !document.warnings.is_empty() {
        lines.push(String::new());
    }
    for warning in &document.warnings {
        lines.push(format!("warning: {warning}"));
    }
    lines.join("\n")
}

/// A model that only its digest pins has no size before it is here.
fn size(model: &Model) -> String {
    if model.bytes == 0 && model.state != State::Warm { "-".to_owned() } else { ByteSize(model.bytes).to_string() }
}

fn ago(seconds: u64) -> String {
    match seconds {
        0 => "just now".to_owned(),
        1..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

fn shorten(name: &str, width: usize) -> String {
    if name.chars().count() <= width {
        return name.to_owned();
    }
    name.chars().take(width - 1).chain(['…']).collect()
}
