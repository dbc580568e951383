//! `env`: the variables by which other programs find the models.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;

use super::{Context, Verdict};
use crate::cache::Cache;
use crate::config::{Origin, Setting};
use crate::environment;
use crate::error::{Error, Result};
use crate::provider;
use crate::provider_kind::ProviderKind;

#[derive(Debug, clap::Args)]
pub(super) struct Env {
    #[arg(long, value_enum, default_value_t = Format::Sh)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Sh,
    Fish,
    Powershell,
    /// `NAME=value` lines for `$GITHUB_ENV`
    Github,
    /// `NAME=value` lines for `$NEXTEST_ENV`
    Nextest,
    /// An `[env]` table for `.cargo/config.toml`
    Cargo,
    Json,
}

impl Env {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let variables = variables(&context.cache()?, context)?;
        if context.wants_json() || self.format == Format::Json {
            context.json(&variables)?;
            return Ok(Verdict::Holds);
        }
        if self.format == Format::Cargo {
            context.out("[env]")?;
        }
        for (name, value) in &variables {
            let value = value.to_str().filter(|value| !value.contains('\n')).ok_or_else(|| Error::Setting {
                name: (*name).to_owned(),
                message: format!("`{}` cannot be written in this format", value.display()),
            })?;
            context.out(&match self.format {
                Format::Sh => format!("export {name}='{}'", value.replace('\'', r"'\''")),
                Format::Fish => format!("set -gx {name} '{}'", value.replace('\\', r"\\").replace('\'', r"\'")),
                Format::Powershell => format!("$env:{name} = '{}'", value.replace('\'', "''")),
                Format::Github | Format::Nextest => format!("{name}={value}"),
                Format::Cargo | Format::Json => format!("{name} = {}", crate::document::string_text(value)),
            })?;
        }
        Ok(Verdict::Holds)
    }
}

/// The variables of every provider that the catalog uses or configures.
pub(super) fn variables(cache: &Cache, context: &Context) -> Result<BTreeMap<&'static str, PathBuf>> {
    let (config, models) = (cache.config(), cache.inner.catalog.models.values());
    let mut used: Vec<ProviderKind> = models.map(|declared| declared.provider).collect();
    used.extend(config.provider_roots.keys());
    let mut variables = provider::variables(used, config, &context.environment)?;
    if let Setting { value, origin: Origin::Flag(_) } = &config.variants {
        variables.insert(environment::VARIANT, PathBuf::from(value.to_string()));
    }
    if config.offline.value {
        variables.extend(["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].map(|name| (name, PathBuf::from("1"))));
    }
    Ok(variables)
}
