//! A TOML document in which every value knows its place.
//!
//! A reader asks a [`Table`] for the keys it knows and then calls [`finish`](Table::finish), which
//! refuses what nobody asked for: the list of valid keys is the code that reads them, and cannot
//! fall behind it. Places are byte offsets until somebody needs a line, so that a lock file of a
//! thousand files is not scanned a thousand times.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::RangeInclusive;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};
use crate::fs;
use crate::suggestion::{listed, nearest};

/// A text that is valid TOML, and the file it came from.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    path: &'t Path,
    text: &'t str,
    root: DeTable<'t>,
    /// Where each line ends, found when the first line is asked for: each model of a catalog asks.
    line_ends: OnceCell<Vec<usize>>,
}

/// A table of a [`Document`], and which of its keys were asked for.
#[derive(Debug)]
pub(crate) struct Table<'d> {
    document: &'d Document<'d>,
    /// As its header names it; empty for the whole document.
    name: String,
    place: Place,
    entries: &'d DeTable<'d>,
    asked: Vec<&'static str>,
}

/// Where something stands in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(usize);

/// A value and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// The text of the file at `path`; `None` if there is no file.
pub(crate) fn read(path: &Path) -> Result<Option<String>> {
    let malformed = |(line, column), message: String, hint: Option<&str>| Error::Malformed {
        path: path.to_owned(),
        line,
        column,
        message,
        hint: hint.map(Into::into),
    };
    let bytes = match fs::open_through(path).and_then(regular) {
        Ok(bytes) if bytes.len() as u64 > fs::LONGEST_TEXT => {
            return Err(malformed((1, 1), format!("it has more than {} bytes", fs::LONGEST_TEXT), None));
        }
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            return Err(malformed((1, 1), "a pipe or device stands where a file is expected".into(), None));
        }
        // The second is what `HOME=/dev/null` gives, with which some sandboxes say "no home".
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            return Err(malformed((1, 1), "a folder stands where a file is expected".into(), None));
        }
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let save = Some("save the file as UTF-8");
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(malformed((1, 1), "the file is UTF-16, but TOML is UTF-8".into(), save));
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let (valid, rest) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let wrong = rest.first().copied().unwrap_or_default();
        let text = String::from_utf8_lossy(valid);
        malformed(position(&text, text.len()), format!("byte {wrong:#04x} is not UTF-8"), save)
    })
}

