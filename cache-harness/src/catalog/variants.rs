//! Variants: alternatives of a model, each a model of its own called `model@variant`.
//!
//! A variant has its own source, and so its own pins. Of its place and purpose it takes from its model what it does not
//! say. Which one a request means is [`Catalog::choose`]: a function of what was asked for, the catalog and the
//! settings, and of nothing else.

use std::path::Path;

use super::{Catalog, Declared, read_model};
use crate::config::{Origin, Providers, Setting, Variants};
use crate::document::{Place, Table};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::model::{FULL, ModelName, check_variant};
use crate::suggestion::{listed, nearest};

/// When a variant is taken without anybody asking for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// `ci`: in continuous integration.
    Ci,
}

/// What a request means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice<'c> {
    pub(crate) declared: &'c Declared,
    /// What chose it; the default also where the request itself names it.
    pub(crate) origin: Origin,
}

/// The table of a variant that was read, and where its own fallback stands.
pub(super) struct Read {
    pub(super) declared: Declared,
    pub(super) fallback: Option<Place>,
}

/// The variants below `table`, which is that of `model`.
pub(super) fn read(
    model: &Declared,
    table: Table<'_>,
    providers: &Providers,
    folder: &Path,
    environment: &Environment,
) -> Result<Vec<Read>> {
    let mut on_ci: Option<ModelName> = None;
    let mut variants = Vec::new();
    let mut tables = table.named_tables()?;
    tables.sort_by_key(|(_, table)| table.place());
    for (key, mut table) in tables {
        let wrong = |error: &dyn std::fmt::Display| table.malformed(key.place, format!("the variant {error}"), None);
        check_variant(key.value).map_err(|error| wrong(&error))?;
        let name: ModelName = format!("{}@{}", model.name, key.value).parse().map_err(|error| wrong(&error))?;
        if let Some(nested) = table.table("variants")? {
            let message = format!("`variants` {}: a variant has no variants of its own", table.label());
            return Err(table.malformed(nested.place(), message, None));
        }
        let fallback = table.parsed("fallback", str::parse::<ModelName>)?;
        let on = table.parsed("on", parse_on)?;
        if let Some(found) = &on
            && let Some(other) = on_ci.replace(name.clone())
        {
            let message = format!("`on` {}: `{other}` is taken on CI already", table.label());
            return Err(table.malformed(found.place, message, None));
        }
        let stand_in = table.boolean("stand_in")?.is_some_and(|found| found.value);
        let declared = read_model(name, &mut table, providers, Some(model), folder, environment)?;
        let line = table.line(key.place);
        table.finish()?;
        let (own, place) = fallback.map(|found| (found.value, found.place)).unzip();
        let fallback = own.or_else(|| model.fallback.clone());
        let declared = Declared { fallback, on: on.map(|found| found.value), stand_in, line, ..declared };
        variants.push(Read { declared, fallback: place });
    }
    Ok(variants)
}

fn parse_on(text: &str) -> Result<On, String> {
    match text {
        "ci" => Ok(On::Ci),
        other => Err(format!("expected `ci`, found `{}`", other.escape_debug())),
    }
}

impl Catalog {
    /// The variants of a model, sorted.
    pub(crate) fn variants_of(&self, model: &ModelName) -> impl Iterator<Item = &Declared> {
        let variants = self.models.values().filter(|declared| declared.name.variant().is_some());
        variants.filter(move |declared| declared.name.belongs_to(model))
    }

    /// The model or variant that a request for `name` means.
    ///
    /// Strongest first: the variant in the name, the one that the annotation names, the setting, `on = "ci"`, and then
    /// the model itself. Of a setting for every model, those that have no such variant take no notice.
    pub(crate) fn choose(
        &self,
        name: &str,
        annotation: Option<&str>,
        setting: &Setting<Variants>,
        ci: bool,
    ) -> Result<Choice<'_>> {
        let declared = self.get(name)?;
        let by = |declared, origin| Ok(Choice { declared, origin });
        let is_fixed = name.contains('@') || annotation == Some(FULL);
        if is_fixed {
            return by(declared, Origin::Default);
        }
        if let Some(variant) = annotation {
            return by(self.get(&format!("{name}@{variant}"))?, Origin::Default);
        }
        let variant =
            |wanted: &str| self.variants_of(&declared.name).find(|declared| declared.name.variant() == Some(wanted));
        match setting.value.of(name) {
            Some(FULL) => return by(declared, setting.origin.clone()),
            Some(wanted) => {
                if let Some(found) = variant(wanted) {
                    return by(found, setting.origin.clone());
                }
            }
            None => {}
        }
        let on_ci = self.variants_of(&declared.name).find(|declared| ci && declared.on == Some(On::Ci));
        match (on_ci, &self.path) {
            (Some(found), Some(path)) => by(found, Origin::File { path: path.clone(), line: found.line }),
            _ => by(declared, Origin::Default),
        }
    }

    /// Refuses a setting that names what is not declared. A word for every model is nobody's mistake where no model
    /// has variants.
    pub(crate) fn check_variants(&self, setting: &Setting<Variants>) -> Result<()> {
        let unknown = |what: String, wanted: &str, known: Vec<&str>| {
            let hint = match nearest(wanted, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "it has none".to_owned(),
                None => format!("there is {}", listed(known)),
            };
            Err(Error::Setting { name: setting.origin.to_string(), message: format!("{what}: {hint}") })
        };
        for (model, wanted) in setting.value.single() {
            let is_builtin = || wanted == FULL && self.get(model.as_str()).is_ok();
            if !self.models.contains_key(model) && !is_builtin() {
                let models = self.names().filter(|name| !name.contains('@')).collect();
                return unknown(format!("no model is named `{model}`"), model.as_str(), models);
            }
            let known: Vec<_> = self.variants_of(model).filter_map(|declared| declared.name.variant()).collect();
            if wanted != FULL && !known.contains(&wanted) {
                return unknown(format!("the model `{model}` has no variant `{wanted}`"), wanted, known);
            }
        }
        let mut known: Vec<_> = self.models.keys().filter_map(ModelName::variant).collect();
        known.sort_unstable();
        known.dedup();
        match setting.value.every() {
            Some(wanted) if wanted != FULL && !known.is_empty() && !known.contains(&wanted) => {
                unknown(format!("no model has a variant `{wanted}`"), wanted, known)
            }
            _ => Ok(()),
        }
    }

    /// Takes fallbacks that variants have from their models away where they lead back to the variant.
    pub(super) fn drop_inherited_circles(&mut self, inherited: &[ModelName]) {
        for name in inherited {
            let fallback = |name: &ModelName| self.models.get(name)?.fallback.as_ref();
            let mut next = fallback(name);
            // A circle without this variant in it ends after as many steps as there are models.
            for _ in 0..self.models.len() {
                if next == Some(name) {
                    break;
                }
                next = next.and_then(fallback);
            }
            if next == Some(name)
                && let Some(declared) = self.models.get_mut(name)
            {
                declared.fallback = None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
