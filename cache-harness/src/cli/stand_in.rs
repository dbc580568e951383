//! Holding stand-ins against their models, whenever the pins of either are written.
//!
//! A stand-in has to declare what its model does, by the headers of their files. Both blocks get the same
//! `signature` then, so that `lock --check` and the compiler see without any file that the comparison was made, and
//! that neither was pinned anew since. Where it fails, none of the model's and its stand-ins' blocks is written.

use super::edit;
use crate::cache::Inner;
use crate::catalog::{Catalog, Declared};
use crate::error::{Error, Result};
use crate::model::ModelName;
use crate::pinning::signed_files;
use crate::pins::{LockFile, Pins};
use crate::signature::Signature;

/// What came of pins that are to be written.
#[derive(Debug, Default)]
pub(super) struct Signed {
    /// Those to write.
    pub(super) pinned: Vec<(ModelName, Pins)>,
    /// Blocks that were not to be written, of which only the signature is another.
    beside: Vec<(ModelName, Pins)>,
    /// Why others are not written.
    pub(super) refused: Vec<Error>,
}

/// A model with its stand-ins.
struct Family<'a> {
    model: &'a Declared,
    stand_ins: Vec<&'a Declared>,
}

/// Signs those of the pins that are of a stand-in or of a model that has one.
pub(super) fn sign(inner: &Inner, catalog: &Catalog, mut pinned: Vec<(ModelName, Pins)>) -> Signed {
    for (_, pins) in &mut pinned {
        pins.signature = None;
    }
    let mut signed = Signed { pinned, ..Signed::default() };
    for family in families(catalog) {
        if !signed.pinned.iter().any(|(name, _)| family.has(name)) {
            continue;
        }
        match family.sign(inner, &signed.pinned) {
            Ok(signature) => signed.accept(&family, signature.as_deref(), &inner.lock),
            Err(error) => {
                signed.pinned.retain(|(name, _)| !family.has(name));
                signed.refused.push(error);
            }
        }
    }
    signed
}

/// The models that have stand-ins.
fn families(catalog: &Catalog) -> impl Iterator<Item = Family<'_>> {
    let models = catalog.models.values().filter(|declared| declared.name.variant().is_none());
    let families = models.map(|model| Family { model, stand_ins: stand_ins(catalog, &model.name).collect() });
    families.filter(|family| !family.stand_ins.is_empty())
}

/// The stand-ins of a model; of a stand-in itself.
pub(super) fn stand_ins<'a>(catalog: &'a Catalog, name: &'a ModelName) -> impl Iterator<Item = &'a Declared> {
    catalog.models.values().filter(move |declared| declared.stand_in && declared.name.belongs_to(name))
}

impl Signed {
    fn accept(&mut self, family: &Family<'_>, signature: Option<&str>, lock: &LockFile) {
        for member in family.members() {
            if let Some((_, pins)) = self.pinned.iter_mut().find(|(name, _)| *name == member.name) {
                pins.signature = signature.map(ToOwned::to_owned);
            } else if let Some(pins) =
                lock.models.get(&member.name).filter(|pins| pins.signature.as_deref() != signature)
            {
                self.beside
                    .push((member.name.clone(), Pins { signature: signature.map(ToOwned::to_owned), ..pins.clone() }));
            }
        }
    }

    /// What is to be written, over `now`; `before` is what the signatures were made from.
    pub(super) fn blocks(self, before: &LockFile, now: &LockFile) -> Vec<(ModelName, Pins)> {
        // What another process pinned meanwhile is not what was compared.
        let beside = self.beside.into_iter().filter(|(name, _)| before.models.get(name) == now.models.get(name));
        let beside: Vec<_> = beside.collect();
        self.pinned.into_iter().chain(beside).collect()
    }
}

impl<'a> Family<'a> {
    fn members(&self) -> impl Iterator<Item = &'a Declared> {
        std::iter::once(self.model).chain(self.stand_ins.iter().copied())
    }

    fn has(&self, name: &ModelName) -> bool {
        self.members().any(|member| member.name == *name)
    }

    /// The signature of all members that are pinned; of one alone there is none.
    fn sign(&self, inner: &Inner, pinned: &[(ModelName, Pins)]) -> Result<Option<String>> {
        let pins = |declared: &Declared| {
            let locked = || inner.lock.models.get(&declared.name);
            let written = pinned.iter().find(|(name, _)| *name == declared.name).map(|(_, pins)| pins);
            written.or_else(|| locked().filter(|pins| pins.source == declared.source.describe()))
        };
        let stand_ins: Vec<_> = self.stand_ins.iter().filter_map(|one| Some((*one, pins(one)?))).collect();
        let Some((first, _)) = stand_ins.first() else { return Ok(None) };
        if self.model.is_pinned_by_builtin() {
            let reason = "the built-in catalogue, which pins it, does not tell what it declares";
            return Err(self.refused(first, reason.to_owned()));
        }
        let Some(model) = pins(self.model) else { return Ok(None) };
        let all = || std::iter::once((self.model, model)).chain(stand_ins.iter().copied());
        let known = |(declared, pins): (&Declared, &Pins)| {
            let locked = inner.lock.models.get(&declared.name)?;
            (Pins { signature: locked.signature.clone(), ..pins.clone() } == *locked)
                .then(|| locked.signature.clone())?
        };
        let known: Vec<_> = all().map(known).collect();
        if let Some(Some(signature)) = known.first()
            && known.iter().all(|other| other.as_ref() == Some(signature))
        {
            return Ok(Some(signature.clone()));
        }
        let declares = |declared, pins, stand_in| {
            let found = edit::pinning(inner).signature(declared, pins)?;
            found.map_err(|reason| self.refused(stand_in, reason))
        };
        let real: Signature = declares(self.model, model, first)?;
        for (stand_in, pins) in &stand_ins {
            let differences = real.differences(&declares(stand_in, pins, stand_in)?);
            if !differences.is_empty() {
                let (ours, theirs) = (signed_files(pins), signed_files(model));
                let reason = format!("{ours} declares other things than {theirs}\n  {}", differences.join("\n  "));
                return Err(self.refused(stand_in, reason));
            }
        }
        Ok(Some(real.digits()))
    }

    fn refused(&self, stand_in: &Declared, reason: String) -> Error {
        Error::StandIn { model: self.model.name.to_string(), stand_in: stand_in.name.to_string(), reason }
    }
}

/// What the lock file lacks to show that `stand_in` was held against its model.
pub(super) fn lacks(stand_in: &Declared, lock: &LockFile) -> Option<String> {
    let model = stand_in.name.model();
    let signature = |name: &str| {
        let pins = lock.models.iter().find(|(known, _)| known.as_str() == name).map(|(_, pins)| pins)?;
        pins.signature.as_deref()
    };
    match (signature(stand_in.name.as_str()), signature(model)) {
        (Some(own), Some(models)) if own == models => None,
        (Some(_), Some(_)) => Some(format!("has another signature than `{model}`, whose stand-in it is")),
        _ => Some(format!("is a stand-in, but was not compared with `{model}`")),
    }
}
