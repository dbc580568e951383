//! What stands beside the catalog: git's rules, nextest's, cargo's.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, TableLike};

use super::examined::Examined;
use super::finding::{Check, Finding, or_ok, quoted};
use super::{git, versions};
use crate::cli::plan;
use crate::environment::Environment;
use crate::fs;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let mut findings: Vec<_> = merge_rule(examined).into_iter().collect();
    findings.extend(unignored(examined));
    findings.extend(nextest(examined));
    findings.extend(versions::check(examined));
    or_ok(findings, Check::Project, "git, nextest and versions: nothing amiss")
}

/// `cache-harness add` writes the rule with the first lock file; whoever made the file by other means lacks it.
fn merge_rule(examined: &Examined) -> Option<Finding> {
    let lock = examined.lock.as_deref().filter(|lock| lock.exists())?;
    let (folder, name) = (lock.parent()?, lock.file_name()?);
    if git::merges_by_union(folder, name)? {
        return None;
    }
    // Outside a work tree git answers all the same.
    fs_ancestor(folder, ".git")?;
    let (name, rules) = (name.display(), folder.join(".gitattributes"));
    let message = format!("git merges `{name}` line by line, so that branches which both add a model conflict");
    let rule = format!("echo '{name} merge=union' >> {}", quoted(&rules.display().to_string()));
    Some(Finding::note(Check::Project, "merge-rule-missing", message).mend(rule))
}

/// The nearest folder, from this one up, that has an entry of this name.
fn fs_ancestor(folder: &Path, name: &str) -> Option<PathBuf> {
    folder.ancestors().find(|folder| folder.join(name).exists()).map(Path::to_owned)
}

/// Models in the project's work tree that git would take for sources.
fn unignored(examined: &Examined) -> Vec<Finding> {
    let (Some(cache), folder) = (&examined.cache, examined.folder()) else { return Vec::new() };
    let Some(tree) = fs_ancestor(&folder, ".git") else { return Vec::new() };
    let roots = cache.config().provider_roots.values().map(|root| root.value.as_path());
    // A store that is there ignores itself.
    let store = Some(cache.inner.store.dir()).filter(|_| !cache.inner.store.is_ours());
    let within = store.into_iter().chain(roots).filter(|path| path.starts_with(&tree));
    let taken = within.filter(|path| git::ignores(&folder, &path.join("x")) == Some(false));
    let finding = |path: &Path| {
        let below = path.strip_prefix(&tree).unwrap_or(path).display();
        let message = format!("git does not ignore `{}`, which is for models", path.display());
        let rules = tree.join(".gitignore");
        let line = format!("echo '/{below}/' >> {}", quoted(&rules.display().to_string()));
        Finding::warning(Check::Project, "not-ignored", message).mend(line)
    };
    taken.map(finding).collect()
}

/// A test that waits for a first download can be ended by nextest, which knows nothing of it.
fn nextest(examined: &Examined) -> Option<Finding> {
    let cache = examined.cache.as_ref().filter(|_| examined.has_pins)?;
    let folder = fs_ancestor(&examined.folder(), ".config/nextest.toml")?;
    let document = toml(&folder.join(".config/nextest.toml"))?;
    let profiles = document.get("profile")?.as_table_like()?;
    let ends = |profile: &dyn TableLike| {
        let overrides = profile.get("overrides").and_then(Item::as_array_of_tables);
        let own = profile.get("slow-timeout").into_iter();
        let slow = own.chain(overrides.into_iter().flatten().filter_map(|table| table.get("slow-timeout")));
        slow.filter_map(Item::as_table_like).any(|timeout| timeout.contains_key("terminate-after"))
    };
    let name = profiles.iter().find(|(_, profile)| profile.as_table_like().is_some_and(ends))?.0.to_owned();
    let cold = plan::outlook(cache).ok()?.cold;
    if cold.is_empty() {
        return None;
    }
    let message = format!("nextest's profile `{name}` ends slow tests, and a first download can be slow");
    Some(Finding::note(Check::Project, "nextest-timeout", message).mend("cache-harness warm"))
}

fn toml(path: &Path) -> Option<DocumentMut> {
    fs::read_text(path).ok()??.parse().ok()
}

/// The `.cargo/config.toml`, here or above, whose `[env]` sets some of these variables, and so that they lead there.
pub(super) fn cargo_sets(
    examined: &Examined,
    variables: &[(&'static str, PathBuf)],
    leads: impl Fn(&Environment) -> bool,
) -> Option<PathBuf> {
    let folder = examined.folder();
    let files = folder.ancestors().map(|folder| folder.join(".cargo").join("config.toml"));
    let sets = |file: &PathBuf| {
        let Some(document) = toml(file) else { return false };
        let says = |name: &str| {
            let item = document.get("env")?.get(name)?;
            let table = item.as_table_like();
            let text = item.as_str().or_else(|| table?.get("value")?.as_str())?;
            let is_relative = table.and_then(|table| table.get("relative")?.as_bool()).unwrap_or(false);
            // Relative is to the folder that `.cargo` is in.
            let base = file.parent().and_then(Path::parent).filter(|_| is_relative);
            Some(base.map_or_else(|| PathBuf::from(text), |base| base.join(text)))
        };
        let set = variables.iter().filter_map(|(name, _)| Some((name, says(name)?)));
        leads(&set.fold(examined.environment.clone(), |child, (name, value)| child.with(name, value)))
    };
    files.into_iter().find(sets)
}

/// The text of the `Cargo.lock` that holds in the catalog's folder.
pub(super) fn cargo_lock(examined: &Examined) -> Option<String> {
    let folder = fs_ancestor(&examined.folder(), "Cargo.lock")?;
    fs::read_text(&folder.join("Cargo.lock")).ok()?
}

/// The version of a package that the project builds.
pub(super) fn locked_version(examined: &Examined, package: &str) -> Option<String> {
    let text = cargo_lock(examined)?;
    let named = format!("\nname = \"{package}\"\nversion = \"");
    let (_, rest) = text.split_once(&named)?;
    rest.split_once('"').map(|(version, _)| version.to_owned())
}
