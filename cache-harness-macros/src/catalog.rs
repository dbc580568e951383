//! The check of model names against `cache-harness.toml` and `cache-harness.lock`, at compile time.
//!
//! Only what a test can get wrong by itself is checked here: that the name is declared, and pinned from the source that
//! is declared. Everything else in these files is the runtime's to judge, with all its context.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use syn::LitStr;

use crate::builtin;
use crate::document::{self, Declaration, Pinned, Pinning, Unreadable};
use crate::errors::Errors;
use crate::name::FULL;
use crate::options::Options;
use crate::provider;
use crate::suggestion::{near_miss, one_of};

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

/// Reports every name that isn't declared and pinned, and so of the variant that the annotation wants of each, and a
/// provider that nobody knows; gives the files that this depends on.
pub(crate) fn check(
    names: &[LitStr],
    options: &Options,
    surroundings: &Surroundings,
    errors: &mut Errors,
) -> Vec<PathBuf> {
    let Some(first) = names.first() else {
        return Vec::new();
    };
    let (variant, provider) = (options.variant.as_ref(), options.provider.as_ref());
    let Some(catalog) = surroundings.catalog() else {
        for name in names {
            let text = name.value();
            let model = text.strip_suffix(FULL).and_then(|model| model.strip_suffix('@')).unwrap_or(&text);
            if let Err(message) = check_without_catalog(model, &surroundings.manifest_dir) {
                errors.on(name, message);
            }
        }
        if let Some(variant) = variant.filter(|variant| variant.value() != FULL) {
            errors.on(variant, "a built-in model has no variants\nhint: a `cache-harness.toml` can declare them");
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
        let files = Files { catalog: &catalog, declared, pinned };
        for name in names {
            files.check(name, variant, errors);
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

/// What the two files say.
struct Files<'f> {
    catalog: &'f Path,
    declared: BTreeMap<String, Declaration>,
    pinned: BTreeMap<String, Pinned>,
}

impl Files<'_> {
    /// Reports what is wrong with one name, on the name or on the option that wants a variant of it.
    fn check(&self, name: &LitStr, variant: Option<&LitStr>, errors: &mut Errors) {
        let text = name.value();
        if let Some((model, named)) = text.split_once('@') {
            if variant.is_some() {
                errors.on(name, format!("`{text}` names a variant, and so does the option `variant`"));
            }
            let exact = if named == FULL { model } else { &text };
            if let Err(message) = self.check_declared(model).and_then(|()| self.check_one(exact)) {
                errors.on(name, message);
            }
            return;
        }
        if let Err(message) = self.check_declared(&text) {
            errors.on(name, message);
            return;
        }
        let Some(variant) = variant else {
            // The environment may choose any of them.
            let variants = self.variants(&text).map(|variant| format!("{text}@{variant}"));
            for exact in std::iter::once(text.clone()).chain(variants) {
                if let Err(message) = self.check_one(&exact) {
                    errors.on(name, message);
                }
            }
            return;
        };
        let checked = match variant.value().as_str() {
            FULL => self.check_one(&text),
            word => self.check_one(&format!("{text}@{word}")),
        };
        if let Err(message) = checked {
            errors.on(variant, message);
        }
    }

    /// The variants of a model.
    fn variants(&self, model: &str) -> impl Iterator<Item = &str> {
        self.declared.keys().filter_map(move |name| name.strip_prefix(model)?.strip_prefix('@'))
    }

    fn check_declared(&self, name: &str) -> Result<(), String> {
        if self.declared.contains_key(name) {
            return Ok(());
        }
        builtin::check(name).unwrap_or_else(|| {
            let hint = unknown_name_hint(name, &self.declared);
            Err(format!("no model named `{name}` in `{}`\nhint: {hint}", self.catalog.display()))
        })
    }

    /// Whether the model or variant of just this name is there; of a variant the model is.
    fn check_one(&self, name: &str) -> Result<(), String> {
        match (self.declared.get(name), name.split_once('@')) {
            (Some(declaration), Some((model, _))) if declaration.stand_in => {
                let signature = |name: &str| self.pinned.get(name)?.signature.as_ref();
                check_pins(name, self.catalog, declaration, &self.pinned)
                    .and_then(|()| check_stand_in((name, signature(name)), (model, signature(model))))
            }
            (Some(declaration), _) => check_pins(name, self.catalog, declaration, &self.pinned),
            // It was checked with its model: a built-in one.
            (None, None) => Ok(()),
            (None, Some((model, variant))) => Err(self.unknown_variant(model, variant)),
        }
    }

    fn unknown_variant(&self, model: &str, variant: &str) -> String {
        let known: Vec<&str> = self.variants(model).collect();
        let hint = match near_miss(variant, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? Else "),
            None if known.is_empty() => String::new(),
            None => format!("it has {}; else ", one_of(&known, |known| format!("`{known}`"))),
        };
        format!(
            "the model `{model}` has no variant `{variant}` in `{}`\n\
             hint: {hint}run `cache-harness add {model}@{variant} SOURCE`",
            self.catalog.display()
        )
    }
}

/// Whether a declared model or variant is pinned, and from its source.
fn check_pins(
    name: &str,
    catalog: &Path,
    declaration: &Declaration,
    pinned: &BTreeMap<String, Pinned>,
) -> Result<(), String> {
    let unconfirmed = if declaration.builtin.is_some() { " --accept-unconfirmed" } else { "" };
    let declaration = &match &declaration.builtin {
        Some(known) => builtin_declaration(name, known)?,
        None => declaration.clone(),
    };
    match (pinned.get(name).map(|pinned| &pinned.source), &declaration.source) {
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

/// Whether a stand-in is known to declare what its model does; of each name and signature.
fn check_stand_in(
    (name, own): (&str, Option<&String>),
    (model, models): (&str, Option<&String>),
) -> Result<(), String> {
    let reason = match (own, models) {
        (Some(own), Some(models)) if own == models => return Ok(()),
        (Some(_), Some(_)) => format!("has another signature than `{model}`"),
        _ => format!("was not compared with `{model}`"),
    };
    Err(format!("the stand-in `{name}` {reason}\nhint: run `cache-harness lock {model} {name}`"))
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
    let declared: Vec<&String> = declared.keys().filter(|known| !known.contains('@')).collect();
    let known = near_miss(name, declared.iter().map(|known| known.as_str())).map(ToOwned::to_owned);
    if let Some(known) = known.or_else(|| builtin::nearest(name)) {
        return format!("did you mean `{known}`?");
    }
    if declared.is_empty() {
        return format!("it declares none; run `cache-harness add {name} SOURCE`");
    }
    let shown: Vec<_> = declared.iter().take(SHOWN).map(|known| format!("`{known}`")).collect();
    let more = match declared.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("it declares {}{more}; else run `cache-harness add {name} SOURCE`", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use proc_macro2::Span;

    /// What is reported on the name `minilm`.
    fn report(surroundings: &Surroundings) -> String {
        let mut errors = Errors::default();
        check(&[LitStr::new("minilm", Span::call_site())], &Options::default(), surroundings, &mut errors);
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
            check(&[LitStr::new(name, Span::call_site())], &Options::default(), &surroundings, &mut errors);
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
    #[expect(clippy::disallowed_methods, reason = "a test writes the files that it checks")]
    fn a_stand_in_has_to_have_the_signature_of_its_model() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write(
            "cache-harness.toml",
            "[models.minilm]\npath = 'a'\n[models.minilm.variants.mini]\npath = 'b'\nstand_in = true\n",
        );
        let report = |model: &str, mini: &str| {
            let block = |name, source, signature| format!("[models.{name}]\nsource = 'path:{source}'\n{signature}\n");
            write("cache-harness.lock", &(block("minilm", "a", model) + &block("'minilm@mini'", "b", mini)));
            report(&Surroundings { manifest_dir: folder.path().to_owned(), configured: None })
        };
        let (one, other) = ("signature = '0123456789abcdef'", "signature = '0123456789abcde0'");
        assert_eq!(report(one, one), "");
        for (model, mini, expected) in [
            (one, other, "the stand-in `minilm@mini` has another signature than `minilm`"),
            (one, "", "the stand-in `minilm@mini` was not compared with `minilm`"),
            ("", one, "the stand-in `minilm@mini` was not compared with `minilm`"),
            ("", "", "run `cache-harness lock minilm minilm@mini`"),
        ] {
            let report = report(model, mini);
            assert!(report.contains(expected), "{report}");
        }
    }

    #[test]
    fn the_lock_file_is_the_one_beside_the_catalog() {
        let catalog = Path::new("folder/cache-harness.toml");
        assert_eq!(document::lock_file(catalog), Path::new("folder/cache-harness.lock"));
    }
}
