//! `env`: the variables by which other programs find the models.

mod format;

use std::collections::BTreeMap;
use std::ffi::OsString;

use self::format::Format;
use super::{Context, Verdict};
use crate::cache::Cache;
use crate::config::{Origin, Setting};
use crate::environment;
use crate::error::{Error, Result};
use crate::provider;
use crate::provider_kind::ProviderKind;

#[derive(Debug, clap::Args)]
pub(super) struct Env {
    /// Who is to set them
    #[arg(long, value_enum, default_value_t = Format::Sh)]
    format: Format,
}

impl Env {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let mut texts = BTreeMap::new();
        for (name, value) in variables(&context.cache()?, context)? {
            let text = value.into_string().map_err(|value| {
                let message = format!("`{}` is not UTF-8, and no format can say it", value.display());
                Error::Setting { name: name.clone(), message }
            })?;
            texts.insert(name, text);
        }
        if context.wants_json() || self.format == Format::Json {
            context.json(&texts)?;
            return Ok(Verdict::Holds);
        }
        // All or nothing: half of the variables would be worse than none.
        let line = |(name, value): (&String, &String)| {
            let refused = |reason| Error::Setting { name: name.clone(), message: format!("`{value}` {reason}") };
            self.format.line(name, value).map_err(refused)
        };
        let lines = texts.iter().map(line).collect::<Result<Vec<_>>>()?;
        self.format.header().into_iter().try_for_each(|header| context.out(header))?;
        lines.iter().try_for_each(|line| context.out(line))?;
        Ok(Verdict::Holds)
    }
}

/// The variables of every provider that the catalog uses or configures.
pub(super) fn variables(cache: &Cache, context: &Context) -> Result<BTreeMap<String, OsString>> {
    let (config, models) = (cache.config(), cache.inner.catalog.models.values());
    let mut used: Vec<ProviderKind> = models.map(|declared| declared.provider).collect();
    used.extend(config.provider_roots.keys());
    let variables = provider::variables(used, config, &context.environment)?.into_iter();
    let mut variables: BTreeMap<_, _> =
        variables.map(|(name, value)| (name.to_owned(), value.into_os_string())).collect();
    if let Setting { value, origin: Origin::Flag(_) } = &config.variants {
        variables.insert(environment::VARIANT.to_owned(), value.to_string().into());
    }
    if config.offline.value {
        variables.extend(environment::OFFLINE_CONSUMERS.map(|name| (name.to_owned(), "1".into())));
    }
    Ok(variables)
}
