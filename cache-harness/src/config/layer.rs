//! What one place says about the settings: a file, the variables, or the flags.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Overrides;
use super::mirror::Mirror;
use super::provider::Providers;
use super::setting::{ApplicationCache, Origin, RemoteMode, Setting, Verify, WhenUnusable};
use super::variants::Variants;
use crate::address::{self, PlainHttp};
use crate::document::{Placed, Table};
use crate::environment::{self, Environment};
use crate::error::{Error, Result};
use crate::provider_kind::ProviderKind;
use crate::units::{ByteSize, parse_duration};

/// More than this to one host is an attack, not a download.
const MOST_CONNECTIONS: u64 = 64;

/// The settings that one place makes.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) dir: Option<Setting<PathBuf>>,
    pub(super) max_size: Option<Setting<ByteSize>>,
    pub(super) max_age: Option<Setting<Duration>>,
    pub(super) rehash_after: Option<Setting<Duration>>,
    pub(super) verify: Option<Setting<Verify>>,
    pub(super) offline: Option<Setting<bool>>,
    pub(super) min_free_disk: Option<Setting<ByteSize>>,
    pub(super) strict_budget: Option<Setting<bool>>,
    pub(super) when_unusable: Option<Setting<WhenUnusable>>,
    pub(super) provider_roots: BTreeMap<ProviderKind, Setting<PathBuf>>,
    pub(super) providers: Providers,
    pub(super) application_caches: BTreeMap<String, ApplicationCache>,
    pub(super) remote_url: Option<Setting<String>>,
    pub(super) remote_mode: Option<Setting<RemoteMode>>,
    pub(super) endpoint: Option<Setting<String>>,
    pub(super) patience: Option<Setting<Duration>>,
    pub(super) mirrors: Option<Setting<Vec<Mirror>>>,
    pub(super) connections: Option<Setting<NonZeroUsize>>,
    pub(super) variants: Option<Setting<Variants>>,
}

impl Layer {
    /// This layer, and `weaker` where it says nothing.
    pub(super) fn over(self, weaker: Self) -> Self {
        let mut provider_roots = weaker.provider_roots;
        provider_roots.extend(self.provider_roots);
        let mut application_caches = weaker.application_caches;
        application_caches.extend(self.application_caches);
        Self {
            dir: self.dir.or(weaker.dir),
            max_size: self.max_size.or(weaker.max_size),
            max_age: self.max_age.or(weaker.max_age),
            rehash_after: self.rehash_after.or(weaker.rehash_after),
            verify: self.verify.or(weaker.verify),
            offline: self.offline.or(weaker.offline),
            min_free_disk: self.min_free_disk.or(weaker.min_free_disk),
            strict_budget: self.strict_budget.or(weaker.strict_budget),
            when_unusable: self.when_unusable.or(weaker.when_unusable),
            provider_roots,
            providers: self.providers.over(weaker.providers),
            application_caches,
            remote_url: self.remote_url.or(weaker.remote_url),
            remote_mode: self.remote_mode.or(weaker.remote_mode),
            endpoint: self.endpoint.or(weaker.endpoint),
            patience: self.patience.or(weaker.patience),
            mirrors: self.mirrors.or(weaker.mirrors),
            connections: self.connections.or(weaker.connections),
            variants: self.variants.or(weaker.variants),
        }
    }

