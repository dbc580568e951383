//! The check of model names against `cache-harness.toml` and `cache-harness.lock`, at compile time.
//!
//! Only what a test can get wrong by itself is checked here: that the name is declared, and pinned from the source that
//! is declared. Everything else in these files is the runtime's to judge, with all its context.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use syn::LitStr;

use crate::builtin;
use crate::document::{self, Declaration, Pinning, Unreadable};
use crate::errors::Errors;
use crate::provider;
use crate::suggestion::near_miss;

/// Where the compiler runs.
pub(crate) struct Surroundings {
    /// The folder of the crate that is compiled.
    pub(crate) manifest_dir: PathBuf,
    /// The catalog that `CACHE_HARNESS_CONFIG` names, if it is set.
    pub(crate) configured: Option<PathBuf>,
}

impl Surroundings {
    #[expect(clippy::disallowed_methods, reason = "a macro has no other way to learn what it is expanded for")]
    pub(crate) fn of_this_crate() -> Self {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let manifest_dir = variable("CARGO_MANIFEST_DIR").unwrap_or_default();
        // Tests run in the folder of their crate, so that is what a relative path is relative to at run time.
        let configured = variable("CACHE_HARNESS_CONFIG").map(|path| manifest_dir.join(path));
        Self { manifest_dir, configured }
    }

    fn catalog(&self) -> Option<PathBuf> {
        let above = || {
            let mut places = self.manifest_dir.ancestors().map(|folder| folder.join("cache-harness.toml"));
            places.find(|place| place.is_file())
        };
        self.configured.clone().or_else(above)
    }
}

/// Reports every name that isn't declared and pinned, and a provider that nobody knows; gives the files that this depends on.
pub(crate) fn check(
    names: &[LitStr],
    provider: Option<&LitStr>,
    surroundings: &Surroundings,
    errors: &mut Errors,
) -> Vec<PathBuf> {
    let Some(first) = names.first() else {
        return Vec::new();
    };
    let Some(catalog) = surroundings.catalog() else {
        for name in names {
            if let Err(message) = check_without_catalog(&name.value(), &surroundings.manifest_dir) {
                errors.on(name, message);
            }
        }
        check_provider(provider, &[], errors);
        return Vec::new();
    };
    let lock_file = document::lock_file(&catalog);
    let declared = document::declarations(&catalog);
    let pinned = document::pins(&lock_file);
    if let Err(Unreadable(message)) = &declared {
        errors.on(first, message);
    }
    if let Ok(described) = document::described_providers(&catalog) {
        check_provider(provider, &described, errors);
    }
    if let Err(Unreadable(message)) = &pinned {
        errors.on(first, message);
    }
    if let (Ok(declared), Ok(pinned)) = (declared, pinned) {
        for name in names {
            if let Err(message) = check_name(&name.value(), &catalog, &declared, &pinned) {
                errors.on(name, message);
            }
        }
    }
    let mut files = vec![catalog, lock_file];
    files.retain(|file| file.is_file());
    files
}

fn check_provider(provider: Option<&LitStr>, described: &[String], errors: &mut Errors) {
    if let Some(provider) = provider
        && let Err(message) = provider::check(provider, described)
    {
        errors.on(provider, message);
    }
}

fn check_name(
    name: &str,
    catalog: &Path,
    declared: &BTreeMap<String, Declaration>,
    pinned: &BTreeMap<String, String>,
) -> Result<(), String> {
    let Some(declaration) = declared.get(name) else {
        if let Some(checked) = builtin::check(name) {
            return checked;
        }
        let hint = unknown_name_hint(name, declared);
        return Err(format!("no model named `{name}` in `{}`\nhint: {hint}", catalog.display()));
    };
    let unconfirmed = if declaration.builtin.is_some() { " --accept-unconfirmed" } else { "" };
    let declaration = &match &declaration.builtin {
        Some(known) => builtin_declaration(name, known)?,
        None => declaration.clone(),
    };
    match (pinned.get(name), &declaration.source) {
        (None, _) if declaration.pinning == Pinning::LockFile => Err(format!(
            "the model `{name}` is declared in `{}`, but not pinned in the lock file beside it\nhint: run `cache-harness lock {name}{unconfirmed}`",
            catalog.display()
        )),
        (Some(pinned), Some(declared)) if pinned != declared && declaration.pinning == Pinning::LockFile => {
            Err(format!(
                "the pins of `{name}` are of `{pinned}`, but the catalog declares `{declared}`\n\
             hint: run `cache-harness lock {name}`"
            ))
        }
        _ => Ok(()),
    }
}

