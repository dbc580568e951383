//! The built-in catalogue: well-known models, each with where its digest comes from.
//!
//! It is one data file, `builtin.toml` beside the macro, which checks names against it at compile time; the blocks
//! have the keys of a catalog. A *primary* digest is part of its publisher's own code, so that it pins the model with
//! no lock file. An *unconfirmed* one was found in third parties' files: it pins nothing, until `lock` has compared it
//! with what the Hub lists.

use std::collections::BTreeMap;
use std::path::Path;

use once_cell::sync::OnceCell;

use crate::catalog::{self, Declared};
use crate::config::Providers;
use crate::digest::Sha256Digest;
use crate::document::{Document, Placed, Table};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::model::ModelName;
use crate::pins::{MOST_BYTES, Pins};
use crate::suggestion::nearest;

const TEXT: &str = cache_harness_macros::__builtin_catalog!();

/// A model of the built-in catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Builtin {
    /// What a catalog could say of it.
    pub(crate) declared: Declared,
    pub(crate) status: Status,
    /// Where its digest comes from.
    pub(crate) provenance: String,
    /// Bytes and digest of its one file, if it is not pinned by its digest.
    pub(crate) expected: Option<(u64, Sha256Digest)>,
    /// In how many independent public files the digest was found, if it is unconfirmed.
    pub(crate) seen: Option<u64>,
}

/// How much a digest is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It stands in the publisher's own code.
    Primary,
    /// It stands in files of third parties.
    Unconfirmed,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

impl std::str::FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let status = [Self::Primary, Self::Unconfirmed].into_iter().find(|status| status.as_str() == text);
        status.ok_or_else(|| "expected `primary` or `unconfirmed`".to_owned())
    }
}

/// All of them. They are read once, when the first is asked for.
pub(crate) fn all() -> Result<&'static BTreeMap<ModelName, Builtin>> {
    static ALL: OnceCell<BTreeMap<ModelName, Builtin>> = OnceCell::new();
    ALL.get_or_try_init(|| read(TEXT))
}

/// The model of this name.
pub(crate) fn find(name: &str) -> Result<Option<&'static Builtin>> {
    let all = all()?;
    Ok(name.parse().ok().and_then(|name: ModelName| all.get(&name)))
}

/// The model that a catalog names by `builtin`; or what is wrong with the name.
pub(crate) fn named(name: &str) -> Result<&'static Builtin, String> {
    let shown = name.escape_debug();
    match find(name).map_err(|error| error.to_string())? {
        Some(builtin) => Ok(builtin),
        None => Err(match nearest(name, names()) {
            Some(near) => format!("`{shown}` is no built-in model: did you mean `{near}`?"),
            None => format!("`{shown}` is no built-in model: `cache-harness search` lists them"),
        }),
    }
}

/// The names of all of them, sorted.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    all().into_iter().flatten().map(|(name, _)| name.as_str())
}

impl Builtin {
    pub(crate) fn name(&self) -> &ModelName {
        &self.declared.name
    }

    /// What it is to a project that names it without declaring it.
    ///
    /// # Errors
    ///
    /// [`Error::Unconfirmed`]: that would need a pin in the lock file, and so a name in the catalog.
    pub(crate) fn undeclared(&self) -> Result<&Declared> {
        match self.status {
            Status::Primary => Ok(&self.declared),
            Status::Unconfirmed => Err(Error::Unconfirmed { builtin: self.name().to_string(), model: None }),
        }
    }

    /// Compares what its source says with what it is expected to be.
    ///
    /// # Errors
    ///
    /// [`Error::Refuted`].
    pub(crate) fn confirm(&self, pins: &Pins) -> Result<()> {
        let Some((size, sha256)) = self.expected else { return Ok(()) };
        match pins.files.iter().find(|file| file.sha256 != sha256 || file.size != Some(size)) {
            None => Ok(()),
            Some(file) => Err(Error::Refuted {
                builtin: self.name().to_string(),
                file: file.path.to_string(),
                expected: sha256,
                actual: file.sha256,
            }),
        }
    }
}