    /// What a project's or user's file says, but for its models.
    pub(super) fn from_file(root: &mut Table<'_>, environment: &Environment) -> Result<Self> {
        let mut layer = Self::default();
        let folder = root.path().parent().unwrap_or(Path::new("/")).to_owned();
        let path = |text: &str| environment.path_from(&folder, text);
        if let Some(mut cache) = root.table("cache")? {
            layer.dir = cache.parsed("dir", path)?.map(|found| from_file(&cache, found));
            layer.max_size = cache.parsed("max_size", str::parse)?.map(|found| from_file(&cache, found));
            layer.max_age = cache.parsed("max_age", parse_duration)?.map(|found| from_file(&cache, found));
            layer.rehash_after = cache.parsed("rehash_after", parse_duration)?.map(|found| from_file(&cache, found));
            layer.verify = cache.parsed("verify", str::parse)?.map(|found| from_file(&cache, found));
            layer.offline = cache.boolean("offline")?.map(|found| from_file(&cache, found));
            layer.min_free_disk = cache.parsed("min_free_disk", str::parse)?.map(|found| from_file(&cache, found));
            layer.strict_budget = cache.boolean("strict_budget")?.map(|found| from_file(&cache, found));
            layer.when_unusable = cache.parsed("when_unusable", str::parse)?.map(|found| from_file(&cache, found));
            layer.patience = cache.parsed("patience", parse_patience)?.map(|found| from_file(&cache, found));
            layer.mirrors = cache.parsed_list("mirrors", str::parse)?.map(|found| from_file(&cache, found));
            layer.connections = cache.whole_number("connections", 1..=MOST_CONNECTIONS)?.map(|found| {
                let value = connections(found.value).unwrap_or(NonZeroUsize::MIN);
                from_file(&cache, Placed { value, place: found.place })
            });
            cache.finish()?;
        }
        if let Some(providers) = root.table("providers")? {
            for (name, mut provider) in providers.named_tables()? {
                let kind = provider_kind(&name, &provider)?;
                let root = provider.parsed("root", path)?;
                layer.providers.read(kind, &mut provider)?;
                if let ProviderKind::Custom(_) = kind {
                    provider.required("root", root.as_ref())?;
                }
                if let Some(found) = root {
                    layer.provider_roots.insert(kind, from_file(&provider, found));
                }
                provider.finish()?;
            }
        }
        if let Some(caches) = root.table("application_caches")? {
            for (name, mut table) in caches.named_tables()? {
                let path = table.parsed("path", path)?;
                let path = from_file(&table, table.required("path", path)?);
                let max_age = table.parsed("max_age", parse_duration)?.map(|found| from_file(&table, found));
                let max_age = max_age.unwrap_or(Setting::from_default(Duration::MAX));
                table.finish()?;
                layer.application_caches.insert(name.value.to_owned(), ApplicationCache { path, max_age });
            }
        }
        if let Some(mut remote) = root.table("remote")? {
            let url = remote.parsed("url", parse_remote)?;
            layer.remote_url = Some(from_file(&remote, remote.required("url", url)?));
            // A URL of this file with no mode is for reading, whatever a weaker file says of its own URL.
            let mode = remote.parsed("mode", str::parse)?.map(|found| from_file(&remote, found));
            layer.remote_mode = Some(mode.unwrap_or_default());
            remote.finish()?;
        }
        Ok(layer)
    }

    /// What the variables say.
    pub(super) fn from_environment(environment: &Environment) -> Result<Self> {
        let offline = variable(environment::OFFLINE, environment, environment::parse_switch)?.or_else(|| {
            let others = [environment::HF_HUB_OFFLINE, environment::CARGO_NET_OFFLINE];
            let name = others.into_iter().find(|name| environment.is_on(name))?;
            Some(Setting { value: true, origin: Origin::Variable(name) })
        });
        Ok(Self {
            dir: path_variable(environment::DIR, environment)?
                .map(|value| Setting { value, origin: Origin::Variable(environment::DIR) }),
            max_size: variable(environment::MAX_SIZE, environment, str::parse)?,
            max_age: variable(environment::MAX_AGE, environment, parse_duration)?,
            verify: variable(environment::VERIFY, environment, str::parse)?,
            offline,
            remote_url: variable(environment::REMOTE, environment, parse_remote)?,
            endpoint: variable(environment::HF_ENDPOINT, environment, parse_endpoint)?,
            patience: variable(environment::PATIENCE, environment, parse_patience)?,
            mirrors: variable(environment::MIRRORS, environment, parse_mirrors)?,
            connections: variable(environment::CONNECTIONS, environment, parse_connections)?,
            variants: variable(environment::VARIANT, environment, str::parse)?,
            ..Self::default()
        })
    }

