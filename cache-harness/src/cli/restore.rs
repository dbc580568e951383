//! `restore NAME… [--to DIR]`: what the macro does.

use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

use super::{Context, Verdict};
use crate::ask::{Ask, Place};
use crate::cached_model::CachedModel;
use crate::catalog::Choice;
use crate::config::Origin;
use crate::error::Result;
use crate::event::{Outcome, Via};
use crate::fs::LinkMode;

#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// Models of the catalog
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Copy them below this folder instead of where their consumers look
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document {
    models: Vec<Model>,
}

#[derive(Serialize)]
struct Model {
    /// With `@` and the variant, if it is one.
    name: String,
    provider: &'static str,
    #[serde(serialize_with = "super::context::lossy")]
    path: PathBuf,
    outcome: Outcome,
    bytes: u64,
    fetched_bytes: u64,
    seconds: f64,
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    #[serde(serialize_with = "super::context::lossy")]
    path: PathBuf,
    sha256: String,
    size: u64,
    link_mode: LinkMode,
}

impl Restore {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        let place = match &self.to {
            Some(folder) => Place::Folder(std::path::absolute(folder).map_err(crate::Error::io("resolve", folder))?),
            None => Place::Provider,
        };
        let mut document = Document { models: Vec::new() };
        let mut verdict = Verdict::Holds;
        // In use until all are in place: none may go for another, or be replaced by it.
        let mut held = Vec::new();
        for name in &self.names {
            let started = Instant::now();
            let ask = Ask { place: place.clone(), ..Ask::new(name, Via::Restore) };
            match cache.ask(&ask) {
                Ok(model) => {
                    if let Ok(Choice { declared, origin }) = cache.inner.chosen(&ask)
                        && origin != Origin::Default
                    {
                        context.say(&format!("{name}: takes `{}`, by {origin}", declared.name));
                    }
                    if !context.wants_json() {
                        context.out(&model.path().display().to_string())?;
                    }
                    document.models.push(describe(&model, started.elapsed().as_secs_f64()));
                    held.push(model);
                }
                Err(error) if error.is_usage() => return Err(error),
                Err(error) => {
                    context.error(&error);
                    verdict = Verdict::Fails;
                }
            }
        }
        if context.wants_json() {
            context.json(&document)?;
        }
        Ok(verdict)
    }
}

fn describe(model: &CachedModel, seconds: f64) -> Model {
    let size = |path: &PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
    let file = |file: &crate::CachedFile| File {
        path: file.path.clone(),
        sha256: file.sha256.to_string(),
        size: size(&file.path),
        link_mode: file.link_mode,
    };
    Model {
        name: model.prepared.name().to_string(),
        provider: model.provider().as_str(),
        path: model.path().to_owned(),
        outcome: model.outcome(),
        bytes: model.bytes(),
        fetched_bytes: model.fetched_bytes(),
        seconds,
        files: model.files().iter().map(file).collect(),
    }
}
