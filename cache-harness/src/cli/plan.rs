//! `plan`: what would be fetched, and whether it fits. Opens no connection and changes nothing.

mod need;
mod outlook;

use std::path::PathBuf;

use serde::Serialize;

use self::need::{Fit, Need, Part, Room};
pub(super) use self::outlook::{Outlook, outlook};
use super::annotations::Annotated;
use super::{Context, Verdict, workspace};
use crate::ask::Ask;
use crate::cache::{Cache, Inner};
use crate::error::{Result, raise_max_size};
use crate::event::Via;
use crate::fill;
use crate::fs;
use crate::store::Survey;
use crate::store::retention::Use;
use crate::units::ByteSize;

#[derive(Debug, clap::Args)]
pub(super) struct Plan {}

#[derive(Serialize)]
struct Document {
    models: Vec<Model>,
    /// The annotated tests.
    tests: Vec<Together>,
    /// Of all models together.
    #[serde(flatten)]
    all: Sum,
    used_bytes: u64,
    max_bytes: u64,
    free_bytes: Option<u64>,
    fits: bool,
}

#[derive(Serialize)]
struct Sum {
    /// Those that are known.
    bytes: u64,
    present_bytes: u64,
    fetch_bytes: u64,
    /// The most that the store's folders and records add.
    overhead_bytes: u64,
    /// Whether a size is not known yet, so that the numbers are lower bounds.
    unknown_sizes: bool,
}

#[derive(Serialize)]
struct Model {
    name: String,
    provider: String,
    state: State,
    files: usize,
    #[serde(flatten)]
    sum: Sum,
    fits: bool,
    fits_budget: bool,
    fits_disk: bool,
    #[serde(skip)]
    fit: Fit,
}

#[derive(Serialize)]
struct Together {
    #[serde(serialize_with = "super::context::lossy")]
    file: PathBuf,
    test: String,
    models: Vec<String>,
    #[serde(flatten)]
    sum: Sum,
    fits: bool,
    #[serde(skip)]
    fit: Fit,
}

/// How much of a model is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Present,
    Partial,
    ToFetch,
}

impl Sum {
    fn of(need: &Need, room: &Room) -> Self {
        Self {
            bytes: need.bytes(),
            present_bytes: need.here(),
            fetch_bytes: need.missing(),
            overhead_bytes: need.overhead(room.overhead),
            unknown_sizes: !need.is_known(),
        }
    }

    /// The `max_size` that is enough.
    fn max_size(&self) -> u64 {
        self.bytes + self.overhead_bytes
    }

    fn text(&self, bytes: u64) -> String {
        let more = if self.unknown_sizes { "+?" } else { "" };
        format!("{}{more}", ByteSize(bytes))
    }
}

impl State {
    fn text(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Partial => "partial",
            Self::ToFetch => "to fetch",
        }
    }
}

impl Fit {
    fn text(self) -> &'static str {
        match self {
            Self::Fits => "yes",
            Self::OverBudget => "no: over max_size",
            Self::OverBudgetWithRecords => "no: over max_size with its folders and records",
            Self::OverDisk => "no: too little disk",
        }
    }

    fn why(self) -> &'static str {
        match self {
            Self::Fits => "it fits",
            Self::OverBudget => "more than max_size",
            Self::OverBudgetWithRecords => "more than max_size with its folders and records",
            Self::OverDisk => "more than the disk has room for",
        }
    }
}

impl Plan {
    #[expect(clippy::unused_self, reason = "it takes no arguments")]
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let document = document(&context.cache()?, Unpinned::Refused)?;
        if context.wants_json() {
            context.json(&document)?;
        } else {
            context.out(&text(&document))?;
        }
        let (needed, max) = (document.all.max_size(), document.max_bytes);
        if document.fits {
            if needed > max {
                let (needed, max) = (ByteSize(needed), ByteSize(max));
                context.say(&format!("all together take {needed} of {max}: they fit one after the other"));
            }
            return Ok(Verdict::Holds);
        }
        context.failure("what the tests need does not fit", Some(&document.remedy()));
        Ok(Verdict::Fails)
    }
}

impl Document {
    /// What makes room for what does not fit.
    fn remedy(&self) -> String {
        let models = self.models.iter().map(|model| (model.fit, model.sum.max_size()));
        let tests = self.tests.iter().map(|test| (test.fit, test.sum.max_size()));
        let over = models.chain(tests).filter(|(fit, _)| fit.is_over_budget()).map(|(_, bytes)| bytes).max();
        match over {
            Some(bytes) => raise_max_size(bytes),
            None => "free space on the disk, or set `dir` in [cache] to a folder on another".to_owned(),
        }
    }
}

/// What lets all of these models stay.
pub(super) fn remedy_for(cache: &Cache, names: &[String]) -> Result<String> {
    let survey = cache.inner.store.survey()?;
    let (room, mut together) = (room(&cache.inner, &survey), Need::default());
    for name in names {
        together.add(&model(&cache.inner, &survey, &room, name)?.1);
    }
    if together.fit(&room).is_over_budget() {
        return Ok(raise_max_size(Sum::of(&together, &room).max_size()));
    }
    Ok("`cache-harness status` says what takes the room".to_owned())
}

/// What to do about a model that has no pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unpinned {
    Refused,
    LeftOut,
}

