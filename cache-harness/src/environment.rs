//! The process's variables, read once: the one place that asks the system for them.
//!
//! Everything else is handed an [`Environment`], so a test passes its own and no two parts of a run
//! see different values. A variable that is empty counts as unset, as most tools hold it.
#![expect(clippy::disallowed_methods, reason = "this module is where variables are read")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// The cache's folder; overrides `dir`.
pub(crate) const DIR: &str = "CACHE_HARNESS_DIR";
/// Bytes the cache may hold, such as `2GB`; overrides `max_size`.
pub(crate) const MAX_SIZE: &str = "CACHE_HARNESS_MAX_SIZE";
/// How long an unused model stays, such as `7d`; overrides `max_age`.
pub(crate) const MAX_AGE: &str = "CACHE_HARNESS_MAX_AGE";
/// `memo` or `always`; overrides `verify`.
pub(crate) const VERIFY: &str = "CACHE_HARNESS_VERIFY";
/// `1` forbids the network, `0` allows it against every other setting.
pub(crate) const OFFLINE: &str = "CACHE_HARNESS_OFFLINE";
/// The project's file, instead of walking up to a `cache-harness.toml`.
pub(crate) const CONFIG: &str = "CACHE_HARNESS_CONFIG";
/// The team's shared cache; overrides `url` in `[remote]`.
pub(crate) const REMOTE: &str = "CACHE_HARNESS_REMOTE";
/// How long to wait while no byte moves, such as `60s`; overrides `patience`.
pub(crate) const PATIENCE: &str = "CACHE_HARNESS_PATIENCE";
/// Templates of mirrors, with commas between them; overrides `mirrors`.
pub(crate) const MIRRORS: &str = "CACHE_HARNESS_MIRRORS";
/// The most connections to one host; overrides `connections`.
pub(crate) const CONNECTIONS: &str = "CACHE_HARNESS_CONNECTIONS";
/// Variants to take, such as `mini` or `whisper-tiny=mini,other=full`.
pub(crate) const VARIANT: &str = "CACHE_HARNESS_VARIANT";
/// The run that events belong to.
pub(crate) const RUN: &str = "CACHE_HARNESS_RUN";
/// The run, when nextest started the process.
pub(crate) const NEXTEST_RUN_ID: &str = "NEXTEST_RUN_ID";

/// Every variable of ours that people set.
#[cfg(feature = "cli")]
pub(crate) const OURS: [&str; 12] =
    [DIR, MAX_SIZE, MAX_AGE, VERIFY, OFFLINE, CONFIG, REMOTE, PATIENCE, MIRRORS, CONNECTIONS, VARIANT, RUN];

/// The user's home.
pub(crate) const HOME: &str = "HOME";
/// Where the user keeps caches.
pub(crate) const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
/// Where the user keeps configuration.
pub(crate) const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// Where the user keeps what outlives a run and cannot be made again.
pub(crate) const XDG_STATE_HOME: &str = "XDG_STATE_HOME";

/// On: Hub clients make no symbolic links.
pub(crate) const HF_HUB_DISABLE_SYMLINKS: &str = "HF_HUB_DISABLE_SYMLINKS";
/// The Hub's address, without the repository.
pub(crate) const HF_ENDPOINT: &str = "HF_ENDPOINT";
/// The Hub's folder on this machine; holds `hub/` and `token`.
pub(crate) const HF_HOME: &str = "HF_HOME";
/// Forbids the network to Hub clients, and so to us.
pub(crate) const HF_HUB_OFFLINE: &str = "HF_HUB_OFFLINE";
/// The switches that keep consumers off the network.
pub(crate) const OFFLINE_CONSUMERS: [&str; 2] = [HF_HUB_OFFLINE, "TRANSFORMERS_OFFLINE"];
/// A token for gated and private repositories.
pub(crate) const HF_TOKEN: &str = "HF_TOKEN";
/// The file that holds the token when `HF_TOKEN` does not.
pub(crate) const HF_TOKEN_PATH: &str = "HF_TOKEN_PATH";
/// On: no token is sent.
pub(crate) const HF_HUB_DISABLE_IMPLICIT_TOKEN: &str = "HF_HUB_DISABLE_IMPLICIT_TOKEN";
/// Forbids the network to cargo, and so to us.
pub(crate) const CARGO_NET_OFFLINE: &str = "CARGO_NET_OFFLINE";
/// What the terminal can do; `dumb` is nothing.
#[cfg(feature = "cli")]
pub(crate) const TERM: &str = "TERM";
/// Set by continuous integration.
pub(crate) const CI: &str = "CI";

