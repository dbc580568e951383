//! Every effective setting, and what says so.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::ask::Ask;
use crate::cache::Cache;
use crate::config::{Origin, Setting};
use crate::environment::{self, Environment};
use crate::error::Result;
use crate::event::Via;
use crate::model::FULL;
use crate::provider::Root;
use crate::provider_kind::ProviderKind;
use crate::units::{ByteSize, show_seconds};

/// The widest line.
const WIDTH: usize = 80;
/// Where values begin, and origins if the value leaves room.
const VALUE: usize = 17;
const ORIGIN: usize = 56;

/// One setting.
#[derive(Debug, Serialize)]
pub(super) struct Effective {
    /// The table that it stands in, such as `cache` or `providers.huggingface`.
    pub(super) section: String,
    pub(super) key: &'static str,
    pub(super) value: Value,
    /// `default`, `FILE:LINE`, a variable or a flag.
    pub(super) origin: String,
}

/// A value, for people with its unit, for programs in bytes and seconds.
#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Size(ByteSize),
    Age(Duration),
    Switch(bool),
    Count(usize),
    List(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Size(size) => size.fmt(formatter),
            Self::Age(Duration::MAX) => formatter.write_str("never"),
            Self::Age(age) => formatter.write_str(&show_seconds(age.as_secs_f64())),
            Self::Switch(on) => on.fmt(formatter),
            Self::Count(count) => count.fmt(formatter),
            Self::List(items) if items.is_empty() => formatter.write_str("none"),
            Self::List(items) => formatter.write_str(&items.join(", ")),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Size(size) => serializer.serialize_u64(size.0),
            Self::Age(Duration::MAX) => serializer.serialize_str("never"),
            Self::Age(age) => serializer.serialize_f64(age.as_secs_f64()),
            Self::Switch(on) => serializer.serialize_bool(*on),
            Self::Count(count) => count.serialize(serializer),
            Self::List(items) => items.serialize(serializer),
        }
    }
}

/// A setting's value and origin.
fn of<T>(setting: &Setting<T>, value: impl FnOnce(&T) -> Value) -> (Value, String) {
    (value(&setting.value), setting.origin.to_string())
}

fn path(path: &Path) -> Value {
    Value::Text(path.display().to_string())
}

/// Every setting that is in force.
///
/// # Errors
///
/// Nothing says where a provider has its files.
pub(super) fn effective(cache: &Cache) -> Result<Vec<Effective>> {
    let roots = used(cache).into_iter().map(|provider| Ok((provider, root(provider, cache)?)));
    Ok(settings(cache, roots.collect::<Result<_>>()?))
}

/// The same without the roots that cannot be told.
pub(super) fn effective_as_far_as_known(cache: &Cache) -> Vec<Effective> {
    let roots = used(cache).into_iter().filter_map(|provider| Some((provider, root(provider, cache).ok()?)));
    settings(cache, roots.collect())
}

/// Where a provider has its files, and what says so.
pub(super) fn root(provider: ProviderKind, cache: &Cache) -> Result<(PathBuf, String)> {
    match cache.config().provider_roots.get(&provider) {
        Some(setting) => Ok((setting.value.clone(), setting.origin.to_string())),
        None => consumers_own(provider, cache, &cache.inner.environment),
    }
}

