//! The lock file: which bytes each model has.
//!
//! It is TOML, `version = 1`, and made for review in a diff: sorted, a line a file. What this crate
//! writes it reads back to the same value, and the same value is always written as the same bytes.
//! A block that was changed by anything but this crate no longer fits its `check`; one that was written by hand
//! has none. A file of a newer version is read as far as it is understood, and never written.

mod render;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::address;
use crate::catalog::{Declared, Source};
use crate::digest::Sha256Digest;
use crate::document::{self, Document, Place, Placed, Table};
use crate::error::{Error, Result};
use crate::model::{FilePath, ModelName};

/// The version that this crate writes.
const VERSION: u64 = 1;

/// The largest size: 2⁵³, up to which every reader of JSON or TOML agrees on integers.
pub(crate) const MOST_BYTES: u64 = 1 << 53;

/// Digits of a signature; it protects from slips, as `check` does.
const SIGNATURE_DIGITS: usize = 16;

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockFile {
    pub(crate) path: PathBuf,
    pub(crate) models: BTreeMap<ModelName, Pins>,
    /// Whether a newer version of this crate wrote it: then it must not be written back, for that
    /// would drop what was not understood.
    pub(crate) newer: bool,
}

/// The bytes of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pins {
    /// [`Source::describe`] when the model was pinned.
    pub(crate) source: String,
    /// 40 hexadecimal digits.
    pub(crate) commit: Option<String>,
    /// What is sent, if the files come out of an archive.
    pub(crate) archive: Option<PinnedFile>,
    /// Whether these are all files of the repository.
    pub(crate) coverage: Coverage,
    /// What the headers of the files declare, in 16 hexadecimal digits: of a stand-in, and of a model that has one.
    pub(crate) signature: Option<String>,
    /// Sorted by path, and not empty.
    pub(crate) files: Vec<PinnedFile>,
}

/// How much of its source a model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// Perhaps not all.
    Unknown,
    /// Every file of the repository at the commit: `complete = true`.
    Complete,
}

/// The bytes of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PinnedFile {
    pub(crate) path: FilePath,
    /// Bytes; unknown only for a `urls` model that the catalog alone pins.
    pub(crate) size: Option<u64>,
    pub(crate) sha256: Sha256Digest,
    /// The name of the file's blob in a Hub layout: 40 or 64 hexadecimal digits.
    pub(crate) etag: Option<String>,
}

impl LockFile {
    /// Where the lock file of `catalog` belongs: `cache-harness.lock` beside `cache-harness.toml`.
    pub(crate) fn beside(catalog: &Path) -> PathBuf {
        catalog.with_extension("lock")
    }

    /// The lock file at `path`; that there is none is not an error, but an empty lock file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        match document::read(path)? {
            Some(text) => Self::parse(path, &text),
            None => Ok(Self::empty(path.to_owned())),
        }
    }

    /// The lock file that would be at `path`.
    pub(crate) fn empty(path: PathBuf) -> Self {
        Self { path, models: BTreeMap::new(), newer: false }
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let document = Document::parse(path, text)?;
        let mut root = document.root();
        let version = root.whole_number("version", 0..=MOST_BYTES)?;
        let version = root.required("version", version)?;
        if version.value < VERSION {
            return Err(root.malformed(version.place, format!("version {} is unknown", version.value), None));
        }
        let unknown_keys = if version.value > VERSION { UnknownKeys::Tolerated } else { UnknownKeys::Refused };
        let mut models = BTreeMap::new();
        if let Some(tables) = root.table("models")? {
            for (key, table) in tables.named_tables()? {
                let name = key.value.parse::<ModelName>();
                let name = name.map_err(|error| table.malformed(key.place, format!("the model name {error}"), None))?;
                let pins = Pins::read(&name, table, unknown_keys)?;
                models.insert(name, pins);
            }
        }
        unknown_keys.finish(root)?;
        Ok(Self { path: path.to_owned(), models, newer: version.value > VERSION })
    }
}

/// What to do with a key that this version does not know.
#[derive(Debug, Clone, Copy)]
enum UnknownKeys {
    Refused,
    Tolerated,
}

impl UnknownKeys {
    fn finish(self, table: Table<'_>) -> Result<()> {
        match self {
            Self::Refused => table.finish(),
            Self::Tolerated => Ok(()),
        }
    }
}