    /// What the command line says.
    pub(super) fn from_flags(overrides: &Overrides) -> Self {
        let offline = overrides.offline.map(|value| Setting { value, origin: Origin::Flag("--offline") });
        let variants = overrides.variants.clone().map(|value| Setting { value, origin: Origin::Flag("--variant") });
        Self { offline, variants, ..Self::default() }
    }
}

/// The provider of a table; one with a `layout` is the catalog's own.
fn provider_kind(name: &Placed<&str>, table: &Table<'_>) -> Result<ProviderKind> {
    let malformed = |message: String| table.malformed(name.place, message, None);
    match (name.value.parse::<ProviderKind>(), table.has("layout")) {
        (Ok(kind), false) => Ok(kind),
        (Ok(kind), true) => {
            Err(malformed(format!("`{kind}` has a layout of its own: `layout` is for a provider of another name")))
        }
        (Err(message), false) => Err(malformed(message)),
        (Err(_), true) => {
            let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            let is_name = name.value.len() <= 64 && !name.value.is_empty() && name.value.chars().all(word);
            let shown = name.value.escape_debug();
            let refused = || malformed(format!("`{shown}` cannot name a provider: letters, digits, `_` and `-` can"));
            if is_name { Ok(ProviderKind::custom(name.value)) } else { Err(refused()) }
        }
    }
}

fn from_file<T>(table: &Table<'_>, found: Placed<T>) -> Setting<T> {
    let origin = Origin::File { path: table.path().to_owned(), line: table.line(found.place) };
    Setting { value: found.value, origin }
}

fn variable<T, E: Display>(
    name: &'static str,
    environment: &Environment,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<Setting<T>>> {
    let Some(raw) = environment.get(name) else { return Ok(None) };
    let wrong = |message| Error::Setting { name: name.into(), message };
    let text = raw.to_str().ok_or_else(|| wrong(format!("`{}` is not UTF-8", raw.display())))?;
    let value = parse(text).map_err(|error| wrong(error.to_string()))?;
    Ok(Some(Setting { value, origin: Origin::Variable(name) }))
}

/// The path in a variable: `~` and `$VAR` expand, and a relative one is taken from the current folder.
pub(super) fn path_variable(name: &'static str, environment: &Environment) -> Result<Option<PathBuf>> {
    let Some(raw) = environment.get(name) else { return Ok(None) };
    let path = match raw.to_str() {
        Some(text) => environment.path_from(Path::new(""), text),
        None => std::path::absolute(raw).map_err(|error| error.to_string()),
    };
    path.map(Some).map_err(|message| Error::Setting { name: name.into(), message })
}

fn parse_patience(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("must be longer than 0s, or nothing could be waited for".into()),
        patience => Ok(patience),
    }
}

fn parse_mirrors(text: &str) -> Result<Vec<Mirror>, String> {
    text.split(',').map(str::trim).filter(|template| !template.is_empty()).map(str::parse).collect()
}

fn parse_connections(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse().ok().filter(|number| *number <= MOST_CONNECTIONS).and_then(connections);
    number.ok_or_else(|| format!("must be a number from 1 to {MOST_CONNECTIONS}, found `{text}`"))
}

fn connections(number: u64) -> Option<NonZeroUsize> {
    usize::try_from(number).ok().and_then(NonZeroUsize::new)
}

fn parse_remote(text: &str) -> Result<String, String> {
    address::is_remote(text).map_err(|reason| format!("`{}` cannot be used: {reason}", address::shown(text)))?;
    Ok(text.to_owned())
}

fn parse_endpoint(text: &str) -> Result<String, String> {
    let wrong = |reason: String| format!("`{}` cannot be used: {reason}", address::shown(text));
    address::is_allowed(text, PlainHttp::Loopback).map_err(wrong)?;
    if text.contains(['?', '#']) {
        return Err(wrong("paths are put after it, so it can have neither `?` nor `#`".into()));
    }
    Ok(text.trim_end_matches('/').to_owned())
}
