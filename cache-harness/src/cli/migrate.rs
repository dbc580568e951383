//! `migrate FROM`: moves an old folder of models into the store.

use std::path::PathBuf;

use serde::Serialize;

use super::adopt::{pinned, search};
use super::{Context, Verdict, precious};
use crate::error::{Error, Result};
use crate::fs::{self, Works};
use crate::migration::{Left, Migrated, Moved, Originals, Plan};
use crate::units::ByteSize;

/// How many files that stay are named; `--json` and `--verbose` name all.
const NAMED: usize = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Migrate {
    /// The folder with the old models
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// Leave a read-only hard link where a file was
    #[arg(long)]
    leave_links: bool,
    /// Only say what would move
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Document {
    dry_run: bool,
    #[serde(serialize_with = "super::context::lossy")]
    from: PathBuf,
    moved: Vec<File>,
    moved_bytes: u64,
    left: Vec<Kept>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct File {
    #[serde(serialize_with = "super::context::lossy")]
    path: PathBuf,
    model: String,
    sha256: String,
    bytes: u64,
}

#[derive(Serialize)]
struct Kept {
    #[serde(serialize_with = "super::context::lossy")]
    path: PathBuf,
    bytes: u64,
    reason: String,
}

impl Migrate {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        if cache.inner.catalog.path.is_none() {
            return Err(Error::NoCatalog { start: cache.inner.catalog.start.clone() });
        }
        let refused = |message| Error::Setting { name: "FROM".to_owned(), message };
        let from = self.from.canonicalize();
        let from = from.map_err(|error| refused(format!("`{}` cannot be used: {error}", self.from.display())))?;
        let store = cache.inner.store.dir();
        if from.starts_with(store.canonicalize().unwrap_or_else(|_| store.to_owned())) {
            return Err(refused(format!("`{}` is in the cache's own folder", from.display())));
        }
        let why = precious::place(&cache, &from).or_else(|| precious::work(&fs::list(&from).unwrap_or_default()));
        if let Some(why) = why {
            return Err(refused(format!("`{}` {why}: nothing is moved out of it", from.display())));
        }
        let mut search = search(&cache, super::adopt::Places::Named).with(Works::LeftOut);
        search.through(&from);
        let (models, mut warnings) = pinned(&cache);
        let mut failures = Vec::new();
        let plan = Plan::new(&cache, &from, models, search)?;
        warnings.extend(plan.unseen.iter().map(ToString::to_string));
        for warning in &warnings {
            context.say(&format!("warning: {warning}"));
        }
        let mut done = Migrated { left: plan.left.clone(), ..Migrated::default() };
        if self.dry_run || plan.moves.is_empty() {
            done.moved = planned(&plan);
        } else {
            let (originals, fate) = if self.leave_links {
                (Originals::Link, "leave links to it there")
            } else {
                (Originals::Remove, "remove it there")
            };
            let (files, bytes) = (plan.moves.values().flatten().count(), ByteSize(plan.bytes()));
            let question = format!("Move {files} files ({bytes}) from `{}` into the cache and {fate}?", from.display());
            if !context.confirm(self.yes, &question)? {
                return Ok(Verdict::Fails);
            }
            let mut carried = plan.carry_out(&cache, originals);
            done.moved = carried.moved;
            done.left.append(&mut carried.left);
            failures.append(&mut carried.failures);
        }
        for error in &failures {
            context.error(error);
        }
        self.tell(context, from, done, warnings)?;
        Ok(if failures.is_empty() { Verdict::Holds } else { Verdict::Fails })
    }

    fn tell(&self, context: &Context, from: PathBuf, done: Migrated, warnings: Vec<String>) -> Result<()> {
        let moved_bytes: u64 = done.moved.iter().map(|moved| moved.bytes).sum();
        if context.wants_json() {
            let file = |moved: Moved| File {
                path: moved.path,
                model: moved.model,
                sha256: moved.sha256.to_string(),
                bytes: moved.bytes,
            };
            let kept = |Left { path, bytes, reason }| Kept { path, bytes, reason };
            let moved = done.moved.into_iter().map(file).collect();
            let left = done.left.into_iter().map(kept).collect();
            return context.json(&Document { dry_run: self.dry_run, from, moved, moved_bytes, left, warnings });
        }
        let verb = if self.dry_run { "would move" } else { "moved" };
        for moved in &done.moved {
            let (path, bytes) = (moved.path.display(), ByteSize(moved.bytes));
            context.out(&format!("{verb} `{path}` ({bytes}): {}", moved.model))?;
        }
        let named = if context.is_verbose() { usize::MAX } else { NAMED };
        for left in done.left.iter().take(named) {
            context.out(&format!("left `{}`: {}", left.path.display(), left.reason))?;
        }
        if done.left.len() > named {
            context.out(&format!("left {} more; `--verbose` names them", done.left.len() - named))?;
        }
        context.say(&format!("{verb} {} files ({})", done.moved.len(), ByteSize(moved_bytes)));
        Ok(())
    }
}

fn planned(plan: &Plan) -> Vec<Moved> {
    let files = plan.moves.iter().flat_map(|(digest, files)| files.iter().map(move |file| (digest, file)));
    let moved = files.map(|(digest, file)| Moved {
        path: file.path.clone(),
        model: plan.model_of(digest),
        sha256: *digest,
        bytes: file.fingerprint.size,
    });
    moved.collect()
}
