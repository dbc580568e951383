//! The project's other caches: what is in them, what of it is too old, and emptying them.
//!
//! What lies in such a folder is the program's that wrote it. A symbolic link there is one of its files: it is counted
//! and removed as a link, and nobody looks where it leads. Nothing here knows of models, and no eviction knows of this.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::precious::{self, resolve};
use super::removal::{Removal, Removed};
use super::{Context, Verdict};
use crate::cache::Cache;
use crate::config::ApplicationCache;
use crate::document;
use crate::error::{Error, Result};
use crate::fs::Walk;
use crate::suggestion::{listed, nearest};
use crate::units::show_seconds;
use crate::{fs, time};

/// How many failures of one cache are told.
const NAMED: usize = 3;

/// How much of a cache goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    All,
    Expired,
}

/// What came of removing from a cache.
#[derive(Debug, Default)]
struct Gone {
    removed: Option<Removed>,
    /// Folders on other disks, which stay.
    elsewhere: Vec<PathBuf>,
    failures: Vec<Error>,
}

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

/// Removes from each of these caches, whatever becomes of the others; what went is added to `done`.
pub(super) fn remove(
    context: &Context,
    applications: &[Application<'_>],
    extent: Extent,
    done: &mut Removal,
) -> Verdict {
    let mut verdict = Verdict::Holds;
    for application in applications {
        let gone = match extent {
            Extent::All => application.empty(),
            Extent::Expired => application.expire(),
        };
        for folder in &gone.elsewhere {
            context.say(&format!("warning: `{}` is on another disk and stays", folder.display()));
        }
        for error in gone.failures.iter().take(NAMED) {
            verdict = Verdict::Fails;
            context.error(error);
        }
        if let Some(more) = gone.failures.len().checked_sub(NAMED).filter(|more| *more > 0) {
            context.failure(&format!("{more} more in `{}` could not be removed", application.path().display()), None);
        }
        if let Some(removed) = gone.removed {
            done.freed_bytes += removed.bytes;
            done.removed.push(removed);
        }
    }
    verdict
}

impl Gone {
    /// Removes what is in a folder, around what is mounted there.
    fn clear(&mut self, folder: &Path) {
        let paths = fs::list(folder).unwrap_or_else(|error| {
            self.failures.push(error);
            Vec::new()
        });
        for path in paths {
            if self.elsewhere.contains(&path) {
                continue;
            }
            if self.elsewhere.iter().any(|mounted| mounted.starts_with(&path)) {
                self.clear(&path);
            } else if let Err(error) = fs::remove(&path) {
                self.failures.push(error);
            }
        }
    }
}

impl Application<'_> {
    pub(super) fn path(&self) -> &Path {
        &self.cache.path.value
    }

    pub(super) fn contents(&self) -> Contents {
        Contents::of(&Walk::through(self.path()).paths)
    }

    /// A mistyped path must not cost anybody a home folder, a project or the models.
    pub(super) fn refuse_precious(&self, cache: &Cache) -> Result<()> {
        let resolved = resolve(self.path());
        let why = match precious::place(cache, &resolved) {
            Some(why) => Some(why),
            None => precious::ours(cache, &resolved)?.or_else(|| precious::work(&Walk::through(self.path()).paths)),
        };
        let Some(why) = why else { return Ok(()) };
        let name = format!("[application_caches.{}]", document::key_text(self.name));
        let message = format!("`{}` {why}: it is never emptied", resolved.display());
        Err(Error::Setting { name, message })
    }

    /// What emptying it would take.
    pub(super) fn all_of_it(&self) -> Option<Removed> {
        let contents = self.contents();
        let reason = format!("{}, `{}`", files(contents.files), self.path().display());
        (contents.files > 0 || contents.bytes > 0).then(|| self.removed(contents.bytes, reason))
    }

    /// Removes all that is in it, and leaves the folder.
    fn empty(&self) -> Gone {
        let walk = Walk::through(self.path());
        let before = Contents::of(&walk.paths);
        let mut gone = Gone { elsewhere: walk.elsewhere, ..Gone::default() };
        gone.clear(self.path());
        let after = self.contents();
        let count = before.files.saturating_sub(after.files);
        if count > 0 || after.bytes < before.bytes {
            let reason = format!("{}, `{}`", files(count), self.path().display());
            gone.removed = Some(self.removed(before.bytes.saturating_sub(after.bytes), reason));
        }
        gone
    }

    /// What is older than its `max_age`.
    pub(super) fn expired(&self) -> Option<Removed> {
        let old = self.expired_files().paths;
        self.told_expired(&old, Contents::of(&old).bytes)
    }

    /// Removes what is older than its `max_age`, and folders that this leaves empty.
    fn expire(&self) -> Gone {
        let Walk { paths: mut old, elsewhere } = self.expired_files();
        let bytes = Contents::of(&old).bytes;
        let (mut gone, mut left) = (Gone { elsewhere, ..Gone::default() }, Vec::new());
        old.retain(|path| match fs::remove_file(path) {
            Ok(()) => {
                let inside = path.ancestors().skip(1).take_while(|folder| *folder != self.path());
                inside.for_each(fs::remove_empty_folder);
                true
            }
            Err(error) => {
                gone.failures.push(error);
                left.push(path.clone());
                false
            }
        });
        gone.removed = self.told_expired(&old, bytes.saturating_sub(Contents::of(&left).bytes));
        gone
    }

    fn expired_files(&self) -> Walk {
        let (now, limit) = (time::now(), self.cache.max_age.value);
        if limit == Duration::MAX {
            return Walk::default();
        }
        let mut walk = Walk::through(self.path());
        let is_old = |path: &PathBuf| fs::modified(path).is_some_and(|written| time::age(written, now) > limit);
        walk.paths.retain(|path| !is_folder(path) && is_old(path));
        walk
    }

    fn told_expired(&self, old: &[PathBuf], bytes: u64) -> Option<Removed> {
        let limit = show_seconds(self.cache.max_age.value.as_secs_f64());
        let reason = format!("{} older than max_age ({limit})", files(old.len()));
        (!old.is_empty()).then(|| self.removed(bytes, reason))
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
