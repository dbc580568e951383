//! The cache as a whole: resolve, lease or fill, verify, restore, and one event for each request.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Instant;

use crate::ask::{Ask, Fallback, OnMissing, Place};
use crate::cached_model::{CachedFile, CachedModel, Held};
use crate::catalog::Catalog;
use crate::config::{Config, Overrides, Verify, WhenUnusable};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::event::{self, Event, Log, Outcome, Recorded, Request, Via};
use crate::fetch::{Effort, Fetcher};
use crate::fs::LinkMode;
use crate::model::{FULL, ModelName};
use crate::pins::LockFile;
use crate::prepared::Prepared;
use crate::private::Private;
use crate::progress::{Progress, Step};
use crate::provider::Layout;
use crate::run::RunId;
use crate::store::retention::RetentionPolicy;
use crate::store::{Budget, Evicted, Lease, Store};
use crate::{bypass, fill, notice, restore, time};

/// The cache that a project's catalog describes. Cheap to clone; usable from any thread, in or out of a runtime.
///
/// # Examples
///
/// ```no_run
/// let cache = cache_harness::Cache::open(".".as_ref())?;
/// let model = cache.get("whisper-tiny")?;
/// println!("{}", model.path().display());
/// # Ok::<(), cache_harness::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cache {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) environment: Environment,
    pub(crate) catalog: Catalog,
    pub(crate) lock: LockFile,
    pub(crate) store: Store,
    pub(crate) fetcher: Fetcher,
    pub(crate) progress: Progress,
    log: Log,
    pub(crate) prepared: Mutex<Vec<Arc<Prepared>>>,
}

/// How a model came into the store.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) waited_seconds: f64,
    pub(crate) fetched_bytes: u64,
    pub(crate) retries: u32,
    pub(crate) resumes: u32,
    pub(crate) repairs: Vec<String>,
    pub(crate) reason: Option<String>,
    pub(crate) bypass: bool,
}

impl Account {
    pub(crate) fn add(&mut self, effort: Effort) {
        self.fetched_bytes += effort.bytes;
        self.retries += effort.retries;
        self.resumes += effort.resumes;
    }
}

impl Cache {
    /// The cache of the catalog in `start` or above it.
    ///
    /// # Errors
    ///
    /// A catalog, lock file or variable that cannot be read. That there is no catalog is an error only once a
    /// model is asked for.
    pub fn open(start: &Path) -> Result<Self> {
        Self::with(start, Environment::current(), &Overrides::default(), Progress::default())
    }

