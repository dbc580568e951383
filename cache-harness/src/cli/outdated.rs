//! `outdated [NAME…]`: what upstream has moved since models of the Hub were pinned.
//!
//! A request for each model, and for one that moved a listing. Nothing is downloaded and nothing written. A model
//! whose revision is a commit cannot move, and addresses and paths have no revision: they are not asked for.

use serde::Serialize;

use super::edit::pinning;
use super::{Context, Verdict};
use crate::cache::Inner;
use crate::catalog::{Declared, Source};
use crate::error::{Error, Result};
use crate::hub::{Moved, Moves, is_commit, select};
use crate::units::ByteSize;

#[derive(Debug, clap::Args)]
pub(super) struct Outdated {
    /// Models of the catalog; without names all
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

#[derive(Serialize)]
struct Document {
    models: Vec<Compared>,
    failed: Vec<Failed>,
}

/// A model of the Hub, compared with its repository.
#[derive(Serialize)]
struct Compared {
    name: String,
    repo: String,
    revision: String,
    state: State,
    /// The commit that is pinned.
    pinned: Option<String>,
    /// The commit that the revision is at; the one that is pinned, if that cannot move.
    latest: Option<String>,
    #[serde(flatten)]
    moves: Moves,
    /// What the repository is called now.
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Current,
    Outdated,
    Unpinned,
}

#[derive(Serialize)]
struct Failed {
    name: String,
    error: String,
}

impl Outdated {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        let inner = &cache.inner;
        if inner.catalog.path.is_none() {
            return Err(Error::NoCatalog { start: inner.catalog.start.clone() });
        }
        let declared: Vec<&Declared> = match self.names.as_slice() {
            [] => inner.catalog.models.values().collect(),
            names => names.iter().map(|name| inner.catalog.get(name)).collect::<Result<_>>()?,
        };
        let (mut models, mut failed) = (Vec::new(), Vec::new());
        for model in declared {
            let Source::Hub { repo, revision, files } = &model.source else { continue };
            match compare(inner, model, (repo, revision, files)) {
                Ok(compared) => models.push(compared),
                Err(error) => failed.push((model.name.to_string(), error)),
            }
        }
        let verdict = if failed.is_empty() { Verdict::Holds } else { Verdict::Fails };
        for (name, error) in &failed {
            context.failure(&format!("{name}: {error}"), error.hint().as_deref());
        }
        let moved: Vec<_> = models.iter().filter(|model| model.state == State::Outdated).collect();
        let hint = match moved.as_slice() {
            [] => None,
            moved => {
                let names: Vec<_> = moved.iter().map(|model| model.name.as_str()).collect();
                Some(format!("`cache-harness lock --upgrade {}` pins what is there now", names.join(" ")))
            }
        };
        if context.wants_json() {
            let failed = failed.into_iter().map(|(name, error)| Failed { name, error: error.to_string() }).collect();
            context.json(&Document { models, failed })?;
        } else {
            models.iter().flat_map(Compared::lines).try_for_each(|line| context.out(&line))?;
            if let Some(hint) = hint {
                context.say(&hint);
            } else if models.is_empty() && verdict == Verdict::Holds {
                context.say("no model of the Hub is among them, and nothing else moves by itself");
            }
        }
        Ok(verdict)
    }
}

fn compare(
    inner: &Inner,
    model: &Declared,
    (repo, revision, patterns): (&String, &String, &[String]),
) -> Result<Compared> {
    let pins = inner.lock.models.get(&model.name);
    let pinned = pins.and_then(|pins| pins.commit.clone());
    let mut compared = Compared {
        name: model.name.to_string(),
        repo: repo.clone(),
        revision: revision.clone(),
        state: State::Unpinned,
        latest: pinned.clone(),
        pinned,
        moves: Moves::default(),
        renamed: None,
    };
    let Some(pins) = pins else { return Ok(compared) };
    compared.state = State::Current;
    if is_commit(revision) && compared.pinned.as_deref() == Some(revision) {
        return Ok(compared);
    }
    let pinning = pinning(inner);
    let hub = pinning.hub(model);
    let head = hub.head(repo, revision)?;
    if compared.pinned.as_ref() != Some(&head.commit) {
        let listed = hub.files(&head)?;
        let refused = |message| Error::Setting { name: format!("`{repo}`"), message };
        compared.moves = Moves::between(pins, &select(&listed, patterns).map_err(refused)?.files);
        compared.state = State::Outdated;
    }
    compared.renamed = Some(head.repo).filter(|now| now != repo);
    compared.latest = Some(head.commit);
    Ok(compared)
}

impl Compared {
    /// As a person reads it: the model, and below it the files that differ.
    fn lines(&self) -> Vec<String> {
        let short = |commit: &Option<String>| commit.as_ref().map_or("none", |commit| &commit[..12]).to_owned();
        let name = &self.name;
        let head = match self.state {
            State::Unpinned => format!("{name}: not pinned"),
            State::Current => format!("{name}: current, {}", short(&self.pinned)),
            State::Outdated => {
                let what = if self.moves.is_empty() {
                    "the same files".to_owned()
                } else {
                    format!("{} to fetch", ByteSize(self.moves.fetch_bytes))
                };
                format!("{name}: {} -> {}, {what}", short(&self.pinned), short(&self.latest))
            }
        };
        let size = |bytes: Option<u64>| ByteSize(bytes.unwrap_or(0)).to_string();
        let changed = |file: &Moved| format!("  {}: changed, {} -> {}", file.path, size(file.before), size(file.after));
        let added = |file: &Moved| format!("  {}: new, {}", file.path, size(file.after));
        let removed = |file: &Moved| format!("  {}: gone, was {}", file.path, size(file.before));
        let renamed = self.renamed.iter().map(|now| format!("  the repository is called `{now}` now"));
        let Moves { changed: ours, added: new, removed: gone, .. } = &self.moves;
        let files = ours.iter().map(changed).chain(new.iter().map(added)).chain(gone.iter().map(removed));
        std::iter::once(head).chain(renamed).chain(files).collect()
    }
}
