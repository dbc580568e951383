//! What `cache-harness.toml` declares: the models of a project.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::address::{self, PlainHttp};
use crate::builtin::{self, Builtin, Status};
use crate::config::{Providers, read_links};
use crate::digest::Sha256Digest;
use crate::document::{Place, Placed, Table, key_text};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::fs::LinkMode;
use crate::model::{FULL, FilePath, ModelName};
use crate::provider_kind::ProviderKind;
use crate::suggestion::nearest;

mod sources;
mod variants;

pub(crate) use self::variants::{Choice, On};

use self::sources::{only_with, read_source};

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
    /// When this variant is taken without anybody asking for it.
    pub(crate) on: Option<On>,
    /// Whether this variant is a small stand-in that has the tensor names and inputs of its model.
    pub(crate) stand_in: bool,
    /// The line of the model's header, from 1.
    pub(crate) line: usize,
}

impl Declared {
    /// The header of its table in the catalog, without brackets.
    #[cfg(feature = "cli")]
    pub(crate) fn header(&self) -> String {
        let model = format!("models.{}", key_text(self.name.model()));
        self.name.variant().map_or(model.clone(), |variant| format!("{model}.variants.{}", key_text(variant)))
    }

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
        let (mut fallbacks, mut inherited) = (Vec::new(), Vec::new());
        for (key, mut table) in models.named_tables()? {
            let name = key.value.parse::<ModelName>();
            let name = name.map_err(|error| table.malformed(key.place, format!("the model name {error}"), None))?;
            if let Some(variant) = name.variant() {
                let message = format!("the model name `{name}` has an `@`, which stands before a variant");
                let hint = format!("declare it in [models.{}.variants.{variant}]", key_text(name.model()));
                return Err(table.malformed(key.place, message, Some(hint)));
            }
            let fallback = table.parsed("fallback", str::parse::<ModelName>)?;
            let variants = table.table("variants")?;
            let mut declared = read_model(name.clone(), &mut table, providers, None, &catalog.start, environment)?;
            declared.line = table.line(key.place);
            if let Some(Placed { value, place }) = fallback {
                declared.fallback = Some(value);
                fallbacks.push((name.clone(), place));
            }
            table.finish()?;
            if let Some(table) = variants {
                for variants::Read { declared, fallback } in
                    variants::read(&declared, table, providers, &catalog.start, environment)?
                {
                    match fallback {
                        Some(place) => fallbacks.push((declared.name.clone(), place)),
                        None => inherited.push(declared.name.clone()),
                    }
                    catalog.models.insert(declared.name.clone(), declared);
                }
            }
            catalog.models.insert(name, declared);
        }
        catalog.drop_inherited_circles(&inherited);
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

    /// The model or variant named `name`; one that nobody declares may be a built-in one.
    pub(crate) fn get(&self, name: &str) -> Result<&Declared> {
        let itself = name.strip_suffix(FULL).and_then(|name| name.strip_suffix('@'));
        let name = itself.filter(|model| !model.contains('@')).unwrap_or(name);
        if let Some(found) = name.parse().ok().and_then(|name: ModelName| self.models.get(&name)) {
            return Ok(found);
        }
        if let Some(builtin) = builtin::find(name)? {
            return builtin.undeclared();
        }
        let Some(path) = &self.path else { return Err(Error::NoCatalog { start: self.start.clone() }) };
        let names = self.models.keys().map(ModelName::as_str).chain(builtin::names().map(|name| -> &str { name }));
        let suggestion = nearest(name, names).map(Into::into);
        Err(Error::UnknownModel { name: name.escape_debug().to_string(), catalog: path.clone(), suggestion })
    }
}

/// The model in `table`, without its fallback and line; a variant of `model`, if there is one.
pub(crate) fn read_model(
    name: ModelName,
    table: &mut Table<'_>,
    providers: &Providers,
    model: Option<&Declared>,
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
    let provider = provider.or(model.map(|model| model.provider)).or(builtin.map(|builtin| builtin.declared.provider));
    let hub_id = table.parsed("hub_id", parse_repo)?;
    let repo = if let Source::Hub { repo, .. } = &source { Some(repo.clone()) } else { None };
    let provider = provider.unwrap_or(if repo.is_some() { ProviderKind::Huggingface } else { ProviderKind::Directory });
    // Where the model itself is looked for, there its variants are.
    let inherited = model.and_then(|model| model.hub_id.clone());
    let hub_id = match (provider, hub_id) {
        (kind, None) if repo.is_none() && inherited.is_none() && kind.needs_hub_id() => {
            let message = format!("missing `hub_id` {}: provider `{kind}` needs it", table.label());
            let hint = "write the id under which the model is loaded, such as `owner/name`";
            return Err(table.malformed(table.place(), message, Some(hint.into())));
        }
        (kind, Some(found)) if kind.takes_hub_id() => Some(found.value),
        (kind, Some(found)) => {
            let message = format!("`hub_id` {} is nothing that provider `{kind}` uses", table.label());
            return Err(table.malformed(found.place, message, None));
        }
        (kind, None) if kind.takes_hub_id() => inherited.or(repo),
        (_, None) => repo,
    };
    let links = read_links(provider, table)?.or(model.and_then(|model| model.links));
    let capabilities = table.strings("capabilities")?;
    let capabilities = capabilities.map(|words| words.into_iter().map(|word| word.value.to_owned()).collect());
    let description = table.string("description")?.map(|found| found.value.to_owned());
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
        capabilities: capabilities.or_else(|| Some(model?.capabilities.clone())).unwrap_or_default(),
        description: description.or_else(|| model?.description.clone()),
        on: None,
        stand_in: false,
        line: 0,
    })
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
