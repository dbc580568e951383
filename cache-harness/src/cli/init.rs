//! `init`: makes a project ready, and changes nothing the second time.
//!
//! First everything is planned: the files with their new text, the folders. Then the plan is shown or carried out. What
//! is there is read and added to, never replaced: a catalog stays as it is, other files keep their comments.

mod fetch;
mod folders;
mod ignore;
mod runner;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

use self::folders::Folder;
use super::{Context, Verdict, catalog_text, edit};
use crate::cache::Cache;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::store::Store;
use crate::{document, fs};

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// Keep models and what is restored in the project, below `.cache`, instead of in the user's cache folder
    #[arg(long)]
    local: bool,
    /// Also tell this test runner where the models are: `[env]` in `.cargo/config.toml`, or a setup script of nextest
    #[arg(long, value_enum, value_name = "RUNNER")]
    env: Vec<Runner>,
    /// Fetch what is not here yet, without asking
    #[arg(long, conflicts_with = "skip_download")]
    download: bool,
    /// Fetch nothing, and do not ask
    #[arg(long)]
    skip_download: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

/// What runs the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Runner {
    Cargo,
    Nextest,
}

/// A file with its new text.
#[derive(Debug, Serialize)]
struct Change {
    #[serde(serialize_with = "super::context::lossy")]
    path: PathBuf,
    /// Whether there was no such file.
    new: bool,
    /// What was added, a line or name each.
    added: Vec<String>,
    #[serde(skip)]
    text: String,
}

#[derive(Serialize)]
struct Document<'a> {
    dry_run: bool,
    #[serde(serialize_with = "super::context::lossy")]
    catalog: &'a Path,
    changes: &'a [Change],
    folders: &'a [Folder],
    #[serde(flatten)]
    models: fetch::Summary,
}

impl Init {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        let catalog = edit::catalog_path(&cache.inner);
        let base = catalog.parent().unwrap_or(&catalog);
        let (config, new_catalog) = self.settings(&cache, &catalog)?;
        let folders = folders::all(&config, &cache)?;

        let mut changes = Vec::from_iter(new_catalog);
        changes.extend(ignore::change(base, &folders::inside(base, &config))?);
        let mut runners = self.env.clone();
        runners.sort();
        runners.dedup();
        for runner in runners {
            let root = runner::root(base);
            changes.extend(match runner {
                Runner::Cargo => {
                    let variables = runner::variables(&config, &cache)?;
                    if variables.is_empty() {
                        context.say("--env cargo: no provider has a `root`, so there is no variable to set");
                    }
                    runner::cargo(&root, &variables)?
                }
                Runner::Nextest => runner::nextest(&root)?,
            });
        }
        if !self.dry_run {
            carry_out(&changes, &folders, &config)?;
        }
        if !context.wants_json() {
            self.tell(context, &Shown::new(base, &cache), &changes, &folders)?;
        }
        // Settings and models of the catalog as it is now.
        let cache = context.cache()?;
        let lacking = fetch::Lacking::of(&cache)?;
        let verdict = if self.dry_run { Verdict::Holds } else { lacking.settle(context, &cache, self.answer())? };
        if context.wants_json() {
            let (dry_run, models) = (self.dry_run, lacking.summary());
            let catalog = catalog.as_path();
            context.json(&Document { dry_run, catalog, changes: &changes, folders: &folders, models })?;
        }
        Ok(verdict)
    }

    /// The settings that are to hold, and the catalog if there is none yet.
    fn settings(&self, cache: &Cache, catalog: &Path) -> Result<(Config, Option<Change>)> {
        let (mut config, base) = (cache.config().clone(), catalog.parent().unwrap_or(catalog));
        if cache.inner.catalog.path.is_some() {
            if self.local && !config.dir.value.starts_with(base) {
                let message = format!(
                    "is for a new catalog: write `dir = \"{}\"` into [cache] of `{}`",
                    folders::LOCAL_DIR,
                    catalog.display()
                );
                return Err(Error::Setting { name: "--local".to_owned(), message });
            }
            return Ok((config, None));
        }
        let text = if self.local { folders::local(catalog_text::NEW) } else { catalog_text::NEW.to_owned() };
        if self.local {
            folders::make_local(&mut config, base);
        }
        Ok((config, Some(Change { path: catalog.to_owned(), new: true, added: Vec::new(), text })))
    }

    fn answer(&self) -> fetch::Answer {
        match (self.download, self.skip_download) {
            (true, _) => fetch::Answer::Yes,
            (false, true) => fetch::Answer::No,
            (false, false) => fetch::Answer::Ask,
        }
    }

    fn tell(&self, context: &Context, shown: &Shown, changes: &[Change], folders: &[Folder]) -> Result<()> {
        let verb = |new| match (self.dry_run, new) {
            (false, true) => "wrote",
            (false, false) => "changed",
            (true, true) => "would write",
            (true, false) => "would change",
        };
        for change in changes {
            let verb = verb(change.new);
            context.out(&format!("{verb:13} {}", shown.path(&change.path)))?;
            change.added.iter().try_for_each(|added| context.out(&format!("{:13} {added}", "")))?;
        }
        for folder in folders {
            let verb = match (folder.new, self.dry_run) {
                (true, true) => "would create",
                (true, false) => "created",
                (false, _) => "there is",
            };
            context.out(&format!("{verb:13} {}  ({})", shown.path(&folder.path), folder.of))?;
        }
        if changes.is_empty() && !folders.iter().any(|folder| folder.new) {
            context.say("nothing to change: the project is ready");
        }
        Ok(())
    }
}

/// Writes the files, then makes the folders: where a folder cannot be made, the catalog is there to be corrected.
fn carry_out(changes: &[Change], folders: &[Folder], config: &Config) -> Result<()> {
    for change in changes {
        if let Some(folder) = change.path.parent() {
            fs::create_folders(folder)?;
        }
        if change.new {
            fs::write_new(&change.path, change.text.as_bytes())?;
        } else {
            // Through a symbolic link: the project may keep its files elsewhere.
            let path = change.path.canonicalize().unwrap_or_else(|_| change.path.clone());
            fs::write_durable(&path, change.text.as_bytes())?;
        }
    }
    Store::new(&config.dir.value).make_usable()?;
    folders.iter().try_for_each(|folder| fs::create_folders(&folder.path).map(drop))
}

/// The text of a file that may not be there yet.
fn read(path: &Path) -> Result<(String, bool)> {
    let found = document::read(path)?;
    let new = found.is_none();
    Ok((found.unwrap_or_default(), new))
}

/// How paths are shown: inside the project without it, at home below `~`.
struct Shown {
    base: PathBuf,
    home: Option<PathBuf>,
}

impl Shown {
    fn new(base: &Path, cache: &Cache) -> Self {
        Self { base: base.to_owned(), home: cache.inner.environment.home() }
    }

    fn path(&self, path: &Path) -> String {
        let at_home = || Some(Path::new("~").join(path.strip_prefix(self.home.as_ref()?).ok()?));
        let inside = path.strip_prefix(&self.base).ok().map(Path::to_owned);
        inside.or_else(at_home).unwrap_or_else(|| path.to_owned()).display().to_string()
    }
}
