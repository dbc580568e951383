//! `clean`: all models, the project's other caches, or both.

mod choice;

use self::choice::Choice;
use super::application::{self, Application, Extent};
use super::prune::leftovers;
use super::removal::{Consent, Removal, Stage};
use super::{Context, Verdict};
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::store::EntryId;
use crate::store::retention::{Reason, Use};

#[derive(Debug, clap::Args)]
pub(super) struct Clean {
    /// Every model in the cache
    #[arg(long, conflicts_with = "all")]
    models: bool,
    /// These application caches of the project; without a name, all of them
    #[arg(long, num_args = 0.., value_name = "NAME", conflicts_with = "all")]
    apps: Option<Vec<String>>,
    /// Every model, and all application caches
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    consent: Consent,
}

/// What is to go.
struct Wanted<'a> {
    models: Option<Models>,
    applications: Vec<Application<'a>>,
}

/// The models that are not in use, and what no model needs.
#[derive(Default)]
struct Models {
    ids: Vec<EntryId>,
    planned: Removal,
    in_use: Vec<String>,
}

impl Clean {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        let Some(wanted) = self.wanted(context, &cache)? else { return Ok(Verdict::Fails) };
        wanted.applications.iter().try_for_each(|application| application.refuse_precious(&cache))?;
        let mut verdict = Verdict::Holds;
        let mut planned = Removal::default();
        let models = wanted.models.unwrap_or_default();
        for name in &models.in_use {
            let hint = "end the tests that use it, then try again";
            context.failure(&format!("`{name}` is in use and stays"), Some(hint));
            verdict = Verdict::Fails;
        }
        let has_models = !models.planned.removed.is_empty();
        planned.extend(models.planned.removed);
        planned.extend(wanted.applications.iter().filter_map(Application::all_of_it));
        if self.consent.is_dry_run() || planned.removed.is_empty() {
            planned.tell(context, if self.consent.is_dry_run() { Stage::Planned } else { Stage::Done })?;
            return Ok(verdict);
        }
        if !self.consent.given(context, &planned)? {
            return Ok(Verdict::Fails);
        }
        let mut done = Removal::default();
        if has_models {
            let store = &cache.inner.store;
            let evicted = store.evict(&models.ids)?;
            cache.inner.log_evictions(&evicted);
            if evicted.len() < models.ids.len() {
                context.failure("a model was taken into use meanwhile and stays", None);
                verdict = Verdict::Fails;
            }
            done = Removal::of(&evicted);
            done.removed.extend(leftovers(&store.survey()?));
            done.freed_bytes += store.sweep()?;
        }
        let emptied = application::remove(context, &wanted.applications, Extent::All, &mut done);
        done.tell(context, Stage::Done)?;
        Ok(if emptied == Verdict::Holds { verdict } else { emptied })
    }

    /// What the flags say, else a person; `None` if they want nothing removed.
    fn wanted<'a>(&self, context: &Context, cache: &'a Cache) -> Result<Option<Wanted<'a>>> {
        if self.all {
            let applications = application::all(cache);
            return Ok(Some(Wanted { models: Some(models(cache)?), applications }));
        }
        if self.models || self.apps.is_some() {
            let models = if self.models { Some(models(cache)?) } else { None };
            let applications = match &self.apps {
                Some(names) => application::named(cache, names)?,
                None => Vec::new(),
            };
            return Ok(Some(Wanted { models, applications }));
        }
        if !context.can_ask() {
            let message = "say what: `--models`, `--apps [NAME]` or `--all`".to_owned();
            return Err(Error::Setting { name: "clean".to_owned(), message });
        }
        let (models, applications) = (models(cache)?, application::all(cache));
        let mut choices = vec![Choice {
            label: "models".to_owned(),
            bytes: models.planned.freed_bytes,
            note: format!("{} that nobody uses, and leftovers; {} in use stay", models.ids.len(), models.in_use.len()),
        }];
        choices.extend(applications.iter().map(|application| {
            let contents = application.contents();
            let note = format!("{} files in {}", contents.files, application.path().display());
            Choice { label: application.name.to_owned(), bytes: contents.bytes, note }
        }));
        let chosen = choice::ask(context, &choices)?;
        if chosen.is_empty() {
            context.say("nothing was removed");
            return Ok(None);
        }
        let applications = applications.into_iter().enumerate();
        Ok(Some(Wanted {
            models: chosen.contains(&0).then_some(models),
            applications: applications.filter(|(at, _)| chosen.contains(&(at + 1))).map(|(_, one)| one).collect(),
        }))
    }
}

fn models(cache: &Cache) -> Result<Models> {
    let survey = cache.inner.store.survey()?;
    let mut models = Models::default();
    for resident in &survey.residents {
        if resident.use_ == Use::Leased {
            models.in_use.push(resident.model());
            continue;
        }
        models.ids.push(resident.id);
    }
    let going: Vec<_> = models.ids.iter().map(|id| (*id, Reason::Asked)).collect();
    models.planned = Removal::of(&survey.forecast(&going));
    models.planned.extend(leftovers(&survey));
    Ok(models)
}
