//! The variables of several providers together, and what a process without them would do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Root;
use crate::config::{Config, EnvironmentCheck};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::provider_kind::ProviderKind;

/// The variables by which consumers of these providers find their files.
///
/// # Errors
///
/// [`Error::Setting`] if two providers need one variable to say two things, or if one's variables would lead another's
/// consumer astray.
#[cfg(feature = "cli")]
pub(crate) fn variables(
    providers: impl IntoIterator<Item = ProviderKind>,
    config: &Config,
    environment: &Environment,
) -> Result<BTreeMap<&'static str, PathBuf>> {
    let providers: BTreeSet<ProviderKind> = providers.into_iter().collect();
    let mut set: BTreeMap<&'static str, (PathBuf, ProviderKind)> = BTreeMap::new();
    let mut roots = Vec::new();
    for provider in providers {
        let root = Root::of(provider, config, environment)?;
        let names = root.variables;
        for (name, value) in names.iter().cloned() {
            if let Some((theirs, other)) = set.insert(name, (value.clone(), provider))
                && theirs != value
            {
                let (theirs, value) = (theirs.display(), value.display());
                let message = format!(
                    "provider `{other}` needs `{theirs}` here, and `{provider}` needs `{value}`: give both the same `root`"
                );
                return Err(Error::Setting { name: name.to_owned(), message });
            }
        }
        // Where no variable leads there, a path must be passed in any case.
        if !names.is_empty() {
            roots.push((provider, root.path));
        }
    }
    let child = set.iter().fold(environment.clone(), |child, (name, (value, _))| child.with(name, value.as_os_str()));
    for (provider, root) in roots {
        let looks = Root::looked_for(provider, config, &child)?;
        if let Some(looks) = looks.filter(|looks| !is_same(looks, &root)) {
            let (looks, root) = (looks.display(), root.display());
            let message = format!(
                "with the variables of the other providers its consumer would look in `{looks}`, not in `{root}`: give \
                 both the same `root`"
            );
            return Err(Error::Setting { name: format!("provider `{provider}`"), message });
        }
    }
    Ok(set.into_iter().map(|(name, (value, _))| (name, value)).collect())
}

impl Root {
    /// Refuses a root in which a consumer in this process would not look.
    ///
    /// # Errors
    ///
    /// [`Error::Elsewhere`].
    pub(crate) fn refuse_elsewhere(
        &self,
        provider: ProviderKind,
        config: &Config,
        environment: &Environment,
    ) -> Result<()> {
        if config.providers.environment_check(provider) == EnvironmentCheck::Waived {
            return Ok(());
        }
        let elsewhere = |looks| {
            let variables = self.variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            Err(Error::Elsewhere { provider: provider.to_string(), root: self.path.clone(), looks, variables })
        };
        if let Some(looks) = Self::looked_for(provider, config, environment)? {
            return if is_same(&looks, &self.path) { Ok(()) } else { elsewhere(looks) };
        }
        // Where the consumer of a described layout looks is known only from the variables that are set.
        let differs = |(name, value): &&(&'static str, PathBuf)| environment.get(name).is_some_and(|own| own != *value);
        match self.variables.iter().find(differs) {
            Some((name, _)) => elsewhere(environment.get(name).map(PathBuf::from).unwrap_or_default()),
            None => Ok(()),
        }
    }
}

/// Whether both are one folder, whatever symbolic links lead there.
fn is_same(left: &Path, right: &Path) -> bool {
    left == right || matches!((left.canonicalize(), right.canonicalize()), (Ok(left), Ok(right)) if left == right)
}
