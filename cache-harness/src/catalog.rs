//! What `cache-harness.toml` declares: the models of a project.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::address::{self, PlainHttp};
use crate::builtin::{self, Builtin, Status};
use crate::config::{Providers, read_links};
use crate::digest::Sha256Digest;
use crate::document::{Place, Placed, Table};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::fs::LinkMode;
use crate::model::{FilePath, ModelName};
use crate::provider_kind::ProviderKind;
use crate::suggestion::nearest;
use crate::unpack::Format;

/// The models of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Catalog {
    /// The `cache-harness.toml` that was read.
    pub(crate) path: Option<PathBuf>,
    /// Where the search for it began, or its own folder.
    pub(crate) start: PathBuf,
    pub(crate) models: BTreeMap<ModelName, Declared>,
}

/// A model as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) name: ModelName,
    pub(crate) source: Source,
    /// The built-in model that `source` is taken from.
    pub(crate) builtin: Option<&'static Builtin>,
    pub(crate) provider: ProviderKind,
    /// `owner/name` on the Hub; always there for a provider that needs it.
    pub(crate) hub_id: Option<String>,
    /// How its files come into the layout, if the catalog chooses that.
    pub(crate) links: Option<LinkMode>,
    /// The model to take when every source of this one fails.
    pub(crate) fallback: Option<ModelName>,
    /// The digest of what the `urls` of a model send, if it stands in the catalog.
    pub(crate) sha256: Option<Sha256Digest>,
    /// Which of its addresses may be asked over plain HTTP.
    pub(crate) plain_http: PlainHttp,
    pub(crate) capabilities: Vec<String>,
    pub(crate) description: Option<String>,
    /// The line of the model's header, from 1.
    pub(crate) line: usize,
}

impl Declared {
    /// Whether the built-in catalogue pins it, so that it needs no block in the lock file.
    pub(crate) fn is_pinned_by_builtin(&self) -> bool {
        self.builtin.is_some_and(|builtin| builtin.status == Status::Primary)
    }
}

/// Where a model's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A repository of the Hub; `files` are patterns, and empty for all.
    Hub { repo: String, revision: String, files: Vec<String> },
    /// One file under several addresses; there is at least one.
    Urls(Vec<String>),
    /// One archive under several addresses, at least one; `files` are patterns of what comes out, and empty for all.
    Archive { urls: Vec<String>, files: Vec<String> },
    /// A file or folder of the project: absolute, and as written.
    Path(PathBuf, String),
}

impl Source {
    /// What the lock file says of the source: a change here makes its pins stale.
    ///
    /// Of addresses only the file name counts, so that a new mirror needs no new pin; of patterns not their order.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Hub { repo, revision, files } => {
                let files: BTreeSet<_> = files.iter().collect();
                files.iter().fold(format!("hub:{repo}@{revision}"), |text, file| format!("{text} {file}"))
            }
            Self::Urls(urls) => format!("urls:{}", first_name(urls)),
            Self::Archive { urls, .. } => format!("unpack:{}", first_name(urls)),
            Self::Path(_, written) => format!("path:{written}"),
        }
    }

    /// Repository and revision of the description of a Hub source, without the patterns.
    #[cfg(feature = "cli")]
    pub(crate) fn revision_part(description: &str) -> &str {
        description.split_once(' ').map_or(description, |(revision, _)| revision)
    }
}

fn first_name(urls: &[String]) -> String {
    let name = urls.first().and_then(|url| address::file_name(url).ok());
    name.map_or_else(String::new, String::from)
}

impl Catalog {
    /// The catalog where no file was found on the way up from `start`.
    pub(crate) fn empty(start: &Path) -> Self {
        Self { path: None, start: start.to_owned(), models: BTreeMap::new() }
    }

