//! `evict NAME…`: removes named models from the cache.

use super::removal::{Consent, Removal, Stage};
use super::{Context, Verdict};
use crate::ask::Ask;
use crate::error::Result;
use crate::event::Via;
use crate::store::retention::{Reason, Use};

#[derive(Debug, clap::Args)]
pub(super) struct Evict {
    /// Models of the catalog or of the cache
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    consent: Consent,
}

impl Evict {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        let survey = cache.inner.store.survey()?;
        let mut verdict = Verdict::Holds;
        let mut ids = Vec::new();
        for name in &self.names {
            let prepared = cache.inner.prepared(&Ask::exactly(name, Via::Restore));
            let of_name = |model: &str| model == name;
            let matching: Vec<_> = survey
                .residents
                .iter()
                .filter(|resident| match (&prepared, &resident.entry) {
                    (Ok(prepared), _) if prepared.id == resident.id => true,
                    (_, Some(entry)) => of_name(entry.model.as_str()),
                    _ => false,
                })
                .collect();
            if matching.is_empty() {
                // A name that nobody knows is a mistake; a model that is not here is what was asked for.
                prepared?;
            }
            for resident in matching {
                if resident.use_ == Use::Leased {
                    context.failure(&format!("`{name}` is in use"), Some("end the tests that use it, then try again"));
                    verdict = Verdict::Fails;
                } else {
                    ids.push(resident.id);
                }
            }
        }
        let going: Vec<_> = ids.iter().map(|id| (*id, Reason::Asked)).collect();
        let removal = Removal::of(&survey.forecast(&going));
        if self.consent.is_dry_run() || ids.is_empty() {
            removal.tell(context, if self.consent.is_dry_run() { Stage::Planned } else { Stage::Done })?;
            return Ok(verdict);
        }
        if !self.consent.given(context, &removal)? {
            return Ok(Verdict::Fails);
        }
        let evicted = cache.inner.store.evict(&ids)?;
        cache.inner.log_evictions(&evicted);
        if evicted.len() < ids.len() {
            context.failure("a model was taken into use meanwhile and stays", None);
            verdict = Verdict::Fails;
        }
        Removal::of(&evicted).tell(context, Stage::Done)?;
        Ok(verdict)
    }
}
