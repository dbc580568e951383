//! `lock --check`: where the pins disagree with the catalog, or with files of the project.
//!
//! No network, and no bytes but those of `path` models.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::change::{Change, Outcome};
use super::{Context, Verdict, stand_in};
use crate::cache::Inner;
use crate::catalog::{Declared, Source};
use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::model::FilePath;
use crate::pattern::matches;
use crate::pinning::pin_path;
use crate::pins::{PinnedFile, Pins};

#[derive(Serialize)]
struct Document<'a> {
    disagreements: Vec<Disagreement>,
    lock: &'a Path,
}

/// A model whose pins are not those of what is declared, or of the project's files.
#[derive(Serialize)]
pub(in crate::cli) struct Disagreement {
    pub(in crate::cli) name: String,
    pub(in crate::cli) reasons: Vec<String>,
}

/// Which words make `lock` mend these: only without names does it drop what is gone.
pub(in crate::cli) fn remedy(inner: &Inner, disagreements: &[Disagreement]) -> String {
    let gone = disagreements.iter().any(|one| inner.catalog.get(&one.name).is_err());
    let names: Vec<_> = disagreements.iter().filter(|_| !gone).map(|one| format!(" {}", one.name)).collect();
    format!("cache-harness lock{}", names.concat())
}

/// Compares the pins of these models; with `all`, also what is pinned without being declared.
pub(in crate::cli) fn disagreements(inner: &Inner, declared: &[&Declared], all: bool) -> Vec<Disagreement> {
    let lock = &inner.lock;
    let mut disagreements = Vec::new();
    // A stand-in is wrong also where only its model was named and pinned anew.
    let stand_ins = declared.iter().flat_map(|model| stand_in::stand_ins(&inner.catalog, &model.name));
    let models: BTreeMap<_, _> = declared.iter().copied().chain(stand_ins).map(|model| (&model.name, model)).collect();
    for model in models.into_values() {
        let mut reasons = reasons(model, lock.models.get(&model.name));
        if reasons.is_empty() && model.stand_in {
            reasons.extend(stand_in::lacks(model, lock));
        }
        if !reasons.is_empty() {
            disagreements.push(Disagreement { name: model.name.to_string(), reasons });
        }
    }
    let gone = lock.models.keys().filter(|name| all && !inner.catalog.models.contains_key(*name));
    disagreements.extend(gone.map(|name| {
        let reasons = vec!["is pinned, but not in the catalog".to_owned()];
        Disagreement { name: name.to_string(), reasons }
    }));
    disagreements
}

pub(super) fn check(context: &Context, inner: &Inner, declared: &[&Declared], all: bool) -> Result<Verdict> {
    let lock = &inner.lock;
    let disagreements = disagreements(inner, declared, all);
    let (sound, remedy) = (disagreements.is_empty(), remedy(inner, &disagreements));
    if context.wants_json() {
        context.json(&Document { disagreements, lock: &lock.path })?;
    } else {
        for one in &disagreements {
            one.reasons.iter().try_for_each(|reason| context.out(&format!("{}: {reason}", one.name)))?;
        }
    }
    if sound {
        context.say(&format!("`{}` agrees with the catalog", lock.path.display()));
        return Ok(Verdict::Holds);
    }
    let message = format!("`{}` disagrees with the catalog or the project's files", lock.path.display());
    context.failure(&message, Some(&format!("run `{remedy}` and commit the lock file")));
    Ok(Verdict::Fails)
}

fn other_digest(file: &PinnedFile, declared: Sha256Digest) -> String {
    format!("{}: {} is pinned, but {} declared", file.path, file.sha256.short(), declared.short())
}

fn reasons(declared: &Declared, locked: Option<&Pins>) -> Vec<String> {
    let source = declared.source.describe();
    let Some(locked) = locked else {
        // Its digest stands in the catalog, which is enough.
        let is_enough = declared.sha256.is_some() && matches!(declared.source, Source::Urls(_));
        return if is_enough { Vec::new() } else { vec!["is not pinned".to_owned()] };
    };
    if locked.source != source {
        return vec![format!("is pinned from `{}`, but declared as `{source}`", locked.source)];
    }
    match (&declared.source, declared.sha256) {
        (Source::Path(path, _), _) => match pin_path(path) {
            Ok(files) => {
                let now = Pins {
                    source,
                    commit: locked.commit.clone(),
                    signature: locked.signature.clone(),
                    archive: None,
                    coverage: locked.coverage,
                    files,
                };
                let change = Change::between(&declared.name, Some(locked), Some(&now));
                let differs = change.outcome != Outcome::Unchanged;
                change.files.iter().filter(|_| differs).map(super::change::FileChange::line).collect()
            }
            Err(error) => vec![error.to_string()],
        },
        (Source::Urls(_), Some(sha256)) => {
            let other = locked.files.iter().find(|file| file.sha256 != sha256);
            other.map(|file| other_digest(file, sha256)).into_iter().collect()
        }
        (Source::Hub { files, .. } | Source::Archive { files, .. }, sha256) => {
            let wants =
                |path: &FilePath| files.is_empty() || files.iter().any(|pattern| matches(pattern, path.as_str()));
            let unwanted = locked.files.iter().filter(|file| !wants(&file.path));
            let unwanted = unwanted.map(|file| format!("{}: is pinned, but not meant by `files`", file.path));
            let other = locked.archive.iter().filter_map(|archive| Some((archive, sha256?)));
            let other = other.filter(|(archive, sha256)| archive.sha256 != *sha256);
            other.map(|(archive, sha256)| other_digest(archive, sha256)).chain(unwanted).collect()
        }
        (Source::Urls(_), _) => Vec::new(),
    }
}
