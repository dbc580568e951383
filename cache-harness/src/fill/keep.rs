//! Taking in what pinning fetched: the blobs get an entry that names them, as if somebody had asked for the model.

use std::time::Duration;

use super::{new_entry, remember};
use crate::cache::Inner;
use crate::error::Result;
use crate::lock::Waiting;
use crate::prepared::Prepared;
use crate::store::{Checked, OnDamage, Proofs};

/// Records the entry of a model some of whose blobs are here though no entry of its own names them. Until then they are
/// nobody's, and go when room is needed.
pub(crate) fn keep(inner: &Inner, prepared: &Prepared) -> Result<()> {
    let (store, pins) = (&inner.store, &prepared.pins);
    let is_known = || store.entry(&prepared.id).map(|entry| entry.is_some());
    if !pins.files.iter().any(|file| store.blob(&file.sha256).exists()) || is_known()? {
        return Ok(());
    }
    let _lease = store.lease(&prepared.entry_files)?;
    let turn = store.turn(&prepared.id, &Waiting::BRIEF)?;
    if is_known()? {
        return Ok(());
    }
    let mut entry = new_entry(prepared);
    // Named from here on, so that no eviction takes the blobs while they are hashed.
    turn.record(&mut entry)?;
    let mut proofs = Proofs::new(store, Duration::MAX, OnDamage::Leave);
    for file in &pins.files {
        if let Checked::Proven(memo) = proofs.check(&file.sha256, entry.memos.get(&file.sha256))? {
            remember(&mut entry, &file.sha256, memo);
        }
    }
    turn.record(&mut entry)
}
