//! The built-in catalogue, as far as the compiler needs it: which names exist, and what pins them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::document::{self, Declaration, Pinning, Unreadable};
use crate::suggestion::near_miss;

/// The one data file. The runtime crate gets it from here, so that both always read the same.
pub(crate) const TEXT: &str = include_str!("builtin.toml");

/// The models that need no catalog, and those that one may name.
pub(crate) fn declarations() -> Result<BTreeMap<String, Declaration>, Unreadable> {
    document::declarations_in(Path::new("builtin.toml"), TEXT)
}

/// Why a test cannot name `name` directly; `None` if there is no such built-in model.
pub(crate) fn check(name: &str) -> Option<Result<(), String>> {
    let declarations = declarations().ok()?;
    Some(match declarations.get(name)?.pinning {
        Pinning::Catalog => Ok(()),
        Pinning::LockFile => Err(format!(
            "the digest of the built-in model `{name}` is unconfirmed\n\
             hint: run `cache-harness add NAME builtin:{name} --accept-unconfirmed`, which compares it with its source, \
             and write that NAME here"
        )),
    })
}

/// The built-in model that `name` most likely stands for.
pub(crate) fn nearest(name: &str) -> Option<String> {
    let declarations = declarations().ok()?;
    near_miss(name, declarations.keys().map(String::as_str)).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_primary_model_can_be_named_and_an_unconfirmed_one_says_what_to_run() {
        assert_eq!(check("openai-whisper/tiny"), Some(Ok(())));
        let unconfirmed = check("whisper.cpp/tiny").unwrap().unwrap_err();
        assert!(unconfirmed.contains("add NAME builtin:whisper.cpp/tiny --accept-unconfirmed"), "{unconfirmed}");
        assert_eq!(check("openai-whisper/tny"), None);
        assert_eq!(nearest("openai-whisper/tny").as_deref(), Some("openai-whisper/tiny"));
    }
}