/// What the built-in model that `name` is declared as says of its source.
fn builtin_declaration(name: &str, known: &str) -> Result<Declaration, String> {
    let unreadable = |Unreadable(message)| message;
    builtin::declarations().map_err(unreadable)?.remove(known).ok_or_else(|| {
        let hint = match builtin::nearest(known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "run `cache-harness search` to see them".to_owned(),
        };
        format!("the model `{name}` is declared as the built-in model `{known}`, which does not exist\nhint: {hint}")
    })
}

/// Without a catalog only built-in models have a name.
fn check_without_catalog(name: &str, folder: &Path) -> Result<(), String> {
    builtin::check(name).unwrap_or_else(|| {
        let near = builtin::nearest(name).map(|near| format!("did you mean the built-in model `{near}`? Else "));
        let near = near.unwrap_or_default();
        Err(format!(
            "no `cache-harness.toml` in `{}` or above\nhint: {near}run `cache-harness add {name} SOURCE`",
            folder.display()
        ))
    })
}

fn unknown_name_hint(name: &str, declared: &BTreeMap<String, Declaration>) -> String {
    const SHOWN: usize = 8;
    let known = near_miss(name, declared.keys().map(String::as_str)).map(ToOwned::to_owned);
    if let Some(known) = known.or_else(|| builtin::nearest(name)) {
        return format!("did you mean `{known}`?");
    }
    if declared.is_empty() {
        return format!("it declares none; run `cache-harness add {name} SOURCE`");
    }
    let shown: Vec<_> = declared.keys().take(SHOWN).map(|known| format!("`{known}`")).collect();
    let more = match declared.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("it declares {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::Span;

    /// What is reported on the name `minilm`.
    fn report(surroundings: &Surroundings) -> String {
        let mut errors = Errors::default();
        check(&[LitStr::new("minilm", Span::call_site())], None, surroundings, &mut errors);
        errors.into_compile_errors().map_or_else(String::new, |errors| errors.to_string())
    }

    #[test]
    fn without_a_catalog_the_folder_and_the_command_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let surroundings = Surroundings { manifest_dir: folder.path().join("member"), configured: None };
        let report = report(&surroundings);
        assert!(report.contains("no `cache-harness.toml` in `"), "{report}");
        assert!(report.contains("cache-harness add minilm SOURCE"), "{report}");
    }

    #[test]
    fn without_a_catalog_a_primary_built_in_model_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let surroundings = Surroundings { manifest_dir: folder.path().to_owned(), configured: None };
        let report = |name| {
            let mut errors = Errors::default();
            check(&[LitStr::new(name, Span::call_site())], &surroundings, &mut errors);
            errors.into_compile_errors().map_or_else(String::new, |errors| errors.to_string())
        };
        assert_eq!(report("openai-whisper/tiny"), "");
        assert!(report("openai-whisper/tny").contains("did you mean the built-in model `openai-whisper/tiny`?"));
        assert!(report("whisper.cpp/tiny").contains("--accept-unconfirmed"));
    }

    #[test]
    fn a_configured_catalog_that_is_missing_is_not_replaced_by_another() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("elsewhere.toml");
        let surroundings = Surroundings { manifest_dir: env!("CARGO_MANIFEST_DIR").into(), configured: Some(missing) };
        let report = report(&surroundings);
        assert!(report.contains("could not read `"), "{report}");
        assert!(report.contains("elsewhere.toml"), "{report}");
    }

    #[test]
    fn the_lock_file_is_the_one_beside_the_catalog() {
        let catalog = Path::new("folder/cache-harness.toml");
        assert_eq!(document::lock_file(catalog), Path::new("folder/cache-harness.lock"));
    }
}