/// The bytes of a file; one more than the longest text has, at most. What a pipe or device gives is no document: one
/// that is empty now would be taken for an empty file, and replaced, and some devices never end.
fn regular(file: File) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(if metadata.is_dir() { io::ErrorKind::IsADirectory } else { io::ErrorKind::InvalidInput }.into());
    }
    let mut bytes = Vec::new();
    file.take(fs::LONGEST_TEXT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Line and column, in characters from 1, of a byte offset. A byte order mark takes no column.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[start..].trim_start_matches('\u{feff}').chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// `key` as it may stand in a TOML header: bare if it can be, else quoted.
pub(crate) fn key_text(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { string_text(key) }
}

/// `text` as a TOML string on one line.
pub(crate) fn string_text(text: &str) -> String {
    use std::fmt::Write as _;
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

impl<'t> Document<'t> {
    /// The document that `text` is; a byte order mark before it is ignored, as TOML 1.1 says.
    pub(crate) fn parse(path: &'t Path, text: &'t str) -> Result<Self> {
        match DeTable::parse(text) {
            Ok(root) => Ok(Self { path, text, root: root.into_inner(), line_ends: OnceCell::new() }),
            Err(error) => {
                let (line, column) = position(text, error.span().map_or(text.len(), |span| span.start));
                let message = error.message().to_owned();
                Err(Error::Malformed { path: path.to_owned(), line, column, message, hint: None })
            }
        }
    }

    /// The table that is the whole document.
    pub(crate) fn root(&self) -> Table<'_> {
        Table { document: self, name: String::new(), place: Place(0), entries: &self.root, asked: Vec::new() }
    }
}

impl<'d> Table<'d> {
    /// The file this table stands in.
    pub(crate) fn path(&self) -> &'d Path {
        self.document.path
    }

    /// Where the table starts.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// The line of `place`, from 1.
    pub(crate) fn line(&self, place: Place) -> usize {
        let find = || self.document.text.match_indices('\n').map(|(end, _)| end).collect();
        self.document.line_ends.get_or_init(find).partition_point(|end| *end < place.0) + 1
    }

    /// Line and column of `place`, from 1.
    pub(crate) fn position(&self, place: Place) -> (usize, usize) {
        position(self.document.text, place.0)
    }

    /// Whether the table has this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The error that says `message` of `place`.
    pub(crate) fn malformed(&self, place: Place, message: impl Into<String>, hint: Option<String>) -> Error {
        let (line, column) = self.position(place);
        Error::Malformed { path: self.path().to_owned(), line, column, message: message.into(), hint }
    }

    /// `in [cache]`, or `at the top level`.
    pub(crate) fn label(&self) -> String {
        if self.name.is_empty() { "at the top level".into() } else { format!("in [{}]", self.name) }
    }

    fn typed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&'d DeValue<'d>) -> Option<T>,
    ) -> Result<Option<Placed<T>>> {
        self.asked.push(key);
        let Some(found) = self.entries.get(key) else { return Ok(None) };
        let place = Place(found.span().start);
        match read(found.get_ref()) {
            Some(value) => Ok(Some(Placed { value, place })),
            None => Err(self.wrong_type(place, key, expected, found.get_ref())),
        }
    }

    fn wrong_type(&self, place: Place, key: &str, expected: &str, found: &DeValue<'_>) -> Error {
        let message = format!("`{key}` {} must be {expected}, found {}", self.label(), kind(found));
        self.malformed(place, message, None)
    }

    /// The string at `key`.
    pub(crate) fn string(&mut self, key: &'static str) -> Result<Option<Placed<&'d str>>> {
        self.typed(key, "a string", DeValue::as_str)
    }

    /// The boolean at `key`.
    pub(crate) fn boolean(&mut self, key: &'static str) -> Result<Option<Placed<bool>>> {
        self.typed(key, "a boolean", DeValue::as_bool)
    }

    /// What `parse` makes of the string at `key`.
    pub(crate) fn parsed<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&'d str) -> Result<T, E>,
    ) -> Result<Option<Placed<T>>> {
        let Some(Placed { value, place }) = self.string(key)? else { return Ok(None) };
        match parse(value) {
            Ok(value) => Ok(Some(Placed { value, place })),
            Err(error) => Err(self.malformed(place, format!("`{key}` {}: {error}", self.label()), None)),
        }
    }

    /// The integer at `key`, if it is in `range`.
    pub(crate) fn whole_number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Placed<u64>>> {
        let found = self.typed(key, "an integer", |value| value.as_integer())?;
        let Some(Placed { value: integer, place }) = found else { return Ok(None) };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(value) if range.contains(&value) => Ok(Some(Placed { value, place })),
            _ => {
                let (least, most) = range.into_inner();
                let message = format!("`{key}` {} must be from {least} to {most}, found {integer}", self.label());
                Err(self.malformed(place, message, None))
            }
        }
    }

    /// The strings at `key`.
    pub(crate) fn strings(&mut self, key: &'static str) -> Result<Option<Vec<Placed<&'d str>>>> {
        let Some(items) = self.array(key, "an array of strings")? else { return Ok(None) };
        let placed = items.iter().map(|item| {
            let place = Place(item.span().start);
            let text = item.get_ref().as_str();
            text.map(|value| Placed { value, place })
                .ok_or_else(|| self.wrong_type(place, key, "an array of strings", item.get_ref()))
        });
        placed.collect::<Result<_>>().map(Some)
    }

    /// What `parse` makes of each string at `key`, and where the first one stands.
    pub(crate) fn parsed_list<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&'d str) -> Result<T, E>,
    ) -> Result<Option<Placed<Vec<T>>>> {
        let Some(items) = self.strings(key)? else { return Ok(None) };
        let place = items.first().map_or(self.place, |first| first.place);
        let parsed = items.into_iter().map(|Placed { value, place }| {
            parse(value).map_err(|error| self.malformed(place, format!("`{key}` {}: {error}", self.label()), None))
        });
        Ok(Some(Placed { value: parsed.collect::<Result<_>>()?, place }))
    }

    fn array(&mut self, key: &'static str, expected: &str) -> Result<Option<&'d [Spanned<DeValue<'d>>]>> {
        let found = self.typed(key, expected, |value| match value {
            DeValue::Array(items) => Some(&**items),
            _ => None,
        })?;
        Ok(found.map(|placed| placed.value))
    }

    fn below(&self, key: &str, place: Place, entries: &'d DeTable<'d>) -> Self {
        let key = key_text(key);
        let name = if self.name.is_empty() { key } else { format!("{}.{key}", self.name) };
        Table { document: self.document, name, place, entries, asked: Vec::new() }
    }

    /// The table at `key`.
    pub(crate) fn table(&mut self, key: &'static str) -> Result<Option<Self>> {
        let found = self.typed(key, "a table", |value| value.as_table())?;
        Ok(found.map(|Placed { value, place }| self.below(key, place, value)))
    }

    /// The tables in the array at `key`.
    pub(crate) fn tables(&mut self, key: &'static str) -> Result<Option<Vec<Self>>> {
        let Some(items) = self.array(key, "an array of tables")? else { return Ok(None) };
        let tables = items.iter().map(|item| {
            let place = Place(item.span().start);
            let entries = item.get_ref().as_table();
            entries
                .map(|entries| self.below(key, place, entries))
                .ok_or_else(|| self.wrong_type(place, key, "an array of tables", item.get_ref()))
        });
        tables.collect::<Result<_>>().map(Some)
    }

    /// Every entry of a table whose keys are names: the name and the table under it.
    pub(crate) fn named_tables(self) -> Result<Vec<(Placed<&'d str>, Self)>> {
        let tables = self.entries.iter().map(|(key, item)| {
            let place = Place(key.span().start);
            let entries = item.get_ref().as_table();
            let entries = entries.ok_or_else(|| self.wrong_type(place, key.get_ref(), "a table", item.get_ref()))?;
            Ok((Placed { value: &**key.get_ref(), place }, self.below(key.get_ref(), place, entries)))
        });
        tables.collect()
    }

    /// Every entry of a table whose keys are names: the name and the string under it.
    pub(crate) fn named_strings(self) -> Result<Vec<(Placed<&'d str>, Placed<&'d str>)>> {
        let strings = self.entries.iter().map(|(key, item)| {
            let (name, place) = (&**key.get_ref(), Place(item.span().start));
            let value = item.get_ref().as_str();
            let value = value.ok_or_else(|| self.wrong_type(place, name, "a string", item.get_ref()))?;
            Ok((Placed { value: name, place: Place(key.span().start) }, Placed { value, place }))
        });
        strings.collect()
    }

    /// `found`, or the error that `key` is missing; a misspelt key is told as what it is.
    pub(crate) fn required<T>(&self, key: &str, found: Option<T>) -> Result<T> {
        found.ok_or_else(|| {
            let mut unknown = self.not_asked();
            match unknown.find(|given| nearest(given.get_ref(), [key]).is_some()) {
                Some(misspelt) => self.unknown(misspelt, format!("did you mean `{key}`?")),
                None => self.malformed(self.place, format!("missing `{key}` {}", self.label()), None),
            }
        })
    }

    /// The error that a key which nobody asked for is one of `keys` misspelt, if there is one.
    pub(crate) fn misspelt(&self, keys: &[&str]) -> Option<Error> {
        self.not_asked().find_map(|given| {
            let near = nearest(given.get_ref(), keys.iter().copied())?;
            Some(self.unknown(given, format!("did you mean `{near}`?")))
        })
    }

    /// Refuses the first key that was not asked for.
    pub(crate) fn finish(self) -> Result<()> {
        let Some(key) = self.not_asked().min_by_key(|key| key.span().start) else { return Ok(()) };
        let hint = match nearest(key.get_ref(), self.asked.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the keys here are {}", listed(self.asked.iter().copied())),
        };
        Err(self.unknown(key, hint))
    }

    fn not_asked(&self) -> impl Iterator<Item = &'d Spanned<Cow<'d, str>>> {
        self.entries.keys().filter(|key| !self.asked.contains(&key.get_ref().as_ref()))
    }

    fn unknown(&self, key: &Spanned<Cow<'_, str>>, hint: String) -> Error {
        let message = format!("unknown key `{}` {}", key.get_ref().escape_debug(), self.label());
        self.malformed(Place(key.span().start), message, Some(hint))
    }
}

#[cfg(test)]
mod tests;
