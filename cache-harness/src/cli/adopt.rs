//! `adopt [DIR…]`: takes files of existing caches into the store instead of downloading them.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Context, Verdict};
use crate::adoption::{self, InStore, common_folder};
use crate::ask::Ask;
use crate::cache::Cache;
use crate::digest::Sha256Digest;
use crate::discovery::{Extent, Finds, Wanted};
use crate::error::{Error, Result};
use crate::event::Via;
use crate::fs::{self, Found, Limits, LinkMode, Search};
use crate::known_caches::KnownCache;
use crate::pins::PinnedFile;
use crate::prepared::Prepared;
use crate::units::ByteSize;

#[derive(Debug, clap::Args)]
pub(super) struct Adopt {
    /// Folders to look through besides the known caches
    #[arg(value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Only say what would be taken
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Document {
    dry_run: bool,
    models: Vec<Model>,
    /// Bytes that need not be downloaded.
    adopted_bytes: u64,
    searched: Vec<String>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Model {
    name: String,
    /// How many files the model has, and how many of them the store lacked.
    files: usize,
    lacking: usize,
    bytes: u64,
    adopted: Vec<File>,
    error: Option<String>,
}

#[derive(Serialize)]
struct File {
    path: String,
    sha256: String,
    size: u64,
    #[serde(serialize_with = "super::context::lossy")]
    from: PathBuf,
    /// Nobody knows before it is tried.
    link_mode: Option<LinkMode>,
}

impl Adopt {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        if cache.inner.catalog.path.is_none() {
            return Err(Error::NoCatalog { start: cache.inner.catalog.start.clone() });
        }
        let mut search = search(&cache, Places::Known);
        through(&mut search, &self.folders)?;
        let (prepared, mut warnings) = pinned(&cache);
        let mut failures = Vec::new();
        let lacking: Vec<Vec<&PinnedFile>> = prepared.iter().map(|model| lacking(&cache, model)).collect();
        let finds = Wanted::new(lacking.iter().flatten().copied()).among(&mut search, Extent::One);
        warnings.extend(search.unseen.iter().map(ToString::to_string));
        let mut document = Document {
            dry_run: self.dry_run,
            models: Vec::new(),
            adopted_bytes: 0,
            searched: searched(&cache, &self.folders),
            warnings,
        };
        // In use until the last one is here, so that none makes room for another.
        let mut taken: Vec<InStore> = Vec::new();
        for (model, lacking) in prepared.iter().zip(&lacking) {
            let mut told = describe(model, lacking, &finds);
            if !self.dry_run && !told.adopted.is_empty() {
                match adoption::into_store(&cache.inner, model, &adoption::paths(&finds), |_, _, _| Ok(())) {
                    Ok(mut done) => {
                        told.settle(model, &done);
                        done.adopted.clear();
                        taken.push(done);
                    }
                    Err(error) => {
                        told.adopted.clear();
                        told.bytes = 0;
                        told.error = Some(error.to_string());
                        failures.push(error);
                    }
                }
            }
            document.adopted_bytes += told.bytes;
            document.models.push(told);
        }
        for warning in &document.warnings {
            context.say(&format!("warning: {warning}"));
        }
        for error in &failures {
            context.error(error);
        }
        document.tell(context)?;
        Ok(if failures.is_empty() { Verdict::Holds } else { Verdict::Fails })
    }
}

impl Document {
    fn tell(&self, context: &Context) -> Result<()> {
        if context.wants_json() {
            return context.json(self);
        }
        for model in &self.models {
            if let Some(line) = model.line(self.dry_run) {
                context.out(&line)?;
            }
            for file in model.adopted.iter().filter(|_| context.is_verbose()) {
                context.out(&format!("  {} is `{}`", file.path, file.from.display()))?;
            }
        }
        let verb = if self.dry_run { "would not need to be fetched" } else { "need not be fetched" };
        let found = if self.adopted_bytes == 0 {
            "found nothing that lacks".to_owned()
        } else {
            format!("{} {verb}", ByteSize(self.adopted_bytes))
        };
        context.say(&format!("{found}; looked through {} folders", self.searched.len()));
        Ok(())
    }
}

impl Model {
    /// Nothing about a model that is whole, or that was refused, which an error says.
    fn line(&self, dry_run: bool) -> Option<String> {
        let Self { name, files, lacking, .. } = self;
        if self.error.is_some() || *lacking == 0 {
            return None;
        }
        let Some(folder) = common_folder(self.adopted.iter().map(|file| file.from.as_path())) else {
            return Some(format!("{name}: found none of the {lacking} files that lack, of {files}"));
        };
        let took = if dry_run { "would take" } else { "took" };
        let mut modes: Vec<_> = self.adopted.iter().filter_map(|file| Some(by(file.link_mode?))).collect();
        modes.sort_unstable();
        modes.dedup();
        let how = if modes.is_empty() { String::new() } else { format!(" by {}", modes.join(" and ")) };
        let (count, bytes) = (self.adopted.len(), ByteSize(self.bytes));
        Some(format!("{name}: {took} {count} of {lacking} files that lack ({bytes}){how} from `{}`", folder.display()))
    }

