//! `key`: the name under which CI keeps the models, derived from their pins.
//!
//! It changes exactly when the bytes or their place may: comments, order, other addresses of the same bytes and sizes
//! that become known leave it as it is.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Context, Verdict, workspace};
use crate::ask::Ask;
use crate::cache::{Cache, Inner};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::event::Via;

/// Digits of a key: two sets of pins share one once in 2⁶⁴ pairs.
const DIGITS: usize = 32;

#[derive(Debug, clap::Args)]
pub(super) struct Key {
    /// What the key begins with, such as `models-`
    #[arg(long, value_name = "P", default_value = "")]
    prefix: String,
}

#[derive(Serialize)]
struct Document {
    key: String,
    models: Vec<String>,
}

impl Key {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let (key, models) = of(&context.cache()?, &self.prefix)?;
        if context.wants_json() {
            context.json(&Document { key, models })?;
        } else {
            context.out(&key)?;
        }
        Ok(Verdict::Holds)
    }
}

/// The key of a project, and the models that it is of.
pub(super) fn of(cache: &Cache, prefix: &str) -> Result<(String, Vec<String>)> {
    let models = workspace::models(cache, &workspace::tests(cache)?);
    if models.is_empty() && cache.inner.catalog.path.is_none() {
        return Err(Error::NoCatalog { start: cache.inner.catalog.start.clone() });
    }
    let mut text = String::new();
    for name in &models {
        text += &lines(&cache.inner, name)?;
    }
    let mut digits = Sha256Digest::of(text.as_bytes()).to_string();
    digits.truncate(DIGITS);
    Ok((format!("{prefix}{digits}"), models))
}

/// What the key depends on of one model. No value can hold a tab or newline.
fn lines(inner: &Inner, name: &str) -> Result<String> {
    let prepared = inner.prepared(&Ask::exactly(name, Via::Restore))?;
    let (hub_id, commit) = (prepared.declared.hub_id.as_deref(), prepared.pins.commit.as_deref());
    let (hub_id, commit) = (hub_id.unwrap_or("-"), commit.unwrap_or("-"));
    let mut lines = format!("model\t{name}\t{}\t{hub_id}\t{commit}\n", prepared.provider);
    for file in prepared.pins.archive.iter().chain(&prepared.pins.files) {
        let _ = writeln!(lines, "file\t{}\t{}\t{}", file.path, file.sha256, file.etag.as_deref().unwrap_or("-"));
    }
    Ok(lines)
}
