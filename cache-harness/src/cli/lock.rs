//! `lock [NAME…] [--upgrade | --check]`: pins what the catalog declares, or tells where the pins disagree with it.

mod change;
pub(super) mod check;

use std::path::PathBuf;

use serde::Serialize;

use self::change::Change;
use super::edit::{self, Edit, Unconfirmed};
use super::stand_in::{self, Signed};
use super::{Context, Verdict, remark};
use crate::cache::Inner;
use crate::catalog::{Declared, Source};
use crate::error::{Error, Result};
use crate::model::ModelName;
use crate::pinning::Commit;

#[derive(Debug, clap::Args)]
pub(super) struct Lock {
    /// Models of the catalog; without names all, and blocks of models that are gone are dropped
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Change nothing: exit 1 if the lock file disagrees with the catalog or with files of the project
    #[arg(long)]
    check: bool,
    /// Pin models of the Hub at the commit that their revision is at now
    #[arg(long, conflicts_with = "check")]
    upgrade: bool,
    /// Pin built-in models whose digest is unconfirmed, if their source confirms it
    #[arg(long, conflicts_with = "check")]
    accept_unconfirmed: bool,
}

#[derive(Serialize)]
struct Document {
    models: Vec<Change>,
    #[serde(serialize_with = "super::context::lossy")]
    lock: PathBuf,
}

impl Lock {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        let inner = &cache.inner;
        let declared = self.declared(inner)?;
        if self.check {
            return check::check(context, inner, &declared, self.names.is_empty());
        }
        edit::refuse_newer(&inner.lock)?;
        let (mut pinned, mut failed, mut verdict) = (Vec::new(), Vec::new(), Verdict::Holds);
        let commit = if self.upgrade { Commit::Renewed } else { Commit::Kept };
        let unconfirmed = if self.accept_unconfirmed { Unconfirmed::Accepted } else { Unconfirmed::Refused };
        for model in declared {
            // One that is not declared was named as it is called there.
            if model.is_pinned_by_builtin() || !inner.catalog.models.contains_key(&model.name) {
                context.say(&format!("{}: pinned by the built-in catalogue", model.name));
                continue;
            }
            match edit::admit(inner, model, unconfirmed).and_then(|()| edit::pin(inner, model, commit)) {
                Ok(found) => {
                    remark::tell(context, &model.name, &found);
                    pinned.push((model.name.clone(), found.pins));
                }
                Err(error) => failed.push((model, error)),
            }
        }
        let mut signed = stand_in::sign(inner, &inner.catalog, pinned);
        for error in std::mem::take(&mut signed.refused) {
            context.error(&error);
            verdict = Verdict::Fails;
        }
        self.write(context, inner, signed)?;
        for (model, error) in failed {
            match &model.source {
                // Its digest pins it. What lacks is the size, which only the unreachable source could tell.
                Source::Urls(_) if self.names.is_empty() && model.sha256.is_some() && !is_mismatch(&error) => {
                    context.say(&format!("{}: pinned by the catalog, but not fetched: {error}", model.name));
                }
                _ if is_mismatch(&error) => {
                    let hint = format!("if the file was meant to change, correct `sha256` in [{}]", model.header());
                    context.failure(&error.to_string(), Some(&hint));
                    verdict = Verdict::Fails;
                }
                _ => {
                    context.failure(&format!("{}: {error}", model.name), error.hint().as_deref());
                    verdict = Verdict::Fails;
                }
            }
        }
        Ok(verdict)
    }

    /// The models that were named, or all.
    fn declared<'i>(&self, inner: &'i Inner) -> Result<Vec<&'i Declared>> {
        if inner.catalog.path.is_none() {
            return Err(Error::NoCatalog { start: inner.catalog.start.clone() });
        }
        match self.names.as_slice() {
            [] => Ok(inner.catalog.models.values().collect()),
            names => names.iter().map(|name| inner.catalog.get(name)).collect(),
        }
    }

    fn write(&self, context: &Context, inner: &Inner, signed: Signed) -> Result<()> {
        let names: Vec<_> = signed.pinned.iter().map(|(name, _)| name.clone()).collect();
        let mut edit = Edit::begin(inner)?;
        let mut changes = Vec::new();
        for (name, pins) in signed.blocks(&inner.lock, &edit.lock) {
            changes.push(Change::between(&name, edit.lock.models.get(&name), Some(&pins)));
            edit.lock.models.insert(name, pins);
        }
        if self.names.is_empty() {
            // Of the catalog as it is now: another process may have added a model meanwhile.
            let catalog = edit.catalog(inner)?;
            let gone = |name: &&ModelName| !catalog.models.contains_key(*name);
            let gone: Vec<_> = edit.lock.models.keys().filter(gone).cloned().collect();
            for name in gone {
                changes.push(Change::between(&name, edit.lock.models.remove(&name).as_ref(), None));
            }
        }
        let lock = edit.lock.path.clone();
        edit.write()?;
        edit::keep(context, &names);
        if context.wants_json() {
            return context.json(&Document { models: changes, lock });
        }
        changes.iter().flat_map(Change::lines).try_for_each(|line| context.out(&line))
    }
}

fn is_mismatch(error: &Error) -> bool {
    match error {
        Error::DigestMismatch { .. } => true,
        Error::SourcesFailed { attempts, .. } => attempts.iter().any(is_mismatch),
        _ => false,
    }
}
