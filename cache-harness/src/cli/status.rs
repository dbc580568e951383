//! `status`: what the cache holds, against its budget.

use std::path::PathBuf;

use serde::Serialize;

use super::inventory::{self, Model, State};
use super::{Context, Verdict};
use crate::ask::Ask;
use crate::cache::Cache;
use crate::error::Result;
use crate::event::Via;
use crate::units::{ByteSize, show_seconds};
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
    models: Vec<Model>,
    application_caches: Vec<ApplicationCache>,
    warnings: Vec<String>,
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
}

impl Status {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        let document = document(&cache)?;
        if context.wants_json() {
            context.json(&document)?;
        } else {
            context.out(&text(&document))?;
            if self.origins {
                context.out(&origins(&cache))?;
            }
        }
        Ok(if self.check && !document.warnings.is_empty() { Verdict::Fails } else { Verdict::Holds })
    }
}

fn document(cache: &Cache) -> Result<Document> {
    let (config, store) = (cache.config(), &cache.inner.store);
    let survey = store.survey()?;
    let models = inventory::models(cache, &survey)?;
    let application_caches = config.application_caches.iter().map(|(name, cache)| {
        let paths = fs::walk(&cache.path);
        let stamps = || paths.iter().filter(|path| path.is_file()).filter_map(|path| fs::modified(path));
        ApplicationCache {
            name: name.clone(),
            path: cache.path.clone(),
            bytes: paths.iter().filter_map(|path| fs::disk_usage(path)).map(|(_, bytes)| bytes).sum(),
            files: stamps().count(),
            oldest: stamps().min().map(time::rfc3339),
            newest: stamps().max().map(time::rfc3339),
        }
    });
    let (used_bytes, max_bytes) = (survey.used(), config.max_size.value.0);
    let mut warnings = Vec::new();
    for model in models.iter().filter(|model| model.declared) {
        if !model.pinned {
            warnings.push(format!("{} is not pinned: run `cache-harness lock {}`", model.name, model.name));
        } else if model.state == State::Corrupt {
            warnings.push(format!("{} is corrupt: run `cache-harness verify --repair {}`", model.name, model.name));
        }
    }
    if used_bytes > max_bytes / 10 * 9 {
        let (used, max) = (ByteSize(used_bytes), ByteSize(max_bytes));
        warnings.push(format!("{used} of {max} are used: run `cache-harness prune`, or raise max_size"));
    }
    if let Some(free) = fs::free_bytes(store.dir()).filter(|free| *free < config.min_free_disk.value.0) {
        let (free, least) = (ByteSize(free), config.min_free_disk.value);
        warnings.push(format!("the disk has {free} free, less than min_free_disk ({least})"));
    }
    Ok(Document {
        dir: store.dir().to_owned(),
        max_bytes,
        used_bytes,
        partial_bytes: survey.partial_bytes(),
        models,
        application_caches: application_caches.collect(),
        warnings,
    })
}

fn text(document: &Document) -> String {
    let (used, max) = (ByteSize(document.used_bytes), ByteSize(document.max_bytes));
    let mut lines = vec![format!("{}", document.dir.display()), format!("{used} of {max} used"), String::new()];
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
    for cache in &document.application_caches {
        let (name, size) = (shorten(&cache.name, 26), ByteSize(cache.bytes));
        lines.push(format!("{name:26} {:8} {size:>8} {:>6}  {}", "app", cache.files, cache.path.display()));
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

fn origins(cache: &Cache) -> String {
    let config = cache.config();
    let line = |name: &str, value: String, origin: &dyn std::fmt::Display| format!("{name:14} {value:36} {origin}");
    let age = |age: std::time::Duration| {
        if age == std::time::Duration::MAX { "never".to_owned() } else { show_seconds(age.as_secs_f64()) }
    };
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let mirrors = match config.mirrors.value.as_slice() {
        [] => "none".to_owned(),
        mirrors => mirrors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut lines = vec![
        String::new(),
        line("dir", config.dir.value.display().to_string(), &config.dir.origin),
        line("max_size", config.max_size.value.to_string(), &config.max_size.origin),
        line("max_age", age(config.max_age.value), &config.max_age.origin),
        line("rehash_after", age(config.rehash_after.value), &config.rehash_after.origin),
        line("verify", config.verify.value.to_string(), &config.verify.origin),
        line("offline", config.offline.value.to_string(), &config.offline.origin),
        line("min_free_disk", config.min_free_disk.value.to_string(), &config.min_free_disk.origin),
        line("strict_budget", config.strict_budget.value.to_string(), &config.strict_budget.origin),
        line("when_unusable", config.when_unusable.value.to_string(), &config.when_unusable.origin),
        line("patience", age(config.patience.value), &config.patience.origin),
        line("mirrors", mirrors, &config.mirrors.origin),
        line("connections", config.connections.value.to_string(), &config.connections.origin),
        line("variant", or_none(config.variants.value.to_string()), &config.variants.origin),
        line("HF_ENDPOINT", config.endpoint.value.clone(), &config.endpoint.origin),
    ];
    for declared in cache.inner.catalog.models.values() {
        let has_variants = cache.inner.catalog.variants_of(&declared.name).next().is_some();
        if let (true, Ok(choice)) = (has_variants, cache.inner.chosen(&Ask::new(declared.name.as_str(), Via::Restore)))
        {
            lines.push(line(declared.name.as_str(), choice.declared.name.to_string(), &choice.origin));
        }
    }
    for (provider, root) in &config.provider_roots {
        lines.push(line(provider.as_str(), root.value.display().to_string(), &root.origin));
    }
    lines.join("\n")
}
