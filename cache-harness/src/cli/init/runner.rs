//! The files by which test runners set variables, edited so that everything else in them stays.
//!
//! - `.cargo/config.toml`, `[env]`: cargo sets these for `cargo test` and `cargo run`. `relative` makes a path one from
//!   the folder that holds `.cargo`, so the file can be committed; `force` lets it win over what the user has set, as the
//!   catalog's root does.
//! - `.config/nextest.toml`: a setup script, which nextest calls experimental. It runs once before all tests, fetches
//!   what they need, so that no test's timeout has to cover a download, and writes the variables to `$NEXTEST_ENV`.

use std::path::{Path, PathBuf};

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, value};

use super::{Change, read};
use crate::cache::Cache;
use crate::config::Config;
use crate::document::{self, Document, string_text};
use crate::error::{Error, Result};
use crate::provider::Root;

const SCRIPT: &str = "cache-harness";
const COMMANDS: &str = "cache-harness warm --tests; cache-harness env --format nextest >> \"$NEXTEST_ENV\"";
const FEATURE: &str = "setup-scripts";

/// The folder whose configuration cargo and nextest read: that of the workspace, else of the catalog.
pub(super) fn root(base: &Path) -> PathBuf {
    let is_workspace = |folder: &&Path| {
        let manifest = document::read(&folder.join("Cargo.toml"));
        manifest.ok().flatten().is_some_and(|text| text.lines().any(|line| line.trim_start().starts_with("[workspace")))
    };
    base.ancestors().find(is_workspace).unwrap_or(base).to_owned()
}

/// The variables of the providers that have a root of their own; the consumers of the others look in the right place.
pub(super) fn variables(config: &Config, cache: &Cache) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for provider in config.provider_roots.keys() {
        let variables = Root::of(*provider, config, &cache.inner.environment)?.variables;
        found.extend(variables.into_iter().map(|(name, path)| (name.to_owned(), path)));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// What `[env]` lacks.
///
/// # Errors
///
/// A variable that is set to something else is not ours to change.
pub(super) fn cargo(root: &Path, variables: &[(String, PathBuf)]) -> Result<Option<Change>> {
    // The name without an ending is the older one, and wins.
    let old = root.join(".cargo/config");
    let path = if old.is_file() { old } else { root.join(".cargo/config.toml") };
    let (mut document, new) = parse(&path)?;
    let mut added = Vec::new();
    let env = table_at(&mut document, "env", &path)?;
    for (name, found) in variables {
        let (text, relative) = match found.strip_prefix(root) {
            Ok(inside) => (inside.display().to_string(), true),
            Err(_) => (found.display().to_string(), false),
        };
        let mut wanted = InlineTable::new();
        wanted.insert("value", text.as_str().into());
        if relative {
            wanted.insert("relative", true.into());
        }
        wanted.insert("force", true.into());
        let line = format!("{name} = {wanted}");
        match env.get(name) {
            None => {
                env.insert(name, value(wanted));
                added.push(format!("{name} = {}", string_text(&text)));
            }
            Some(there) if says(there, found, root) => {}
            Some(there) => {
                let message = format!(
                    "{name} is `{}` in [env] of `{}`: write `{line}`",
                    there.to_string().trim(),
                    path.display()
                );
                return Err(Error::Setting { name: "--env cargo".to_owned(), message });
            }
        }
    }
    Ok((!added.is_empty()).then(|| Change { path, new, added, text: document.to_string() }))
}

/// Whether an entry of `[env]` sets this path.
fn says(entry: &Item, path: &Path, root: &Path) -> bool {
    let (text, relative) = match entry.as_table_like() {
        Some(table) => {
            let flag = table.get("relative").and_then(Item::as_bool).unwrap_or(false);
            (table.get("value").and_then(Item::as_str), flag)
        }
        None => (entry.as_str(), false),
    };
    text.is_some_and(|text| if relative { root.join(text) == path } else { Path::new(text) == path })
}

/// What the setup script lacks.
pub(super) fn nextest(root: &Path) -> Result<Option<Change>> {
    let path = root.join(".config/nextest.toml");
    let (mut document, new) = parse(&path)?;
    let wrong = |what: &str| Error::Setting {
        name: "--env nextest".to_owned(),
        message: format!("`{what}` in `{}` is not what nextest expects there", path.display()),
    };
    let mut added = Vec::new();
    let missing = || {
        let mut features = value(Array::new());
        // An empty line between it and the tables that follow; those that are new bring their own.
        if let (Some(features), false) = (features.as_value_mut(), new) {
            features.decor_mut().set_suffix("\n");
        }
        features
    };
    match document.entry("experimental").or_insert_with(missing) {
        Item::Value(toml_edit::Value::Array(features)) => {
            if !features.iter().any(|feature| feature.as_str() == Some(FEATURE)) {
                features.push(FEATURE);
                added.push(format!("experimental = {}", features.to_string().trim()));
            }
        }
        Item::Table(features) if features.get(FEATURE).and_then(Item::as_bool) == Some(true) => {}
        Item::Table(features) => {
            features.insert(FEATURE, value(true));
            added.push(format!("experimental.{FEATURE} = true"));
        }
        _ => return Err(wrong("experimental")),
    }
    let setup = table_at(&mut document, "scripts", &path)?;
    let setup = setup.entry("setup").or_insert_with(implicit).as_table_like_mut().ok_or_else(|| wrong("scripts"))?;
    if setup.get(SCRIPT).is_none() {
        let mut script = Table::new();
        script.insert("command", value(["sh", "-c", COMMANDS].into_iter().collect::<Array>()));
        setup.insert(SCRIPT, Item::Table(script));
        added.push(format!("[scripts.setup.{SCRIPT}]"));
    }
    let default = table_at(&mut document, "profile", &path)?;
    let default = default.entry("default").or_insert_with(implicit).as_table_like_mut();
    let rules = default.ok_or_else(|| wrong("profile"))?;
    let rules = rules.entry("scripts").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let rules = rules.as_array_of_tables_mut().ok_or_else(|| wrong("profile.default.scripts"))?;
    if !rules.iter().any(|rule| rule.get("setup").is_some_and(names_the_script)) {
        let mut rule = Table::new();
        rule.insert("filter", value("all()"));
        rule.insert("setup", value(SCRIPT));
        rules.push(rule);
        added.push("[[profile.default.scripts]]".to_owned());
    }
    Ok((!added.is_empty()).then(|| Change { path, new, added, text: document.to_string() }))
}

/// `setup` of a rule is one name or several.
fn names_the_script(setup: &Item) -> bool {
    let among = |names: &Array| names.iter().any(|name| name.as_str() == Some(SCRIPT));
    setup.as_str() == Some(SCRIPT) || setup.as_array().is_some_and(among)
}

fn implicit() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

fn table_at<'d>(document: &'d mut DocumentMut, key: &str, path: &Path) -> Result<&'d mut dyn TableLike> {
    let missing = if key == "env" { Item::Table(Table::new()) } else { implicit() };
    let item = document.entry(key).or_insert(missing);
    item.as_table_like_mut()
        .ok_or_else(|| Error::Setting { name: key.to_owned(), message: format!("is no table in `{}`", path.display()) })
}

fn parse(path: &Path) -> Result<(DocumentMut, bool)> {
    let (text, new) = read(path)?;
    // The reader of catalogs tells line and column of what is wrong.
    Document::parse(path, &text)?;
    let parsed = text.parse().map_err(|error: toml_edit::TomlError| Error::Setting {
        name: path.display().to_string(),
        message: error.message().to_owned(),
    })?;
    Ok((parsed, new))
}