    /// What was really taken, and how; another process may have been faster.
    fn settle(&mut self, model: &Prepared, done: &InStore) {
        let file = |adopted: &adoption::Adopted| File {
            path: name_of(model, &adopted.sha256),
            sha256: adopted.sha256.to_string(),
            size: adopted.size,
            from: adopted.from.clone(),
            link_mode: Some(adopted.mode),
        };
        self.adopted = done.adopted.iter().map(file).collect();
        self.bytes = self.adopted.iter().map(|file| file.size).sum();
    }
}

fn by(mode: LinkMode) -> &'static str {
    match mode {
        LinkMode::Reflink => "reflink",
        LinkMode::Hardlink => "hard link",
        LinkMode::Symlink => "symbolic link",
        LinkMode::Copy => "copy",
    }
}

/// Where a search begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    /// In the known caches, before others that are named.
    Known,
    /// Only where it is told to.
    Named,
}

/// A search that leaves out the store.
pub(super) fn search(cache: &Cache, places: Places) -> Search {
    let inner = &cache.inner;
    let store = inner.store.dir().canonicalize().ok().map(|dir| dir.join("v1"));
    let mut search = Search::new(Limits::USUAL, store);
    if places == Places::Known {
        for known in KnownCache::all(&inner.config, &inner.environment) {
            search.through(&known.root);
        }
    }
    search
}

/// Looks through folders that somebody named: that one is not there is a mistake.
pub(super) fn through(search: &mut Search, folders: &[PathBuf]) -> Result<()> {
    for folder in folders {
        if !folder.exists() {
            return Err(Error::Setting {
                name: "DIR".to_owned(),
                message: format!("`{}` does not exist", folder.display()),
            });
        }
        search.through(folder);
    }
    Ok(())
}

fn searched(cache: &Cache, folders: &[PathBuf]) -> Vec<String> {
    let known = KnownCache::all(&cache.inner.config, &cache.inner.environment);
    let known = known.iter().map(|cache| cache.root.as_path());
    let mut searched: Vec<_> = known.chain(folders.iter().map(PathBuf::as_path)).map(Path::to_owned).collect();
    searched.sort();
    searched.dedup();
    searched.iter().map(|folder| folder.display().to_string()).collect()
}

/// The models and variants of the catalog whose bytes are known, and why others are left out.
pub(super) fn pinned(cache: &Cache) -> (Vec<std::sync::Arc<Prepared>>, Vec<String>) {
    let mut models = Vec::new();
    let mut warnings = Vec::new();
    for name in cache.inner.catalog.models.keys() {
        match cache.inner.prepared(&Ask::exactly(name.as_str(), Via::Restore)) {
            Ok(model) => models.push(model),
            Err(error) => warnings.push(error.to_string()),
        }
    }
    (models, warnings)
}

/// The files of a model whose blobs are not there, each digest once.
fn lacking<'a>(cache: &Cache, model: &'a Prepared) -> Vec<&'a PinnedFile> {
    let mut seen = std::collections::HashSet::new();
    let lacks = |file: &&PinnedFile| {
        seen.insert(file.sha256) && !matches!(fs::look(&cache.inner.store.blob(&file.sha256)), Ok(Found::File(_)))
    };
    model.pins.files.iter().filter(lacks).collect()
}

fn describe(model: &Prepared, lacking: &[&PinnedFile], finds: &Finds) -> Model {
    let found = lacking.iter().filter_map(|file| Some((file, finds.get(&file.sha256)?.first()?)));
    let adopted: Vec<_> = found
        .map(|(file, sighted)| File {
            path: file.path.to_string(),
            sha256: file.sha256.to_string(),
            size: sighted.fingerprint.size,
            from: sighted.path.clone(),
            link_mode: None,
        })
        .collect();
    let bytes = adopted.iter().map(|file| file.size).sum();
    let (name, files) = (model.name().to_string(), model.pins.files.len());
    Model { name, files, lacking: lacking.len(), bytes, adopted, error: None }
}

fn name_of(model: &Prepared, digest: &Sha256Digest) -> String {
    let file = model.pins.files.iter().find(|file| file.sha256 == *digest);
    file.map_or_else(|| digest.short(), |file| file.path.to_string())
}