fn read(text: &str) -> Result<BTreeMap<ModelName, Builtin>> {
    let document = Document::parse(Path::new("builtin.toml"), text)?;
    let mut root = document.root();
    let mut provenances = BTreeMap::new();
    for (key, mut table) in root.table("provenance")?.map(Table::named_tables).transpose()?.unwrap_or_default() {
        let status = table.parsed("status", str::parse::<Status>)?;
        let status = table.required("status", status)?.value;
        let from = table.string("from")?;
        let from = table.required("from", from)?.value.to_owned();
        table.finish()?;
        provenances.insert(key.value, (status, from));
    }
    let mut models = BTreeMap::new();
    for (key, mut table) in root.table("models")?.map(Table::named_tables).transpose()?.unwrap_or_default() {
        let name = key.value.parse::<ModelName>();
        let name = name.map_err(|error| table.malformed(key.place, format!("the model name {error}"), None))?;
        let known = |text: &str| provenances.get(text).cloned().ok_or("is no table of [provenance]");
        let provenance = table.parsed("provenance", known)?;
        let Placed { value: (status, provenance), .. } = table.required("provenance", provenance)?;
        let size = table.whole_number("expected_size", 0..=MOST_BYTES)?;
        let sha256 = table.parsed("expected_sha256", str::parse::<Sha256Digest>)?;
        let seen = table.whole_number("seen", 1..=MOST_BYTES)?.map(|found| found.value);
        let declared = catalog::read_model(
            name.clone(),
            &mut table,
            &Providers::default(),
            None,
            Path::new("/"),
            &Environment::default(),
        )?;
        table.finish()?;
        let expected = size.zip(sha256).map(|(size, sha256)| (size.value, sha256.value));
        models.insert(name, Builtin { declared, status, provenance, expected, seen });
    }
    root.finish()?;
    Ok(models)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Source;
    use crate::pins::{Coverage, PinnedFile};

    #[test]
    fn every_entry_has_the_form_that_the_file_describes() {
        let all = all().unwrap();
        assert_eq!(all.values().filter(|builtin| builtin.status == Status::Primary).count(), 12);
        for (name, builtin) in all {
            let declared = &builtin.declared;
            assert!(declared.description.as_ref().is_some_and(|text| text.len() > 10), "{name}");
            assert!(name.as_str().split('/').count() == 2 && !builtin.provenance.is_empty(), "{name}");
            match (&declared.source, builtin.status) {
                (Source::Urls(urls), Status::Primary) => {
                    assert!(urls.iter().all(|url| url.starts_with("https://")), "{name}");
                    assert!(declared.sha256.is_some() && builtin.expected.is_none(), "{name}");
                    assert_eq!(builtin.seen, None, "{name}");
                }
                (Source::Hub { revision, files, .. }, Status::Unconfirmed) => {
                    assert!(revision.len() == 40 && files.len() == 1 && !files[0].contains('*'), "{name}");
                    assert!(builtin.expected.is_some() && builtin.seen.is_some(), "{name}");
                }
                _ => panic!("{name}: a primary digest is one of `urls`, an unconfirmed one of a Hub file"),
            }
        }
    }

    /// `whisper.load_model` takes the second-last part of the URL for the digest.
    #[test]
    fn the_digest_of_an_openai_whisper_checkpoint_is_part_of_its_address() {
        let checkpoints = all().unwrap().iter().filter(|(name, _)| name.as_str().starts_with("openai-whisper/"));
        for (name, builtin) in checkpoints {
            let Source::Urls(urls) = &builtin.declared.source else { panic!("{name}") };
            let digest = urls[0].rsplit('/').nth(1).map(ToOwned::to_owned);
            assert_eq!(digest, builtin.declared.sha256.map(|digest| digest.to_string()), "{name}");
            let file = format!("/{}.pt", name.as_str().trim_start_matches("openai-whisper/"));
            assert!(urls[0].ends_with(&file), "{name}");
        }
    }

    #[test]
    fn what_the_source_lists_confirms_or_refutes_an_entry() {
        let builtin = find("whisper.cpp/tiny").unwrap().unwrap();
        let (size, sha256) = builtin.expected.unwrap();
        let pins = |size, sha256| {
            let file = PinnedFile { path: "ggml-tiny.bin".parse().unwrap(), size: Some(size), sha256, etag: None };
            Pins {
                source: String::new(),
                commit: None,
                archive: None,
                signature: None,
                coverage: Coverage::Unknown,
                files: vec![file],
            }
        };
        assert!(builtin.confirm(&pins(size, sha256)).is_ok());
        assert!(builtin.confirm(&pins(size + 1, sha256)).is_err());
        let refuted = builtin.confirm(&pins(size, Sha256Digest::of(b"x"))).unwrap_err().to_string();
        assert!(refuted.starts_with("the built-in model `whisper.cpp/tiny` is refuted: `ggml-tiny.bin`"), "{refuted}");
        assert!(matches!(builtin.undeclared(), Err(Error::Unconfirmed { .. })));
    }
}
