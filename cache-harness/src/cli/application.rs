//! The project's other caches: what is in them, what of it is too old, and emptying them.
//!
//! What lies in such a folder is the program's that wrote it. A symbolic link there is one of its files: it is counted
//! and removed as a link, and nobody looks where it leads. Nothing here knows of models, and no eviction knows of this.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::origins;
use super::removal::Removed;
use crate::cache::Cache;
use crate::config::ApplicationCache;
use crate::document;
use crate::error::{Error, Result};
use crate::provider::Root;
use crate::suggestion::{listed, nearest};
use crate::units::show_seconds;
use crate::{fs, time};

/// What shows that a folder is somebody's work.
const WORK: [&str; 3] = [".git", "Cargo.toml", "cache-harness.toml"];

/// One of the project's other caches.
#[derive(Clone, Copy)]
pub(super) struct Application<'a> {
    pub(super) name: &'a str,
    pub(super) cache: &'a ApplicationCache,
}

/// What is in a folder. Each inode counts once, with the bytes that the disk gives it.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) bytes: u64,
    /// Files and links.
    pub(super) files: usize,
    /// When the file that was written first, and the one that was written last, were written.
    pub(super) oldest: Option<SystemTime>,
    pub(super) newest: Option<SystemTime>,
}

impl Contents {
    fn of(paths: &[PathBuf]) -> Self {
        let mut contents = Self::default();
        let mut seen = HashSet::new();
        for path in paths {
            let counted = fs::disk_usage(path).filter(|(inode, _)| seen.insert(*inode));
            contents.bytes += counted.map_or(0, |(_, bytes)| bytes);
            if is_folder(path) {
                continue;
            }
            if let Some(written) = fs::modified(path) {
                contents.files += 1;
                contents.oldest = Some(contents.oldest.map_or(written, |oldest| oldest.min(written)));
                contents.newest = Some(contents.newest.map_or(written, |newest| newest.max(written)));
            }
        }
        contents
    }
}

/// The project's other caches, by name.
pub(super) fn all(cache: &Cache) -> Vec<Application<'_>> {
    let named = cache.config().application_caches.iter();
    named.map(|(name, cache)| Application { name, cache }).collect()
}

/// Those of these names; without any, all of them.
pub(super) fn named<'a>(cache: &'a Cache, names: &[String]) -> Result<Vec<Application<'a>>> {
    let all = all(cache);
    if names.is_empty() {
        return Ok(all);
    }
    let find = |name: &String| {
        all.iter().find(|application| application.name == name).copied().ok_or_else(|| {
            let known = || all.iter().map(|application| application.name);
            let help = match nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if all.is_empty() => "the catalog has no [application_caches]".to_owned(),
                None => format!("there are {}", listed(known())),
            };
            let message = format!("`{}` is no application cache: {help}", name.escape_debug());
            Error::Setting { name: "--apps".to_owned(), message }
        })
    };
    names.iter().map(find).collect()
}

impl Application<'_> {
    pub(super) fn path(&self) -> &Path {
        &self.cache.path.value
    }

    pub(super) fn contents(&self) -> Contents {
        Contents::of(&fs::walk(self.path()))
    }

    /// A mistyped path must not cost anybody a home folder, a project or the models.
    pub(super) fn refuse_precious(&self, cache: &Cache) -> Result<()> {
        let (config, resolved) = (cache.config(), resolve(self.path()));
        let refused = |why: String| {
            let name = format!("[application_caches.{}]", document::key_text(self.name));
            let message = format!("`{}` {why}: it is never emptied", resolved.display());
            Err(Error::Setting { name, message })
        };
        if resolved.parent().is_none() {
            return refused("is the whole disk".to_owned());
        }
        let mut precious = vec![
            ("the cache's own folder".to_owned(), config.dir.value.clone()),
            ("the reports".to_owned(), config.state_dir.clone()),
        ];
        precious.extend(cache.inner.environment.home().map(|home| ("a home folder".to_owned(), home)));
        let project = config.project.as_deref().and_then(Path::parent);
        precious.extend(project.map(|project| ("this project".to_owned(), project.to_owned())));
        for provider in origins::used(cache) {
            let root = Root::of(provider, config, &cache.inner.environment)?.path;
            precious.push((format!("the models of `{provider}`"), root));
        }
        for (_, path) in &mut precious {
            *path = resolve(path);
        }
        if let Some((what, _)) = precious.iter().find(|(_, path)| *path == resolved) {
            return refused(format!("is {what}"));
        }
        if let Some((what, path)) = precious.iter().find(|(_, path)| path.starts_with(&resolved)) {
            return refused(format!("holds {what}, `{}`", path.display()));
        }
        // What is there goes by `--models`, which looks at who uses it.
        if resolved.starts_with(resolve(&config.dir.value)) {
            return refused("is in the cache's own folder".to_owned());
        }
        match WORK.iter().find(|name| resolved.join(name).symlink_metadata().is_ok()) {
            Some(name) => refused(format!("holds `{name}`")),
            None => Ok(()),
        }
    }

    /// What emptying it would take.
    pub(super) fn all_of_it(&self) -> Option<Removed> {
        let contents = self.contents();
        let reason = format!("{}, `{}`", files(contents.files), self.path().display());
        (contents.files > 0 || contents.bytes > 0).then(|| self.removed(contents.bytes, reason))
    }

    /// Removes all that is in it, and leaves the folder.
    pub(super) fn empty(&self) -> Result<Option<Removed>> {
        let Some(removed) = self.all_of_it() else { return Ok(None) };
        fs::list(self.path())?.iter().try_for_each(|path| fs::remove(path))?;
        Ok(Some(removed))
    }

    /// What is older than its `max_age`.
    pub(super) fn expired(&self) -> Option<Removed> {
        self.told_expired(&self.expired_files())
    }

    /// Removes what is older than its `max_age`, and folders that this leaves empty.
    pub(super) fn expire(&self) -> Result<Option<Removed>> {
        let old = self.expired_files();
        let removed = self.told_expired(&old);
        for path in old {
            fs::remove_file(&path)?;
            let inside = path.ancestors().skip(1).take_while(|folder| *folder != self.path());
            inside.for_each(fs::remove_empty_folder);
        }
        Ok(removed)
    }

    fn expired_files(&self) -> Vec<PathBuf> {
        let (now, limit) = (time::now(), self.cache.max_age.value);
        if limit == Duration::MAX {
            return Vec::new();
        }
        let mut paths = fs::walk(self.path());
        let is_old = |path: &PathBuf| fs::modified(path).is_some_and(|written| time::age(written, now) > limit);
        paths.retain(|path| !is_folder(path) && is_old(path));
        paths
    }

    fn told_expired(&self, old: &[PathBuf]) -> Option<Removed> {
        let limit = show_seconds(self.cache.max_age.value.as_secs_f64());
        let reason = format!("{} older than max_age ({limit})", files(old.len()));
        (!old.is_empty()).then(|| self.removed(Contents::of(old).bytes, reason))
    }

    fn removed(&self, bytes: u64, reason: String) -> Removed {
        Removed::new(self.name.to_owned(), bytes, reason)
    }
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// Whether it is a folder itself; a link to one is not.
fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

/// The path without links, as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
            return rest.components().fold(real, |path, part| path.join(part));
        }
    }
    path.to_owned()
}
