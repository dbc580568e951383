//! Names that are safe to build a path from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a name cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` {reason}")]
pub struct InvalidName {
    name: String,
    reason: &'static str,
}

impl InvalidName {
    fn new(name: &str, reason: &'static str) -> Self {
        Self { name: name.escape_debug().take(120).collect(), reason }
    }
}

/// What stands for a model itself wherever a variant can be named.
pub(crate) const FULL: &str = "full";

/// The name of a model in the catalog: letters, digits, `.`, `_`, `-`, and `/` between such words. That of a variant is
/// the model's, then `@`, then one more such word.
///
/// # Examples
///
/// ```
/// use cache_harness::ModelName;
/// assert!("openai-whisper/tiny.en".parse::<ModelName>().is_ok());
/// assert_eq!("whisper-tiny@q5".parse::<ModelName>()?.variant(), Some("q5"));
/// assert!("../secrets".parse::<ModelName>().is_err());
/// # Ok::<(), cache_harness::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelName(String);

/// The path of a file inside a model: relative, `/`-separated, no `.` or `..`, no `\`, no control characters.
///
/// Every path below a provider's root is made from this type by [`FilePath::below`], so a hostile
/// file name in a lock file cannot leave it (rattler's GHSA-h672-p7h7-97v9).
///
/// # Examples
///
/// ```
/// use cache_harness::FilePath;
/// assert!("onnx/model.onnx".parse::<FilePath>().is_ok());
/// assert!("/etc/passwd".parse::<FilePath>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FilePath(String);

impl FilePath {
    /// This file's place below `folder`.
    #[must_use]
    pub fn below(&self, folder: &Path) -> PathBuf {
        self.0.split('/').fold(folder.to_owned(), |path, part| path.join(part))
    }

    /// The file's own name.
    pub(crate) fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// How many folders lie above the file.
    pub(crate) fn depth(&self) -> usize {
        self.0.matches('/').count()
    }
}

impl ModelName {
    /// The model's folder below `folder`.
    pub(crate) fn below(&self, folder: &Path) -> PathBuf {
        self.0.split('/').fold(folder.to_owned(), |path, part| path.join(part))
    }
}

fn check_parts(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("is empty");
    }
    if name.len() > 1024 {
        return Err("is longer than 1024 bytes");
    }
    for part in name.split('/') {
        match part {
            "" => return Err("starts or ends with `/` or has `//`: a relative path is expected"),
            "." | ".." => return Err("has a `.` or `..` part, which could leave its folder"),
            _ if part.len() > 255 => return Err("has a part longer than 255 bytes"),
            _ => {}
        }
    }
    Ok(())
}

/// Refuses what no variant is called.
pub(crate) fn check_variant(word: &str) -> Result<(), InvalidName> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if word.is_empty() || matches!(word, "." | ".." | FULL) || !word.chars().all(allowed) {
        let reason = "is no word of letters, digits, `.`, `_` and `-`, or is `full`, which means the model itself";
        return Err(InvalidName::new(word, reason));
    }
    Ok(())
}

impl ModelName {
    /// The model's name without the variant.
    #[must_use]
    pub fn model(&self) -> &str {
        self.0.split_once('@').map_or(&self.0, |(model, _)| model)
    }

    /// The variant, if this is the name of one.
    #[must_use]
    pub fn variant(&self) -> Option<&str> {
        self.0.split_once('@').map(|(_, variant)| variant)
    }

    /// Whether this is `model` or a variant of it.
    pub(crate) fn belongs_to(&self, model: &Self) -> bool {
        self == model || (model.variant().is_none() && self.model() == model.as_str())
    }
}

impl FromStr for ModelName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let (model, variant) = name.split_once('@').map_or((name, None), |(model, variant)| (model, Some(variant)));
        check_parts(name).and(check_parts(model)).map_err(|reason| InvalidName::new(name, reason))?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
        if !model.chars().all(allowed) {
            return Err(InvalidName::new(name, "has characters other than letters, digits, `.`, `_`, `-` and `/`"));
        }
        if variant.is_some_and(|variant| check_variant(variant).is_err()) {
            let reason =
                "names no variant behind `@`: it is a word of letters, digits, `.`, `_` and `-`, and not `full`";
            return Err(InvalidName::new(name, reason));
        }
        Ok(Self(name.to_owned()))
    }
}

impl FromStr for FilePath {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        check_parts(name).map_err(|reason| InvalidName::new(name, reason))?;
        if name.chars().any(|c| c.is_control() || c == '\\') {
            return Err(InvalidName::new(name, "has a control character or `\\`"));
        }
        // A drive letter or an alternate stream on Windows.
        if name.contains(':') {
            return Err(InvalidName::new(name, "has a `:`"));
        }
        Ok(Self(name.to_owned()))
    }
}

macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

text_type!(ModelName);
text_type!(FilePath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_one_word_behind_one_at() {
        let name = |text: &str| text.parse::<ModelName>();
        let q5 = name("openai/tiny@q5_1.k").unwrap();
        assert_eq!((q5.model(), q5.variant()), ("openai/tiny", Some("q5_1.k")));
        assert!(q5.belongs_to(&name("openai/tiny").unwrap()) && !name("openai/tiny2").unwrap().belongs_to(&q5));
        for wrong in ["a@", "@q5", "a@b@c", "a@b/c", "a@..", "a@b c", "a@é", "a@full", "..@q5", "a/@q5", "a@\n"] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
        let told = name("a@b c").unwrap_err().to_string();
        assert!(told.starts_with("`a@b c` names no variant behind `@`"), "{told}");
    }
}