    /// The models in the document whose top level is `root`.
    ///
    /// `providers` are those that the catalog may name.
    pub(crate) fn read(root: &mut Table<'_>, providers: &Providers, environment: &Environment) -> Result<Self> {
        let path = root.path();
        let mut catalog = Self::empty(path.parent().unwrap_or(path));
        catalog.path = Some(path.to_owned());
        let Some(models) = root.table("models")? else { return Ok(catalog) };
        let mut fallbacks = Vec::new();
        for (key, mut table) in models.named_tables()? {
            let name = key.value.parse::<ModelName>();
            let name = name.map_err(|error| table.malformed(key.place, format!("the model name {error}"), None))?;
            let fallback = table.parsed("fallback", str::parse::<ModelName>)?;
            let mut declared = read_model(name.clone(), &mut table, providers, &catalog.start, environment)?;
            declared.line = table.line(key.place);
            if let Some(Placed { value, place }) = fallback {
                declared.fallback = Some(value);
                fallbacks.push((name.clone(), place));
            }
            table.finish()?;
            catalog.models.insert(name, declared);
        }
        for (name, place) in fallbacks {
            catalog.check_fallback(&name, place, root)?;
        }
        Ok(catalog)
    }

    /// Follows the fallbacks of `name` to their end.
    fn check_fallback(&self, name: &ModelName, place: Place, root: &Table<'_>) -> Result<()> {
        let mut chain = vec![name];
        while let Some(next) = chain.last().and_then(|last| self.models.get(*last)?.fallback.as_ref()) {
            if !self.models.contains_key(next) {
                let hint = nearest(next.as_str(), self.names()).map(|near| format!("did you mean `{near}`?"));
                return Err(root.malformed(place, format!("the fallback `{next}` is not declared"), hint));
            }
            chain.push(next);
            if chain[..chain.len() - 1].contains(&next) {
                let circle = chain.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" -> ");
                return Err(root.malformed(place, format!("the fallbacks lead in a circle: {circle}"), None));
            }
        }
        Ok(())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(ModelName::as_str)
    }

    /// The model named `name`; one that nobody declares may be a built-in one.
    pub(crate) fn get(&self, name: &str) -> Result<&Declared> {
        if let Some(found) = name.parse().ok().and_then(|name: ModelName| self.models.get(&name)) {
            return Ok(found);
        }
        if let Some(builtin) = builtin::find(name)? {
            return builtin.undeclared();
        }
        let Some(path) = &self.path else { return Err(Error::NoCatalog { start: self.start.clone() }) };
        let names = self.models.keys().map(ModelName::as_str).chain(builtin::names().map(|name| -> &str { name }));
        let suggestion = nearest(name, names).map(Into::into);
        Err(Error::UnknownModel { name: name.to_owned(), catalog: path.clone(), suggestion })
    }
}

