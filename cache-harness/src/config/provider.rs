//! What the files say of the providers, beside their roots.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Template;
use crate::document::Table;
use crate::error::Result;
use crate::fs::LinkMode;
use crate::provider_kind::ProviderKind;

/// What the files say of one provider, beside its root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ProviderSettings {
    /// The layout of one that is not known here.
    pub(crate) template: Option<Arc<Template>>,
    /// The links that its files are to be.
    pub(crate) links: Option<LinkMode>,
    pub(crate) environment_check: Option<EnvironmentCheck>,
}

/// Whether a test may have its models where a consumer in the test's own process would not look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnvironmentCheck {
    /// It may not: what consumers find must be what was put there.
    Enforced,
    /// It may: the test passes paths on, or starts the consumer with [`CachedModel::envs`](crate::CachedModel::envs).
    Waived,
}

/// The settings of all providers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Providers(BTreeMap<ProviderKind, ProviderSettings>);

impl Providers {
    /// The kind of this name; or what is wrong with it.
    pub(crate) fn kind(&self, name: &str) -> Result<ProviderKind, String> {
        let custom = self.0.iter().filter(|(_, settings)| settings.template.is_some()).map(|(kind, _)| *kind);
        ProviderKind::named(name, custom)
    }

    pub(crate) fn template(&self, kind: ProviderKind) -> Option<&Template> {
        self.0.get(&kind)?.template.as_deref()
    }

    pub(crate) fn links(&self, kind: ProviderKind) -> Option<LinkMode> {
        self.0.get(&kind)?.links
    }

    pub(crate) fn environment_check(&self, kind: ProviderKind) -> EnvironmentCheck {
        self.0.get(&kind).and_then(|settings| settings.environment_check).unwrap_or(EnvironmentCheck::Enforced)
    }

    /// These settings, and `weaker` where they say nothing.
    pub(super) fn over(mut self, weaker: Self) -> Self {
        for (kind, weaker) in weaker.0 {
            let own = self.0.entry(kind).or_default();
            own.template = own.template.take().or(weaker.template);
            own.links = own.links.or(weaker.links);
            own.environment_check = own.environment_check.or(weaker.environment_check);
        }
        self
    }

    /// Reads the table of the provider `name`, but for its root.
    pub(super) fn read(&mut self, kind: ProviderKind, table: &mut Table<'_>) -> Result<()> {
        let template = Template::read(table)?.map(Arc::new);
        let links = read_links(kind, table)?;
        let check = table.boolean("check_environment")?;
        let environment_check =
            check.map(|check| if check.value { EnvironmentCheck::Enforced } else { EnvironmentCheck::Waived });
        self.0.insert(kind, ProviderSettings { template, links, environment_check });
        Ok(())
    }
}

/// The value of `links`, if the consumer tolerates it.
pub(crate) fn read_links(kind: ProviderKind, table: &mut Table<'_>) -> Result<Option<LinkMode>> {
    let Some(found) = table.parsed("links", str::parse::<LinkMode>)? else { return Ok(None) };
    match kind.refuses(found.value) {
        Some(reason) => {
            let message = format!("`links` {}: not for provider `{kind}`: {reason}", table.label());
            Err(table.malformed(found.place, message, Some("\"copy\" and \"reflink\" always work for it".into())))
        }
        None => Ok(Some(found.value)),
    }
}