impl PinnedFile {
    /// The file in `table`, and where its path stands.
    fn read(mut table: Table<'_>, unknown_keys: UnknownKeys) -> Result<(Self, Place)> {
        let path = table.parsed("path", str::parse::<FilePath>)?;
        let Placed { value: path, place } = table.required("path", path)?;
        let size = table.whole_number("size", 0..=MOST_BYTES)?.map(|found| found.value);
        let size = Some(table.required("size", size)?);
        let sha256 = table.parsed("sha256", str::parse::<Sha256Digest>)?;
        let sha256 = table.required("sha256", sha256)?.value;
        let etag = table.parsed("etag", |text| parse_hex(text, &[40, 64]))?.map(|found| found.value);
        unknown_keys.finish(table)?;
        Ok((Self { path, size, sha256, etag }, place))
    }
}

impl PinnedFile {
    /// The name of its blob in a Hub layout.
    pub(crate) fn hub_etag(&self) -> String {
        self.etag.clone().unwrap_or_else(|| self.sha256.to_string())
    }
}

impl Pins {
    fn read(name: &ModelName, mut table: Table<'_>, unknown_keys: UnknownKeys) -> Result<Self> {
        let check = table.string("check")?;
        let source = table.string("source")?;
        let source = table.required("source", source)?.value.to_owned();
        let commit = table.parsed("commit", |text| parse_hex(text, &[40]))?.map(|found| found.value);
        if commit.is_none() && source.starts_with("hub:") {
            table.required::<()>("commit", None)?;
        }
        let complete = table.boolean("complete")?.is_some_and(|found| found.value);
        let coverage = if complete { Coverage::Complete } else { Coverage::Unknown };
        let archive = table.table("archive")?.map(|archive| PinnedFile::read(archive, unknown_keys)).transpose()?;
        let archive = archive.map(|(archive, _)| archive);
        if archive.is_none() && source.starts_with("unpack:") {
            table.required::<()>("archive", None)?;
        }
        let signature = table.parsed("signature", |text| parse_hex(text, &[SIGNATURE_DIGITS]))?;
        let signature = signature.map(|found| found.value);
        let tables = table.tables("files")?;
        let tables = table.required("files", tables)?;
        if tables.is_empty() {
            return Err(table.malformed(table.place(), format!("`files` {} is empty", table.label()), None));
        }
        let mut files = Vec::with_capacity(tables.len());
        // By the folded path: where upper and lower case are one, the second file would replace the first.
        let mut taken = BTreeMap::new();
        let mut etags = BTreeMap::new();
        let mut bytes = 0_u64;
        for entry in tables {
            let (file, place) = PinnedFile::read(entry, unknown_keys)?;
            let path = &file.path;
            // Both files of one blob would be handed over with the bytes of the first.
            if let Some(etag) = &file.etag
                && etags.insert(etag.clone(), file.sha256).is_some_and(|other| other != file.sha256)
            {
                let message = format!("`{path}` has the `etag` of a file with another `sha256`");
                return Err(table.malformed(place, message, None));
            }
            bytes = bytes.saturating_add(file.size.unwrap_or(0));
            if bytes > MOST_BYTES {
                let message = format!("`files` {} has more than {MOST_BYTES} bytes", table.label());
                return Err(table.malformed(place, message, None));
            }
            if let Some(other) = taken.insert(path.as_str().to_lowercase(), path.clone()) {
                let message = format!("`{path}` and `{other}` {} are one path on some systems", table.label());
                let message = if *path == other { format!("`{path}` is twice {}", table.label()) } else { message };
                return Err(table.malformed(place, message, None));
            }
            files.push((file, place));
        }
        for (file, place) in &files {
            let folded = file.path.as_str().to_lowercase();
            let mut folders = folded.match_indices('/').map(|(end, _)| &folded[..end]);
            if let Some(other) = folders.find_map(|folder| taken.get(folder)) {
                let message = format!("`{}` needs a folder where `{other}` is a file", file.path);
                return Err(table.malformed(*place, message, None));
            }
        }
        let mut files: Vec<PinnedFile> = files.into_iter().map(|(file, _)| file).collect();
        files.sort_by(|left, right| left.path.cmp(&right.path));
        let pins = Self { source, commit, archive, coverage, signature, files };
        match check {
            // What a newer version counts in, nobody here knows.
            Some(check) if matches!(unknown_keys, UnknownKeys::Refused) && check.value != pins.check(name) => {
                let message = format!("what stands {} is not what its `check` was written for", table.label());
                let hint = "take the block from version control; if the change is meant, delete this line, and \
                            `cache-harness lock` writes it anew";
                Err(table.malformed(check.place, message, Some(hint.into())))
            }
            _ => unknown_keys.finish(table).map(|()| pins),
        }
    }