    /// The same, telling `progress` what goes on while somebody waits.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with_progress(start: &Path, progress: Progress) -> Result<Self> {
        Self::with(start, Environment::current(), &Overrides::default(), progress)
    }

    pub(crate) fn with(
        start: &Path,
        environment: Environment,
        overrides: &Overrides,
        progress: Progress,
    ) -> Result<Self> {
        let (config, catalog) = Config::discover(start, &environment, overrides)?;
        let lock = match &catalog.path {
            Some(path) => LockFile::read(&LockFile::beside(path))?,
            None => LockFile::empty(start.join("cache-harness.lock")),
        };
        Ok(Self::of((config, catalog, lock), environment, progress))
    }

    /// The cache of what was read.
    pub(crate) fn of(read: (Config, Catalog, LockFile), environment: Environment, progress: Progress) -> Self {
        let (config, catalog, lock) = read;
        let run = RunId::current(|name| environment.get(name).map(ToOwned::to_owned));
        let log = Log::new(&config.state_dir, run, config.project.clone());
        let store = Store::new(&config.dir.value);
        let (fetcher, prepared) = (Fetcher::new(&config), Mutex::default());
        let inner = Inner { config, environment, catalog, lock, store, fetcher, progress, log, prepared };
        Self { inner: Arc::new(inner) }
    }

    /// The effective settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Puts a model in place, verified, and keeps it there until the returned value is dropped.
    ///
    /// The first caller downloads; all others, in this process and in others, wait for it.
    ///
    /// # Errors
    ///
    /// An unknown or unpinned name, sources that all fail, bytes that are not those pinned, no room, or a file in
    /// the way that is not ours.
    pub fn get(&self, name: &str) -> Result<CachedModel> {
        self.ask(&Ask::new(name, Via::Restore))
    }

    /// Meets a request and records what came of it.
    pub(crate) fn ask(&self, ask: &Ask<'_>) -> Result<CachedModel> {
        let started = Instant::now();
        let mut account = Account::default();
        let failed = |model: &str| self.inner.progress.step(Step::Failed { model });
        let met = self.inner.meet(ask, &mut account).or_else(|error| {
            let asked = self.inner.chosen_name(ask);
            failed(&asked);
            let fallback = self.inner.fallback(ask, &error);
            let Some(name) = fallback else { return Err(error) };
            notice::warn(&format!("`{name}` stands in for `{asked}`, whose sources failed: {error}"));
            let ask = Ask { name: name.as_str(), variant: Some(FULL), ..ask.clone() };
            let met = self.inner.meet(&ask, &mut account).inspect_err(|_| failed(ask.name))?;
            Ok(CachedModelParts { outcome: Outcome::Fallback, ..met })
        });
        let seconds = started.elapsed().as_secs_f64();
        let (site_file, line) = ask.site.map_or((None, None), |(file, line)| (Some(file.to_owned()), Some(line)));
        let mut request = Request {
            at: event::stamp(time::now()),
            test: ask.test.clone(),
            seconds,
            waited_seconds: account.waited_seconds,
            via: ask.via,
            file: site_file,
            line,
            fetched_bytes: account.fetched_bytes,
            retries: account.retries,
            resumes: account.resumes,
            repairs: account.repairs,
            bypass: account.bypass,
            reason: account.reason,
            ..Request::new(ask.name, Outcome::Failed)
        };
        match &met {
            Ok(parts) => {
                parts.prepared.name().as_str().clone_into(&mut request.model);
                parts.prepared.provider.as_str().clone_into(&mut request.provider);
                request.outcome = parts.outcome;
                request.bytes = parts.bytes;
                if parts.outcome == Outcome::Hit {
                    request.saved_seconds = (parts.fill_seconds - seconds).max(0.0);
                }
                if parts.outcome == Outcome::Fallback {
                    request.fallback_for = Some(self.inner.chosen_name(ask));
                }
            }
            Err(error) => {
                request.model = self.inner.chosen_name(ask);
                request.reason = Some(error.to_string());
                if ask.on_missing == OnMissing::Skip {
                    request.outcome = Outcome::Skip;
                }
            }
        }
        let fetched_bytes = request.fetched_bytes;
        self.inner.record(&Event::Request(request));
        let parts = met?;
        self.inner.progress.step(Step::Done { model: parts.prepared.name().as_str() });
        Ok(self.hand_over(ask, parts, fetched_bytes))
    }

    fn hand_over(&self, ask: &Ask<'_>, parts: CachedModelParts, fetched_bytes: u64) -> CachedModel {
        let CachedModelParts { prepared, folder, files, outcome, bytes, lease, private, .. } = parts;
        let fallback_for = (outcome == Outcome::Fallback).then(|| self.inner.chosen_name(ask).parse().ok()).flatten();
        let held = Held { lease, private, cache: Arc::clone(&self.inner) };
        let offline = ask.offline.unwrap_or(self.inner.config.offline.value);
        CachedModel { prepared, folder, files, outcome, fallback_for, bytes, fetched_bytes, offline, held }
    }
}

/// A request that was met, before it is handed over.
pub(crate) struct CachedModelParts {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) folder: PathBuf,
    pub(crate) files: Arc<[CachedFile]>,
    pub(crate) outcome: Outcome,
    pub(crate) bytes: u64,
    pub(crate) fill_seconds: f64,
    pub(crate) lease: Option<Lease>,
    pub(crate) private: Option<Private>,
}

