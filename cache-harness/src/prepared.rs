//! A model with everything that catalog and lock file say of it, and the proof of its last hit.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ask::{Ask, Place};
use crate::cache::Inner;
use crate::catalog::{Declared, Source};
use crate::error::Result;
use crate::model::ModelName;
use crate::pins::{self, Pins};
use crate::proof::Proof;
use crate::provider::{Layout, Root, Subject, WRITABLE};
use crate::provider_kind::ProviderKind;
use crate::store::EntryId;

/// A model with everything that can be known of it without looking at the disk.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) declared: Declared,
    pub(crate) pins: Pins,
    pub(crate) id: EntryId,
    pub(crate) provider: ProviderKind,
    pub(crate) root: Root,
    /// Where it goes; empty for places that are made anew for each request.
    pub(crate) layout: Layout,
    proof: Mutex<Option<Arc<Proof>>>,
}

impl Prepared {
    pub(crate) fn name(&self) -> &ModelName {
        &self.declared.name
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        let revision = match &self.declared.source {
            Source::Hub { revision, .. } => revision,
            _ => "main",
        };
        let hub_id = self.declared.hub_id.as_deref();
        Subject { name: self.name(), hub_id, revision, pins: &self.pins }
    }
}

impl Inner {
    /// The proof that the model is in place and unchanged; `None` if something is to be done.
    pub(crate) fn proven(&self, prepared: &Prepared) -> Result<Option<Arc<Proof>>> {
        let Some(record) = self.store.record_fingerprint(&prepared.id)? else { return Ok(None) };
        let known = prepared.proof.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let proof = if let Some(known) = known.filter(|known| known.record == record) {
            known
        } else {
            let Some(entry) = self.store.entry(&prepared.id)? else { return Ok(None) };
            let memo_age = self.config.rehash_after.value;
            let proof = Proof::of(&self.store, &entry, record, &prepared.layout, memo_age);
            let Some(proof) = proof.map(Arc::new) else { return Ok(None) };
            *prepared.proof.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&proof));
            proof
        };
        Ok(proof.holds()?.then_some(proof))
    }

    /// Everything about a model that the catalog and the lock file say; worked out once per process.
    pub(crate) fn prepared(&self, ask: &Ask<'_>) -> Result<Arc<Prepared>> {
        let key = (ask.name.to_owned(), ask.provider, ask.place.clone());
        let known = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let declared = self.catalog.get(ask.name)?.clone();
        let pins = pins::resolve(&declared, &self.lock)?;
        let provider = ask.provider.unwrap_or(declared.provider);
        let hub_id = declared.hub_id.as_deref().filter(|_| provider == ProviderKind::Huggingface);
        let id = pins.entry_id(hub_id);
        let root = Root::of(provider, &self.config, &self.environment)?;
        let empty = Layout { folder: PathBuf::new(), items: Vec::new(), files: Vec::new(), ladder: WRITABLE };
        let mut prepared = Prepared { declared, pins, id, provider, root, layout: empty, proof: Mutex::default() };
        if matches!(ask.place, Place::Provider | Place::ProviderCopy) {
            prepared.layout = Layout::of(provider, &prepared.root.path, prepared.subject())?;
        }
        if ask.place == Place::ProviderCopy {
            prepared.layout.ladder = WRITABLE;
        }
        let prepared = Arc::new(prepared);
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&prepared));
        Ok(prepared)
    }
}
