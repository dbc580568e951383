//! A model with everything that catalog and lock file say of it, and the proof of its last hit.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ask::{Ask, Place};
use crate::cache::Inner;
use crate::catalog::{Choice, Declared, Source};
use crate::environment;
use crate::error::{Error, Result};
use crate::event::Via;
use crate::fs::LinkMode;
use crate::model::ModelName;
use crate::pins::{self, Pins};
use crate::proof::Proof;
use crate::provider::{Layout, Pointers, Root, Subject};
use crate::provider_kind::{ProviderKind, WRITABLE};
use crate::store::{EntryFiles, EntryId, Store};

/// A model with everything that can be known of it without looking at the disk.
#[derive(Debug)]
pub(crate) struct Prepared {
    asked: Asked,
    pub(crate) declared: Declared,
    pub(crate) pins: Pins,
    pub(crate) id: EntryId,
    pub(crate) entry_files: EntryFiles,
    pub(crate) provider: ProviderKind,
    pub(crate) root: Root,
    /// Where it goes; empty for places that are made anew for each request.
    pub(crate) layout: Layout,
    proof: Mutex<Option<Arc<Proof>>>,
}

/// What was asked for, as far as it makes a difference here.
#[derive(Debug)]
struct Asked {
    name: String,
    variant: Option<String>,
    provider: Option<ProviderKind>,
    place: Place,
}

impl Prepared {
    /// The model or the variant that this is.
    pub(crate) fn name(&self) -> &ModelName {
        &self.declared.name
    }

    /// The name that was asked for.
    pub(crate) fn asked_name(&self) -> &str {
        &self.asked.name
    }

    fn answers(&self, ask: &Ask<'_>) -> bool {
        let Asked { name, variant, provider, place } = &self.asked;
        name == ask.name && variant.as_deref() == ask.variant && *provider == ask.provider && *place == ask.place
    }

    pub(crate) fn subject<'a>(&'a self, inner: &'a Inner) -> Subject<'a> {
        let revision = match &self.declared.source {
            Source::Hub { revision, .. } => revision,
            _ => "main",
        };
        let urls: &[String] = match &self.declared.source {
            Source::Urls(urls) => urls,
            _ => &[],
        };
        let hub_id = self.hub_id();
        let template = inner.config.providers.template(self.provider);
        let disabled = inner.environment.is_on(environment::HF_HUB_DISABLE_SYMLINKS);
        let pointers = if disabled { Pointers::Files } else { Pointers::Symlinks };
        Subject { name: self.name(), hub_id, revision, urls, pins: &self.pins, template, pointers }
    }

    fn hub_id(&self) -> Option<&str> {
        self.declared.hub_id.as_deref().filter(|_| self.provider.takes_hub_id())
    }
}

impl Inner {
    /// The links that the catalog chooses for a model.
    fn links(&self, prepared: &Prepared) -> Result<Option<LinkMode>> {
        let links = prepared.declared.links.or(self.config.providers.links(prepared.provider));
        match links.and_then(|mode| Some((mode, prepared.provider.refuses(mode)?))) {
            Some((mode, reason)) => Err(Error::Setting {
                name: format!("model `{}`", prepared.name()),
                message: format!(
                    "`links = \"{}\"` cannot be used with provider `{}`: {reason}",
                    mode.as_str(),
                    prepared.provider
                ),
            }),
            None => Ok(links),
        }
    }

    /// The proof that the model is in place and unchanged; `None` if something is to be done.
    pub(crate) fn proven(&self, prepared: &Prepared) -> Result<Option<Arc<Proof>>> {
        let Some(record) = Store::record_fingerprint(&prepared.entry_files)? else { return Ok(None) };
        let known = prepared.proof.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let proof = if let Some(known) = known.filter(|known| known.record == record) {
            known
        } else {
            let Some(entry) = self.store.entry(&prepared.id)? else { return Ok(None) };
            let memo_age = self.config.rehash_after.value;
            let proof = Proof::of(&self.store, &entry, record, &prepared.pins, &prepared.layout, memo_age);
            let Some(proof) = proof.map(Arc::new) else { return Ok(None) };
            *prepared.proof.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&proof));
            proof
        };
        Ok(proof.holds()?.then_some(proof))
    }

    /// The model or variant that a request means.
    pub(crate) fn chosen(&self, ask: &Ask<'_>) -> Result<Choice<'_>> {
        self.catalog.choose(ask.name, ask.variant, &self.config.variants, self.config.ci)
    }

    /// The name of what a request means; as it was asked for, where that is nothing.
    pub(crate) fn chosen_name(&self, ask: &Ask<'_>) -> String {
        self.chosen(ask).map_or_else(|_| ask.name.to_owned(), |choice| choice.declared.name.to_string())
    }

    /// Everything about a model that the catalog and the lock file say; worked out once per process.
    pub(crate) fn prepared(&self, ask: &Ask<'_>) -> Result<Arc<Prepared>> {
        let mut known = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = known.iter().find(|prepared| prepared.answers(ask)) {
            return Ok(Arc::clone(prepared));
        }
        let mut declared = self.chosen(ask)?.declared.clone();
        let provider = ask.provider.unwrap_or(declared.provider);
        declared.provider = provider;
        let pins = pins::resolve(&declared, &self.lock)?;
        let hub_id = declared.hub_id.as_deref().filter(|_| provider.takes_hub_id());
        let id = pins.entry_id(hub_id);
        let root = Root::of(provider, &self.config, &self.environment)?;
        let empty = Layout { folder: PathBuf::new(), items: Vec::new(), files: Vec::new(), ladder: WRITABLE };
        let entry_files = self.store.files_of(&id);
        let (name, variant) = (ask.name.to_owned(), ask.variant.map(ToOwned::to_owned));
        let asked = Asked { name, variant, provider: ask.provider, place: ask.place.clone() };
        let proof = Mutex::default();
        let mut prepared = Prepared { asked, declared, pins, id, entry_files, provider, root, layout: empty, proof };
        if matches!(ask.place, Place::Provider | Place::ProviderCopy) {
            if ask.via == Via::Test {
                prepared.root.refuse_elsewhere(provider, &self.config, &self.environment)?;
            }
            prepared.layout = Layout::of(provider, &prepared.root.path, prepared.subject(self))?;
            prepared.layout.ladder = match ask.place {
                Place::ProviderCopy => WRITABLE,
                _ => provider.ladder(self.links(&prepared)?),
            };
        }
        let prepared = Arc::new(prepared);
        known.push(Arc::clone(&prepared));
        Ok(prepared)
    }
}