impl Inner {
    fn meet(self: &Arc<Self>, ask: &Ask<'_>, account: &mut Account) -> Result<CachedModelParts> {
        let prepared = self.prepared(ask)?;
        match self.meet_from_store(ask, &prepared, account).map_err(|error| self.store.judge(error)) {
            Err(Error::Unusable { dir, reason }) if self.config.when_unusable.value == WhenUnusable::Bypass => {
                self.warn_once(&format!(
                    "the cache folder `{}` cannot be used, so models are fetched past it: {reason}",
                    dir.display()
                ));
                account.bypass = true;
                bypass::provide(self, ask, prepared, account)
            }
            met => met,
        }
    }

    fn meet_from_store(
        &self,
        ask: &Ask<'_>,
        prepared: &Arc<Prepared>,
        account: &mut Account,
    ) -> Result<CachedModelParts> {
        let lease = self.store.lease(&prepared.entry_files)?;
        let verify = ask.verify.unwrap_or(self.config.verify.value);
        let hit = match verify {
            Verify::Memo => self.proven(prepared)?,
            Verify::Always => None,
        };
        let (outcome, proof) = match hit {
            Some(proof) => (Outcome::Hit, proof),
            None => fill::fill(self, ask, prepared, verify, account)?,
        };
        let mut parts = CachedModelParts {
            prepared: Arc::clone(prepared),
            folder: prepared.layout.folder.clone(),
            files: Arc::clone(&proof.files),
            outcome,
            bytes: proof.bytes,
            fill_seconds: proof.fill_seconds,
            lease: Some(lease),
            private: None,
        };
        let layout = match &ask.place {
            Place::Provider | Place::ProviderCopy => return Ok(parts),
            Place::Folder(folder) => Layout::plain(prepared.name().below(folder), prepared.subject(self)),
            Place::Temporary => {
                let (private, layout) = Private::new(self, prepared)?;
                parts.private = Some(private);
                layout
            }
        };
        restore::place_unrecorded(prepared.name(), &layout, |_, digest| Ok(self.store.blob(digest)))?;
        parts.files = CachedFile::all(&prepared.pins, &layout, std::iter::repeat(LinkMode::Copy));
        parts.folder = layout.folder;
        Ok(parts)
    }

    /// The model that may stand in after this error.
    fn fallback(&self, ask: &Ask<'_>, error: &Error) -> Option<ModelName> {
        let forbidden = ask.fallback == Fallback::Forbidden || error.is_usage();
        if forbidden {
            return None;
        }
        self.chosen(ask).ok()?.declared.fallback.clone()
    }

    pub(crate) fn budget(&self) -> Budget {
        let config = &self.config;
        let policy = RetentionPolicy { max_size: config.max_size.value.0, max_age: config.max_age.value };
        Budget { policy, min_free_disk: config.min_free_disk.value.0, strict: config.strict_budget.value }
    }

    /// Statistics never fail a test; that they are missing is said once.
    fn record(&self, event: &Event) {
        static TOLD: Once = Once::new();
        if let Recorded::No(error) = self.log.append(event) {
            TOLD.call_once(|| notice::warn(&format!("the report will lack this process: {error}")));
        }
    }

    /// A lease ended: what it kept beyond the budget goes.
    pub(crate) fn released(&self) {
        // Whoever comes next tries again.
        if let Ok(evicted) = self.store.trim_if_over_budget(&self.budget()) {
            self.log_evictions(&evicted);
        }
    }

    pub(crate) fn log_evictions(&self, evicted: &[Evicted]) {
        for evicted in evicted {
            let at = event::stamp(time::now());
            let (model, reason) = (evicted.model.clone(), evicted.reason.as_str().to_owned());
            self.record(&Event::Evict(event::Evict { at, model, bytes: evicted.bytes, reason }));
        }
    }

    /// Tells a person and the report, once per process.
    pub(crate) fn warn_once(&self, text: &str) {
        if self.note(text) {
            notice::warn(text);
        }
    }

    /// Tells the report, once per process; whether this was the first time.
    pub(crate) fn note(&self, text: &str) -> bool {
        static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
        if told.iter().any(|known| known == text) {
            return false;
        }
        told.push(text.to_owned());
        let warning = event::Warning { at: event::stamp(time::now()), text: text.to_owned() };
        self.record(&Event::Warning(warning));
        true
    }
}