/// The model in `table`, without its fallback and line.
pub(crate) fn read_model(
    name: ModelName,
    table: &mut Table<'_>,
    providers: &Providers,
    folder: &Path,
    environment: &Environment,
) -> Result<Declared> {
    let builtin = table.parsed("builtin", builtin::named)?.map(|found| found.value);
    let insecure_http = table.boolean("insecure_http")?;
    let plain_http = match insecure_http {
        Some(Placed { value: true, .. }) => PlainHttp::Anywhere,
        _ => PlainHttp::Loopback,
    };
    let source = read_source(table, builtin, plain_http, folder, environment)?;
    let has_urls = builtin.is_none() && matches!(source, Source::Urls(_) | Source::Archive { .. });
    if let (Some(found), false) = (&insecure_http, has_urls) {
        return Err(table.malformed(found.place, only_with(table, "insecure_http", "urls"), None));
    }
    let sha256 = table.parsed("sha256", str::parse::<Sha256Digest>)?;
    if let (Some(found), false) = (&sha256, has_urls) {
        let hint = "the lock file pins every other model";
        return Err(table.malformed(found.place, only_with(table, "sha256", "urls"), Some(hint.into())));
    }
    let provider = table.parsed("provider", |name| providers.kind(name))?.map(|found| found.value);
    let provider = provider.or(builtin.map(|builtin| builtin.declared.provider));
    let hub_id = table.parsed("hub_id", parse_repo)?;
    let repo = if let Source::Hub { repo, .. } = &source { Some(repo.clone()) } else { None };
    let provider = provider.unwrap_or(if repo.is_some() { ProviderKind::Huggingface } else { ProviderKind::Directory });
    let hub_id = match (provider, hub_id) {
        (kind, None) if repo.is_none() && kind.needs_hub_id() => {
            let message = format!("missing `hub_id` {}: provider `{kind}` needs it", table.label());
            let hint = "write the id under which the model is loaded, such as `owner/name`";
            return Err(table.malformed(table.place(), message, Some(hint.into())));
        }
        (kind, Some(found)) if kind.takes_hub_id() => Some(found.value),
        (kind, Some(found)) => {
            let message = format!("`hub_id` {} is nothing that provider `{kind}` uses", table.label());
            return Err(table.malformed(found.place, message, None));
        }
        (_, None) => repo,
    };
    let links = read_links(provider, table)?;
    let capabilities = table.strings("capabilities")?.unwrap_or_default();
    Ok(Declared {
        name,
        source,
        builtin,
        provider,
        hub_id,
        links,
        fallback: None,
        sha256: sha256.map(|found| found.value).or(builtin.and_then(|builtin| builtin.declared.sha256)),
        plain_http,
        capabilities: capabilities.into_iter().map(|word| word.value.to_owned()).collect(),
        description: table.string("description")?.map(|found| found.value.to_owned()),
        line: 0,
    })
}

fn read_source(
    table: &mut Table<'_>,
    builtin: Option<&Builtin>,
    plain_http: PlainHttp,
    folder: &Path,
    environment: &Environment,
) -> Result<Source> {
    let hub = table.parsed("hub", parse_repo)?;
    let urls = table.strings("urls")?;
    let path = table.string("path")?;
    let revision = table.parsed("revision", parse_revision)?;
    let files = table.strings("files")?;
    let unpack = table.boolean("unpack")?.filter(|unpack| unpack.value);
    if let (Some(unpack), None) = (&unpack, &urls) {
        return Err(table.malformed(unpack.place, only_with(table, "unpack", "urls"), None));
    }
    if let (Some(revision), None) = (&revision, &hub) {
        return Err(table.malformed(revision.place, only_with(table, "revision", "hub"), None));
    }
    if let (Some(place), None, None) = (first_place(files.as_ref()), &hub, &unpack) {
        let message = format!("`files` {} is only for a model with `hub` or `unpack`", table.label());
        return Err(table.malformed(place, message, None));
    }
    match (hub, urls, path, builtin) {
        (None, None, None, Some(builtin)) => Ok(builtin.declared.source.clone()),
        (Some(repo), None, None, None) => {
            let revision = revision.map_or_else(|| "main".into(), |found| found.value);
            let files = files.map(|files| read_patterns(table, files)).transpose()?.unwrap_or_default();
            Ok(Source::Hub { repo: repo.value, revision, files })
        }
        (None, Some(urls), None, None) if unpack.is_some() => {
            let (first, urls) = (urls.first().map(|url| url.place), read_urls(table, urls, plain_http)?);
            if let Err(reason) = Format::of(&first_name(&urls)) {
                let message = format!("`urls` {}: `{}` cannot be unpacked: {reason}", table.label(), first_name(&urls));
                return Err(table.malformed(first.unwrap_or(table.place()), message, None));
            }
            let files = files.map(|files| read_patterns(table, files)).transpose()?.unwrap_or_default();
            Ok(Source::Archive { urls, files })
        }
        (None, Some(urls), None, None) => read_urls(table, urls, plain_http).map(Source::Urls),
        (None, None, Some(Placed { value, place }), None) => match environment.path_from(folder, value) {
            Ok(path) => Ok(Source::Path(path, value.to_owned())),
            Err(reason) => Err(table.malformed(place, format!("`path` {}: {reason}", table.label()), None)),
        },
        (hub, urls, path, builtin) => {
            let given = [
                ("hub", hub.is_some()),
                ("urls", urls.is_some()),
                ("path", path.is_some()),
                ("builtin", builtin.is_some()),
            ];
            let given: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
            let found = if given.is_empty() { "none".into() } else { crate::suggestion::listed(given) };
            let message = format!(
                "exactly one of `hub`, `urls`, `path` and `builtin` is needed {}, found {found}",
                table.label()
            );
            Err(table.malformed(table.place(), message, None))
        }
    }
}

