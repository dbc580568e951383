//! Paths in a record. JSON is text and a path is bytes: one that is no text stands there as a list of its bytes.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize)]
#[serde(untagged)]
enum Written<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// Read without a detour over a value that may be either: the record of a thousand files is read on a process's
/// first hit.
struct Read(PathBuf);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either).map(Self)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = PathBuf;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a path as text or as a list of bytes")
    }

    fn visit_str<E>(self, text: &str) -> Result<PathBuf, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<PathBuf, A::Error> {
        let mut path = Vec::new();
        while let Some(byte) = bytes.next_element()? {
            path.push(byte);
        }
        Ok(OsString::from_vec(path).into())
    }
}

impl<'a> From<&'a Path> for Written<'a> {
    fn from(path: &'a Path) -> Self {
        path.to_str().map_or_else(|| Self::Bytes(path.as_os_str().as_bytes()), Self::Text)
    }
}

pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    Written::from(path).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    deserializer.deserialize_any(Either)
}

/// The same for a path that may be absent.
pub(super) mod option {
    use super::{Deserialize as _, Deserializer, PathBuf, Read, Serializer, Written};

    #[expect(clippy::ref_option, reason = "this is how serde calls it")]
    pub(crate) fn serialize<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
        match path {
            Some(path) => serializer.serialize_some(&Written::from(path.as_path())),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
        Option::<Read>::deserialize(deserializer).map(|path| path.map(|Read(path)| path))
    }
}

/// The same for a list of paths.
pub(super) mod list {
    use super::{Deserialize as _, Deserializer, PathBuf, Read, Serializer, Written};

    pub(crate) fn serialize<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|path| Written::from(path.as_path())))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
        Vec::<Read>::deserialize(deserializer).map(|paths| paths.into_iter().map(|Read(path)| path).collect())
    }
}