fn settings(cache: &Cache, roots: Vec<(ProviderKind, (PathBuf, String))>) -> Vec<Effective> {
    let (config, environment) = (cache.config(), &cache.inner.environment);
    let mut found = Vec::new();
    let mut add = |section: &str, key, value, origin: String| {
        found.push(Effective { section: section.to_owned(), key, value, origin });
    };
    let state_origin = match environment.get(environment::XDG_STATE_HOME).map(Path::new) {
        Some(state) if config.state_dir.starts_with(state) => environment::XDG_STATE_HOME.to_owned(),
        _ => Origin::Default.to_string(),
    };
    for (key, (value, origin)) in [
        ("dir", of(&config.dir, |dir| path(dir))),
        ("max_size", of(&config.max_size, |size| Value::Size(*size))),
        ("max_age", of(&config.max_age, |age| Value::Age(*age))),
        ("rehash_after", of(&config.rehash_after, |age| Value::Age(*age))),
        ("verify", of(&config.verify, |verify| Value::Text(verify.to_string()))),
        ("offline", of(&config.offline, |offline| Value::Switch(*offline))),
        ("min_free_disk", of(&config.min_free_disk, |size| Value::Size(*size))),
        ("strict_budget", of(&config.strict_budget, |strict| Value::Switch(*strict))),
        ("when_unusable", of(&config.when_unusable, |when| Value::Text(when.to_string()))),
        ("adopt", of(&config.adopt, |adopt| Value::Text(adopt.to_string()))),
        ("patience", of(&config.patience, |age| Value::Age(*age))),
        ("mirrors", of(&config.mirrors, |all| Value::List(all.iter().map(ToString::to_string).collect()))),
        ("connections", of(&config.connections, |count| Value::Count(count.get()))),
        (
            "variant",
            of(&config.variants, |variants| {
                Value::List(variants.to_string().split_terminator(',').map(ToOwned::to_owned).collect())
            }),
        ),
    ] {
        add("cache", key, value, origin);
    }
    let models = &cache.inner.catalog;
    for declared in models.models.values().filter(|declared| declared.name.variant().is_none()) {
        let has_variants = models.variants_of(&declared.name).next().is_some();
        let chosen = cache.inner.chosen(&Ask::new(declared.name.as_str(), Via::Restore));
        if let (true, Ok(choice)) = (has_variants, chosen) {
            let section = format!("models.{}", crate::document::key_text(declared.name.as_str()));
            let variant = Value::Text(choice.declared.name.variant().unwrap_or(FULL).to_owned());
            add(&section, "variant", variant, choice.origin.to_string());
        }
    }
    for (provider, (root, origin)) in roots {
        add(&format!("providers.{provider}"), "root", path(&root), origin);
    }
    for (name, application) in &config.application_caches {
        let section = format!("application_caches.{}", crate::document::key_text(name));
        let (folder, origin) = of(&application.path, |folder| path(folder));
        add(&section, "path", folder, origin);
        let (age, origin) = of(&application.max_age, |age| Value::Age(*age));
        add(&section, "max_age", age, origin);
    }
    if let Some(remote) = &config.remote {
        let (url, origin) = of(&remote.url, |url| Value::Text(crate::address::shown(url)));
        add("remote", "url", url, origin);
        let (mode, origin) = of(&remote.mode, |mode| Value::Text(mode.to_string()));
        add("remote", "mode", mode, origin);
    }
    let (endpoint, origin) = of(&config.endpoint, |endpoint| Value::Text(crate::address::shown(endpoint)));
    add("environment", "HF_ENDPOINT", endpoint, origin);
    let (token, origin) = match &config.token {
        Some(token) => ("***", token.origin().to_owned()),
        None => ("none", Origin::Default.to_string()),
    };
    add("environment", "HF_TOKEN", Value::Text(token.to_owned()), origin);
    add("environment", "state", path(&config.state_dir), state_origin);
    found
}

/// The providers that the catalog uses or configures.
pub(super) fn used(cache: &Cache) -> BTreeSet<ProviderKind> {
    let declared = cache.inner.catalog.models.values().map(|declared| declared.provider);
    declared.chain(cache.config().provider_roots.keys().copied()).collect()
}

/// Where the consumer itself looks, and the variable that makes it look there: the one without which it would look
/// elsewhere. So this holds for every consumer, whatever its variables are and in what order it asks for them.
fn consumers_own(provider: ProviderKind, cache: &Cache, environment: &Environment) -> Result<(PathBuf, String)> {
    let root = Root::of(provider, cache.config(), environment)?.path;
    let decides = |name: &&std::ffi::OsStr| {
        let without = Root::of(provider, cache.config(), &environment.without(name));
        *name != environment::HOME && without.is_ok_and(|other| other.path != root)
    };
    let origin = environment.names().find(decides).map(|name| name.display().to_string());
    Ok((root, origin.unwrap_or_else(|| Origin::Default.to_string())))
}

/// The settings as a person reads them: a table each, and the file's path only as long as it must be.
pub(super) fn text(settings: &[Effective], cache: &Cache) -> String {
    let project = cache.config().project.as_deref().and_then(Path::parent);
    let home = cache.inner.environment.home();
    let shown = |origin: &str| {
        let path = Path::new(origin);
        let inside = project.and_then(|project| path.strip_prefix(project).ok());
        let at_home = home.as_ref().and_then(|home| path.strip_prefix(home).ok());
        match (inside, at_home) {
            (Some(inside), _) => inside.display().to_string(),
            (None, Some(below)) => Path::new("~").join(below).display().to_string(),
            (None, None) => origin.to_owned(),
        }
    };
    let mut lines = Vec::new();
    for group in settings.chunk_by(|one, next| one.section == next.section) {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(group.first().map(|first| format!("[{}]", first.section)));
        for Effective { key, value, origin, .. } in group {
            let (value, origin) = (format!("  {key:width$} {value}", width = VALUE - 3), shown(origin));
            let (long, room) = (value.chars().count(), ORIGIN.min(WIDTH.saturating_sub(origin.chars().count())));
            if long < room {
                lines.push(format!("{value:room$}{origin}"));
            } else {
                lines.extend([value, format!("{:VALUE$}{origin}", "")]);
            }
        }
    }
    lines.join("\n")
}
