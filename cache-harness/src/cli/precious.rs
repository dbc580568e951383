//! What must never be emptied, or have files moved out of it, because somebody slipped in a path.
//!
//! ```text
//! where it is   the system's folders, a home and what every home has, `.git`, the project and all above these
//! what is ours  the store, the reports, the models of providers, the catalog's own `path` sources: is, holds or is in
//! what is in it a `.git`, `Cargo.toml`, `package.json`, ... anywhere below makes it somebody's work
//! ```

use std::path::{Path, PathBuf};

use super::origins;
use crate::cache::Cache;
use crate::catalog::Source;
use crate::environment::{XDG_CACHE_HOME, XDG_CONFIG_HOME, XDG_STATE_HOME};
use crate::error::Result;
use crate::fs;
use crate::provider::Root;

/// Folders of the system, with all that is in them.
const SYSTEM: [&str; 15] = [
    "/bin",
    "/boot",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/proc",
    "/sbin",
    "/sys",
    "/usr/bin",
    "/usr/include",
    "/usr/lib",
    "/usr/sbin",
    "/System",
];

/// Folders of the system that are no cache themselves; nor is a folder right in them.
const SHELVES: [&str; 9] =
    ["/dev", "/home", "/run", "/usr", "/usr/local", "/var", "/var/lib", "/private/var", "/Users"];

/// Folders in which everybody has something.
const SHARED: [&str; 13] = [
    "/root",
    "/opt",
    "/srv",
    "/tmp",
    "/mnt",
    "/media",
    "/Applications",
    "/Library",
    "/Library/Caches",
    "/Volumes",
    "/private",
    "/private/etc",
    "/private/tmp",
];

/// What a home has that many programs, or none but its owner, may touch.
const OF_A_HOME: [&str; 15] = [
    ".cache",
    ".cargo",
    ".config",
    ".local",
    ".local/bin",
    ".local/share",
    ".local/state",
    "Desktop",
    "Documents",
    "Downloads",
    "Library",
    "Library/Caches",
    "Movies",
    "Music",
    "Pictures",
];

/// What a home has that is secret, with all that is in it.
const SECRET: [&str; 2] = [".ssh", ".gnupg"];

/// Why the place of a resolved path is precious, whatever is in it.
pub(super) fn place(cache: &Cache, resolved: &Path) -> Option<String> {
    if resolved.parent().is_none() {
        return Some("is the whole disk".to_owned());
    }
    if resolved.components().any(|part| part.as_os_str() == ".git") {
        return Some("is in a `.git`".to_owned());
    }
    let environment = &cache.inner.environment;
    let home = environment.home();
    let project = cache.config().project.as_deref().and_then(Path::parent);
    let mut whole = Vec::new();
    whole.extend(home.clone().map(|home| ("a home folder", home)));
    whole.extend(project.map(|project| ("this project", project.to_owned())));
    for (variable, below) in
        [(XDG_CACHE_HOME, ".cache"), (XDG_CONFIG_HOME, ".config"), (XDG_STATE_HOME, ".local/state")]
    {
        whole.extend(environment.base_directory(variable, below).map(|path| ("what every home has", path)));
    }
    whole.extend(SHELVES.iter().chain(&SHARED).map(|path| ("a folder of the system", path.into())));
    if let Some(home) = &home {
        whole.extend(OF_A_HOME.iter().map(|name| ("what every home has", home.join(name))));
    }
    for (_, path) in &mut whole {
        *path = resolve(path);
    }
    if let Some((what, _)) = whole.iter().find(|(_, path)| path == resolved) {
        return Some(format!("is {what}"));
    }
    let secret = home.iter().flat_map(|home| SECRET.map(|name| ("what nobody else may touch", home.join(name))));
    let system = SYSTEM.iter().map(|path| ("a folder of the system", PathBuf::from(path)));
    for (what, path) in secret.chain(system) {
        let path = resolve(&path);
        if resolved.starts_with(&path) {
            let is = if resolved == path { "is" } else { "is in" };
            return Some(format!("{is} {what}"));
        }
    }
    if let Some((what, path)) = whole.iter().find(|(_, path)| path.starts_with(resolved)) {
        return Some(format!("holds {what}, `{}`", path.display()));
    }
    let parent = resolved.parent()?;
    if ["/home", "/Users"].iter().any(|homes| parent == Path::new(homes)) {
        return Some("is a home folder".to_owned());
    }
    SHELVES.iter().any(|shelf| parent == Path::new(shelf)).then(|| "is a folder of the system".to_owned())
}

/// Why a resolved path is no other program's cache: it is, holds or is in what this program keeps or is given.
///
/// # Errors
///
/// Where a provider's root is, cannot be told.
pub(super) fn ours(cache: &Cache, resolved: &Path) -> Result<Option<String>> {
    let config = cache.config();
    let mut kept = vec![
        ("the cache's own folder".to_owned(), config.dir.value.clone()),
        ("the reports".to_owned(), config.state_dir.clone()),
    ];
    for declared in cache.inner.catalog.models.values() {
        if let Source::Path(path, _) = &declared.source {
            kept.push((format!("the `path` of the model `{}`", declared.name), path.clone()));
        }
    }
    for provider in origins::used(cache) {
        let root = Root::of(provider, config, &cache.inner.environment)?.path;
        kept.push((format!("the models of `{provider}`"), root));
    }
    for (_, path) in &mut kept {
        *path = resolve(path);
    }
    if let Some((what, _)) = kept.iter().find(|(_, path)| path == resolved) {
        return Ok(Some(format!("is {what}")));
    }
    if let Some((what, path)) = kept.iter().find(|(_, path)| path.starts_with(resolved)) {
        return Ok(Some(format!("holds {what}, `{}`", path.display())));
    }
    // A root may be the project itself.
    let project = config.project.as_deref().and_then(Path::parent).map(resolve);
    let holds_project = |path: &Path| project.as_deref().is_some_and(|project| project.starts_with(path));
    let holder = kept.iter().find(|(_, path)| resolved.starts_with(path) && !holds_project(path));
    Ok(holder.map(|(what, path)| format!("is in {what}, `{}`", path.display())))
}

/// Why what is in a folder is somebody's work: the first of `paths`, which are in it, that says so.
pub(super) fn work<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Option<String> {
    let is_mark = |path: &&PathBuf| path.file_name().is_some_and(|name| fs::WORK.iter().any(|mark| name == *mark));
    paths.into_iter().find(is_mark).map(|mark| format!("holds somebody's work, `{}`", mark.display()))
}

/// The path without links, as far as it exists.
pub(super) fn resolve(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
            return rest.components().fold(real, |path, part| path.join(part));
        }
    }
    path.to_owned()
}
