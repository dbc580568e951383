//! The types of single settings.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setting<T> {
    /// The value in force.
    pub value: T,
    /// What says so.
    pub origin: Origin,
}

impl<T> Setting<T> {
    pub(crate) fn from_default(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }
}

/// What a setting comes from; shown as `default`, `FILE:LINE`, `VARIABLE` or `--flag`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// Nothing says it.
    #[default]
    Default,
    /// The project's or the user's file.
    File {
        /// The file, absolute.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the process.
    Variable(&'static str),
    /// A flag of the command.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.pad("default"),
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Variable(name) | Self::Flag(name) => formatter.pad(name),
        }
    }
}

macro_rules! word {
    ($type:ident: $($variant:ident = $text:literal),+) => {
        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(match self { $(Self::$variant => $text),+ })
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(format!("expected one of {}, found `{text}`", crate::suggestion::listed([$($text),+]))),
                }
            }
        }
    };
}

/// How a hit is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// `memo`: by the file's fingerprint against the memo of its last hashing.
    #[default]
    Memo,
    /// `always`: by hashing every byte.
    Always,
}
word!(Verify: Memo = "memo", Always = "always");

/// What to do when the cache's folder cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenUnusable {
    /// `bypass`: fetch, verified, straight into the provider's place, and warn once.
    #[default]
    Bypass,
    /// `fail`: stop with an error.
    Fail,
}
word!(WhenUnusable: Bypass = "bypass", Fail = "fail");

/// What may be done with the remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RemoteMode {
    /// `read`: only fetch.
    #[default]
    Read,
    /// `read-write`: also store.
    ReadWrite,
}
word!(RemoteMode: Read = "read", ReadWrite = "read-write");

/// The team's shared cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// An `https`, `http`, `s3` or `file` address.
    pub url: Setting<String>,
    /// What may be done with it. Default [`RemoteMode::Read`].
    pub mode: Setting<RemoteMode>,
}

/// Another cache of the project: reported, cleaned, expired, never evicted for models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationCache {
    /// Its folder, absolute.
    pub path: Setting<PathBuf>,
    /// How long its files stay after they were written; [`Duration::MAX`] is for ever. Default for ever.
    pub max_age: Setting<Duration>,
}
