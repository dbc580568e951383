//! The Hub's token: found where `huggingface_hub` finds it, and never printed.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::environment::{
    Environment, HF_HOME, HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_TOKEN, HF_TOKEN_PATH, XDG_CACHE_HOME,
};
use crate::error::{Error, Result};

/// A token for the Hub. `Debug` shows `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    origin: String,
}

impl Token {
    /// The token itself, for the `Authorization` header.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The variable or file that it was found in.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// `HF_TOKEN`, else the file `HF_TOKEN_PATH`, else the file `token` in `HF_HOME`.
    ///
    /// A file that cannot be read counts as none: most models need no token.
    pub(crate) fn find(environment: &Environment) -> Result<Option<Self>> {
        if environment.is_on(HF_HUB_DISABLE_IMPLICIT_TOKEN) {
            return Ok(None);
        }
        if let Some(text) = environment.text(HF_TOKEN).map(str::trim).filter(|text| !text.is_empty()) {
            return Self::checked(text, HF_TOKEN.into()).map(Some);
        }
        let Some(path) = token_path(environment) else { return Ok(None) };
        let Ok(Some(text)) = crate::fs::read_text(&path) else { return Ok(None) };
        match text.trim() {
            "" => Ok(None),
            text => Self::checked(text, path.display().to_string()).map(Some),
        }
    }

    fn checked(text: &str, origin: String) -> Result<Self> {
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self { text: text.to_owned(), origin })
        } else {
            Err(Error::Setting { name: origin, message: "the token has a character that no token has".into() })
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

fn token_path(environment: &Environment) -> Option<PathBuf> {
    let expanded = |name| {
        let raw = environment.get(name)?;
        // As Python's `expandvars`, which leaves what it cannot expand.
        let expanded = raw.to_str().and_then(|text| environment.expand(text).ok());
        Some(expanded.unwrap_or_else(|| Path::new(raw).to_owned()))
    };
    if let Some(path) = expanded(HF_TOKEN_PATH) {
        return Some(path);
    }
    let home = expanded(HF_HOME).or_else(|| {
        let caches = expanded(XDG_CACHE_HOME).or_else(|| environment.home().map(|home| home.join(".cache")))?;
        Some(caches.join("huggingface"))
    })?;
    Some(home.join("token"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests write the files they read")]

    use super::*;

    #[test]
    fn the_variable_wins_over_the_files_and_nothing_prints_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hf_home\n").unwrap();
        std::fs::write(folder.path().join("other"), " hf_path ").unwrap();
        let home = ("HF_HOME", folder.path().to_str().unwrap());
        let other = folder.path().join("other");
        let path = ("HF_TOKEN_PATH", other.to_str().unwrap());
        let found = |pairs: &[(&str, &str)]| {
            let token = Token::find(&pairs.iter().copied().collect()).unwrap();
            token.map(|token| token.expose().to_owned())
        };
        assert_eq!(found(&[home, path, ("HF_TOKEN", "hf_var\n")]).unwrap(), "hf_var");
        assert_eq!(found(&[home, path]).unwrap(), "hf_path");
        assert_eq!(found(&[home]).unwrap(), "hf_home");
        assert_eq!(found(&[home, ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
        assert_eq!(found(&[("HF_TOKEN_PATH", "missing/token")]), None);
        assert_eq!(format!("{:?}", Token { text: "hf_secret".into(), origin: "HF_TOKEN".into() }), "***");
        let error = Token::find(&Environment::from([("HF_TOKEN", "hf_a b")])).unwrap_err().to_string();
        assert_eq!(error, "HF_TOKEN: the token has a character that no token has");
    }
}