    /// The bytes of all files, if every size is known.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.size?))
    }

    /// What is fetched: the archive that the files come out of, else the files.
    pub(crate) fn fetched(&self) -> impl Iterator<Item = &PinnedFile> {
        let files = if self.archive.is_some() { &[] } else { self.files.as_slice() };
        self.archive.iter().chain(files)
    }

    /// The bytes of what is fetched, if every size is known.
    pub(crate) fn fetched_bytes(&self) -> Option<u64> {
        self.fetched().try_fold(0_u64, |sum, file| sum.checked_add(file.size?))
    }

    /// The name of these bytes in the store.
    ///
    /// Two models of the same bytes, commit and Hub id are one entry; where the bytes come from, and what
    /// the model is called here, do not count.
    pub(crate) fn entry_id(&self, hub_id: Option<&str>) -> Sha256Digest {
        Sha256Digest::of(self.canonical(hub_id).as_bytes())
    }

    /// What is digested. No value can hold a tab or newline, so no two pins have the same lines.
    fn canonical(&self, hub_id: Option<&str>) -> String {
        let or_none = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let mut lines = format!("hub\t{}\ncommit\t{}\n", or_none(hub_id), or_none(self.commit.as_deref()));
        for PinnedFile { path, size, sha256, etag } in &self.files {
            let size = size.map(|size| size.to_string());
            let (size, etag) = (or_none(size.as_deref()), or_none(etag.as_deref()));
            let _ = writeln!(lines, "file\t{path}\t{size}\t{sha256}\t{etag}");
        }
        lines
    }
}

fn parse_hex(text: &str, lengths: &[usize]) -> Result<String, String> {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if lengths.contains(&text.len()) && text.bytes().all(digit) {
        return Ok(text.to_owned());
    }
    let lengths = lengths.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ");
    let found = text.chars().count();
    Err(format!("expected {lengths} lower-case hexadecimal digits, found `{}` ({found})", text.escape_debug()))
}

/// The pins of a declared model.
///
/// A `urls` model whose digest stands in the catalog is pinned by that alone; every other needs its
/// block in the lock file, made from the source that the catalog still declares. In a Hub layout a
/// model without a commit gets one derived from its pins, so that other bytes are another snapshot.
pub(crate) fn resolve(declared: &Declared, lock: &LockFile) -> Result<Pins> {
    let source = declared.source.describe();
    let locked = lock.models.get(&declared.name);
    let mut pins = match (&declared.source, declared.sha256, locked) {
        (Source::Urls(urls), Some(sha256), _) => {
            let url = urls.first().map_or("", String::as_str);
            let path = address::file_name(url).map_err(|reason| Error::Refused { url: address::shown(url), reason })?;
            let same = locked.filter(|pins| pins.source == source).and_then(|pins| match pins.files.as_slice() {
                [file] if file.sha256 == sha256 && file.path == path => Some(file.clone()),
                _ => None,
            });
            let file = same.unwrap_or(PinnedFile { path, size: None, sha256, etag: None });
            Pins {
                source,
                commit: None,
                archive: None,
                signature: None,
                coverage: Coverage::Unknown,
                files: vec![file],
            }
        }
        (_, _, None) => {
            return Err(Error::Unpinned { name: declared.name.to_string(), lock: lock.path.clone() });
        }
        (_, _, Some(pins)) if pins.source != source => {
            return Err(Error::StalePins {
                name: declared.name.to_string(),
                lock: lock.path.clone(),
                pinned: pins.source.clone(),
                declared: source,
            });
        }
        (Source::Archive { .. }, Some(sent), Some(Pins { archive: Some(archive), .. })) if archive.sha256 != sent => {
            return Err(Error::StalePins {
                name: declared.name.to_string(),
                lock: lock.path.clone(),
                pinned: format!("the archive {}", archive.sha256),
                declared: sent.to_string(),
            });
        }
        (_, _, Some(pins)) => pins.clone(),
    };
    if declared.provider.names_commit() && pins.commit.is_none() {
        let derived = pins.entry_id(declared.hub_id.as_deref()).to_string();
        pins.commit = Some(derived[..40].to_owned());
    }
    Ok(pins)
}

#[cfg(test)]
mod tests;