fn first_place(files: Option<&Vec<Placed<&str>>>) -> Option<Place> {
    files?.first().map(|file| file.place)
}

fn only_with(table: &Table<'_>, key: &str, source: &str) -> String {
    format!("`{key}` {} is only for a model with `{source}`", table.label())
}

fn read_patterns(table: &Table<'_>, patterns: Vec<Placed<&str>>) -> Result<Vec<String>> {
    if patterns.is_empty() {
        return Err(table.malformed(table.place(), format!("`files` {} is empty", table.label()), None));
    }
    let checked = patterns.into_iter().map(|Placed { value, place }| match value.parse::<FilePath>() {
        Ok(_) => Ok(value.to_owned()),
        Err(error) => Err(table.malformed(place, format!("`files` {}: {error}", table.label()), None)),
    });
    checked.collect()
}

fn read_urls(table: &Table<'_>, urls: Vec<Placed<&str>>, plain_http: PlainHttp) -> Result<Vec<String>> {
    let refused = |place, url: &str, reason: String| {
        let hint =
            address::is_allowed(url, PlainHttp::Anywhere).is_ok() && address::is_allowed(url, plain_http).is_err();
        let hint = hint.then(|| {
            format!(
                "without https there, `insecure_http = true` {} allows it: the pinned digest still protects the \
                 bytes, but who is on the way reads which file it is, and its size",
                table.label()
            )
        });
        let url = address::shown(url);
        table.malformed(place, format!("`urls` {}: `{url}` cannot be used: {reason}", table.label()), hint)
    };
    let Some(first) = urls.first() else {
        return Err(table.malformed(table.place(), format!("`urls` {} is empty", table.label()), None));
    };
    for url in &urls {
        address::is_allowed(url.value, plain_http).map_err(|reason| refused(url.place, url.value, reason))?;
    }
    address::file_name(first.value).map_err(|reason| refused(first.place, first.value, reason))?;
    Ok(urls.into_iter().map(|url| url.value.to_owned()).collect())
}

/// A repository's id: `owner/name`, or `name` alone for the oldest models.
///
/// `--` is what the Hub's cache writes for `/`, so an id that has it would name another's folder.
pub(crate) fn parse_repo(id: &str) -> Result<String, String> {
    let word = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
            && !part.starts_with(['.', '-'])
            && !part.ends_with(['.', '-'])
    };
    let parts = id.split('/').count();
    if parts > 2 || !id.split('/').all(word) || id.contains("--") || id.contains("..") || id.len() > 96 {
        let id = id.escape_debug();
        return Err(format!("`{id}` is no repository id: expected `owner/name` of letters, digits, `.`, `_`, `-`"));
    }
    Ok(id.to_owned())
}

/// A revision: a branch, a tag or a commit. It becomes the name of a file below `refs`.
fn parse_revision(revision: &str) -> Result<String, String> {
    if revision.contains(char::is_whitespace) {
        return Err(format!("`{}` has white space, which no revision has", revision.escape_debug()));
    }
    match revision.parse::<FilePath>() {
        Ok(_) => Ok(revision.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
