//! Where a model's bytes come from, as its table says it.

use std::path::Path;

use super::{Source, first_name, parse_repo, parse_revision};
use crate::address::{self, PlainHttp};
use crate::builtin::Builtin;
use crate::document::{Place, Placed, Table};
use crate::environment::Environment;
use crate::error::Result;
use crate::model::FilePath;
use crate::unpack::Format;

/// The one source in `table`.
pub(super) fn read_source(
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
            if let (true, Some(misspelt)) =
                (given.iter().all(|(_, given)| !given), table.misspelt(&given.map(|(key, _)| key)))
            {
                return Err(misspelt);
            }
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

/// That `key` means something only beside `source`.
pub(super) fn only_with(table: &Table<'_>, key: &str, source: &str) -> String {
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