/// A snapshot of the variables of a process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// The variables of this process, now.
    pub(crate) fn current() -> Self {
        std::env::vars_os().collect()
    }

    /// The same with one variable more; the process's own environment is never changed.
    #[cfg(feature = "cli")]
    pub(crate) fn with(&self, name: &str, value: impl Into<OsString>) -> Self {
        let mut changed = self.clone();
        changed.0.insert(name.into(), value.into());
        changed
    }

    /// The same with one variable less.
    #[cfg(feature = "cli")]
    pub(crate) fn without(&self, name: &OsStr) -> Self {
        let mut changed = self.clone();
        changed.0.remove(name);
        changed
    }

    /// The names of all variables, sorted.
    #[cfg(feature = "cli")]
    pub(crate) fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.0.keys().map(OsString::as_os_str)
    }

    /// The names of the variables that are set and not empty, sorted, as far as they are text.
    #[cfg(feature = "cli")]
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, value)| !value.is_empty()).filter_map(|(name, _)| name.to_str())
    }

    /// The value of `name`, unless it is unset or empty.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Like [`get`](Self::get), if the value is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str()
    }

    /// Whether `name` is `1`, `on`, `yes` or `true` in any case, as `huggingface_hub` reads its switches.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| parse_switch(text) == Ok(true))
    }

    /// The user's home, if it is known.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.get(HOME).map(PathBuf::from)
    }

    /// The folder that `variable` names, else `below_home` in the user's home.
    ///
    /// The XDG specification has relative values ignored.
    pub(crate) fn base_directory(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let named = self.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        named.or_else(|| self.home().map(|home| home.join(below_home)))
    }

    /// `text` with a leading `~`, `$VAR` and `${VAR}` replaced; a `$` before anything else stays.
    pub(crate) fn expand(&self, text: &str) -> Result<PathBuf, String> {
        let mut path = OsString::new();
        let mut rest = text;
        if let Some(after) = text.strip_prefix('~') {
            if !(after.is_empty() || after.starts_with('/')) {
                return Err(format!("`{text}`: only `~` alone stands for a home, not `~user`"));
            }
            path.push(self.home().ok_or_else(|| format!("`{text}` starts with `~`, but HOME is not set"))?);
            rest = after;
        }
        while let Some((before, after)) = rest.split_once('$') {
            path.push(before);
            let (name, after) = match after.strip_prefix('{') {
                Some(braced) => braced.split_once('}').ok_or_else(|| format!("`{text}` has `${{` without `}}`"))?,
                None => {
                    after.split_at(after.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(after.len()))
                }
            };
            rest = after;
            if name.is_empty() {
                path.push("$");
            } else {
                path.push(
                    self.get(name).ok_or_else(|| format!("`{text}` needs the variable `{name}`, which is not set"))?,
                );
            }
        }
        path.push(rest);
        Ok(path.into())
    }

    /// Like [`expand`](Self::expand), with a relative path taken from `folder`.
    pub(crate) fn path_from(&self, folder: &Path, text: &str) -> Result<PathBuf, String> {
        if text.is_empty() {
            return Err("is empty: a path is expected".into());
        }
        let path = folder.join(self.expand(text)?);
        let absolute = std::path::absolute(&path);
        absolute
            .map(|path| without_dots(&path))
            .map_err(|error| format!("`{}` has no absolute form: {error}", path.display()))
    }
}

/// Resolves `..` by the path's text, as cargo does, so that one place has one spelling in messages and records.
fn without_dots(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut clean, part| {
        match part {
            Component::ParentDir => drop(clean.pop()),
            part => clean.push(part),
        }
        clean
    })
}

/// What a switch says: `1 on yes true` and `0 off no false` in any case.
pub(crate) fn parse_switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Ok(true),
        "0" | "off" | "no" | "false" => Ok(false),
        _ => Err(format!("`{text}` is no switch; write \"1\" or \"0\"")),
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl<K: Into<OsString>, V: Into<OsString>, const N: usize> From<[(K, V); N]> for Environment {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "cli")]
    #[test]
    fn every_variable_of_ours_is_known_to_be_ours() {
        let declared = include_str!("environment.rs").matches("= \"CACHE_HARNESS_").count();
        assert_eq!(declared, OURS.len() + 1, "this line has the pattern, too");
    }

    #[test]
    fn home_and_variables_expand_and_an_unset_one_is_named() {
        let environment = Environment::from([("HOME", "/home/u"), ("A", "x"), ("EMPTY", "")]);
        let expand = |text| environment.expand(text).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(expand("~").unwrap(), "/home/u");
        assert_eq!(expand("~/$A/${A}b$/$").unwrap(), "/home/u/x/xb$/$");
        assert_eq!(expand("a~b").unwrap(), "a~b");
        assert_eq!(expand("/$EMPTY").unwrap_err(), "`/$EMPTY` needs the variable `EMPTY`, which is not set");
        assert_eq!(expand("~root/x").unwrap_err(), "`~root/x`: only `~` alone stands for a home, not `~user`");
        assert_eq!(expand("${A").unwrap_err(), "`${A` has `${` without `}`");
        assert!(Environment::default().expand("~/x").unwrap_err().contains("HOME is not set"));
    }

    #[test]
    fn empty_counts_as_unset_and_relative_base_directories_are_ignored() {
        let environment =
            Environment::from([("HOME", "/home/u"), ("CI", ""), ("ON", "Yes"), ("XDG_CACHE_HOME", "rel")]);
        assert_eq!(environment.get("CI"), None);
        assert!(environment.is_on("ON") && !environment.is_on("CI"));
        assert_eq!(environment.base_directory(XDG_CACHE_HOME, ".cache"), Some("/home/u/.cache".into()));
    }
}
