//! What could be read of settings, catalog, lock file and store; what could not is an error among others.

use std::path::{Path, PathBuf};

use crate::cache::Cache;
use crate::cli::Context;
use crate::config::{Config, Salvaged};
use crate::environment::Environment;
use crate::error::Error;
use crate::pins::LockFile;
use crate::progress::Progress;
use crate::store::Survey;

/// What the checks look at.
pub(super) struct Examined {
    /// The variables of this process, all of them.
    pub(super) environment: Environment,
    /// With what could be read; none if nothing says where the cache belongs.
    pub(super) cache: Option<Cache>,
    /// What is in the store, if it can be read.
    pub(super) survey: Option<Survey>,
    /// The project's file, readable or not.
    pub(super) project: Option<PathBuf>,
    /// Where the lock file belongs.
    pub(super) lock: Option<PathBuf>,
    /// Whether catalog and lock file were both read, so that they can be compared.
    pub(super) has_pins: bool,
    /// The user's own file.
    pub(super) user: Option<PathBuf>,
    /// Why the rest could not be read.
    pub(super) errors: Vec<Error>,
}

impl Examined {
    pub(super) fn new(context: &Context) -> Self {
        let start = Path::new(".");
        let Salvaged { config, catalog, user, project, environment, mut errors } =
            Config::salvage(start, &context.environment, &context.overrides());
        let lock = project.as_deref().map(LockFile::beside);
        let mut has_pins = catalog.path.is_some();
        let read = lock.as_deref().filter(|_| has_pins).map(LockFile::read).transpose();
        let pins = read.unwrap_or_else(|error| {
            errors.push(error);
            has_pins = false;
            None
        });
        let pins = pins.unwrap_or_else(|| LockFile::empty(start.join("cache-harness.lock")));
        let cache = config.map(|config| Cache::of((config, catalog, pins), environment, Progress::default()));
        let survey = cache.as_ref().and_then(|cache| cache.inner.store.survey().ok());
        let environment = context.environment.clone();
        Self { environment, cache, survey, project, lock, has_pins, user, errors }
    }

    /// The folder of the catalog, else the current one.
    pub(super) fn folder(&self) -> PathBuf {
        let folder = self.project.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
        std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
    }
}