fn document(cache: &Cache, unpinned: Unpinned) -> Result<Document> {
    let inner = &cache.inner;
    let survey = inner.store.survey()?;
    let annotated = workspace::tests(cache)?;
    let room = room(inner, &survey);
    let (mut models, mut all) = (Vec::new(), Need::default());
    let is_left_out =
        |name: &String| unpinned == Unpinned::LeftOut && inner.prepared(&Ask::exactly(name, Via::Restore)).is_err();
    for name in workspace::models(cache, &annotated).into_iter().filter(|name| !is_left_out(name)) {
        let (model, need) = model(inner, &survey, &room, &name)?;
        all.add(&need);
        models.push((model, need));
    }
    let tests: Vec<_> = annotated.into_iter().map(|test| together(test, &models, &room)).collect();
    let models: Vec<_> = models.into_iter().map(|(model, _)| model).collect();
    let fits = models.iter().all(|model| model.fits) && tests.iter().all(|test| test.fits);
    let (used_bytes, max_bytes, free_bytes) = (survey.used(), room.budget, room.free);
    Ok(Document { models, tests, all: Sum::of(&all, &room), used_bytes, max_bytes, free_bytes, fits })
}

fn room(inner: &Inner, survey: &Survey) -> Room {
    let leased = survey.residents.iter().filter(|resident| resident.use_ == Use::Leased);
    let held: u64 = leased
        .map(|resident| {
            let blobs = resident.names.iter().filter_map(|digest| survey.blobs.get(digest));
            resident.own_bytes + blobs.sum::<u64>()
        })
        .sum();
    Room {
        budget: inner.config.max_size.value.0,
        overhead: survey.overhead,
        free: fs::free_bytes(inner.store.dir()),
        evictable: survey.used().saturating_sub(survey.overhead + held),
    }
}

fn model(inner: &Inner, survey: &Survey, room: &Room, name: &str) -> Result<(Model, Need)> {
    let prepared = inner.prepared(&Ask::exactly(name, Via::Restore))?;
    let here = |digest| {
        let begun = inner.store.partial(digest);
        let begun = || survey.partials.iter().find(|(path, _)| *path == begun).map(|(_, bytes)| *bytes);
        survey.blobs.get(digest).copied().or_else(begun).unwrap_or(0)
    };
    let is_here = |digest| survey.blobs.contains_key(digest);
    let present = prepared.pins.files.iter().all(|file| is_here(&file.sha256));
    let archive = prepared.pins.archive.iter().filter(|_| !present);
    let parts = prepared.pins.files.iter().chain(archive).map(|file| {
        // The disk counts in blocks, and a blob that is here is as long as it is pinned.
        let here = match file.size {
            Some(size) if is_here(&file.sha256) => size,
            Some(size) => here(&file.sha256).min(size),
            None => here(&file.sha256),
        };
        let size = file.size.or(is_here(&file.sha256).then_some(here));
        (file.sha256, Part { size, here })
    });
    let need = Need::of(&prepared, parts.collect(), fill::copies(inner, &prepared));
    let state = match (present, need.here()) {
        (true, _) => State::Present,
        (false, 0) => State::ToFetch,
        (false, _) => State::Partial,
    };
    let fit = need.fit(room);
    let model = Model {
        name: name.to_owned(),
        provider: prepared.provider.to_string(),
        state,
        files: prepared.pins.files.len(),
        sum: Sum::of(&need, room),
        fits: fit == Fit::Fits,
        fits_budget: need.fits_budget(room),
        fits_disk: need.fits_disk(room),
        fit,
    };
    Ok((model, need))
}

/// A test holds all its models from beginning to end.
fn together(test: Annotated, models: &[(Model, Need)], room: &Room) -> Together {
    let mut need = Need::default();
    for (_, one) in models.iter().filter(|(model, _)| test.models.contains(&model.name)) {
        need.add(one);
    }
    let fit = need.fit(room);
    let Annotated { file, test, models } = test;
    Together { file, test, models, sum: Sum::of(&need, room), fits: fit == Fit::Fits, fit }
}

fn text(document: &Document) -> String {
    let mut lines = vec![format!("{:26} {:8} {:>10} {:>10}  fits", "model", "state", "size", "to fetch")];
    for Model { name, state, sum, fit, .. } in &document.models {
        let (size, fetch) = (sum.text(sum.bytes), sum.text(sum.fetch_bytes));
        lines.push(format!("{name:26} {:8} {size:>10} {fetch:>10}  {}", state.text(), fit.text()));
    }
    let alone = |test: &&Together| test.models.len() > 1 && !test.fits;
    for Together { file, test, models, sum, fit, .. } in document.tests.iter().filter(alone) {
        let (file, models) = (file.display(), models.join(", "));
        lines.push(format!("{file}: {test} needs {models} at once: {}, {}", sum.text(sum.bytes), fit.text()));
    }
    let Document { all, used_bytes, max_bytes, free_bytes, .. } = document;
    let free = free_bytes.map_or_else(String::new, |free| format!(", {} free on the disk", ByteSize(free)));
    let (fetch, used, max) = (all.text(all.fetch_bytes), ByteSize(*used_bytes), ByteSize(*max_bytes));
    lines.push(format!("{fetch} to fetch; {used} of {max} used{free}"));
    lines.join("\n")
}
