//! Whether the folders can be used: who may write to them, whether locks work there, and how much room there is.

use std::io::ErrorKind;
use std::path::Path;

use super::examined::Examined;
use super::finding::{Check, Finding, Level, or_ok, quoted};
use super::roots::ProviderRoot;
use crate::cache::Cache;
use crate::cli::plan;
use crate::error::Error;
use crate::units::ByteSize;
use crate::{fs, lock};

pub(super) fn check(examined: &Examined, roots: &[ProviderRoot]) -> Vec<Finding> {
    let Some(cache) = &examined.cache else { return Vec::new() };
    let mut findings = store(cache, examined);
    findings.extend(state(cache));
    for root in roots.iter().filter(|root| root.used || root.configured) {
        // Below the cache's folder, what is said of that holds.
        if !root.path.starts_with(cache.inner.store.dir()) {
            findings.extend(provider_root(root));
        }
    }
    findings.extend(room(cache, examined));
    findings
}

/// What a folder is called in messages.
struct Subject<'a> {
    what: &'a str,
    path: &'a Path,
}

impl Subject<'_> {
    fn warning(&self, id: &'static str, says: &str) -> Finding {
        Finding::warning(Check::Storage, id, format!("{} `{}` {says}", self.what, self.path.display()))
    }

    fn error(&self, id: &'static str, says: &str) -> Finding {
        Finding::error(Check::Storage, id, format!("{} `{}` {says}", self.what, self.path.display()))
    }
}

fn store(cache: &Cache, examined: &Examined) -> Vec<Finding> {
    let dir = cache.inner.store.dir();
    let subject = Subject { what: "the cache folder", path: dir };
    let elsewhere = "export CACHE_HARNESS_DIR=FOLDER, a writable one on a local disk";
    if let Err(error) = cache.inner.store.inspect() {
        let reason = match error {
            Error::Unusable { reason, .. } => reason,
            other => other.to_string(),
        };
        return vec![subject.error("store-unusable", &format!("cannot be used: {reason}")).mend(elsewhere)];
    }
    let nearest = fs::nearest(dir);
    let permission = match fs::permission(&nearest) {
        Ok(permission) => permission,
        Err(error) => {
            let says = match error.kind() {
                ErrorKind::NotADirectory if nearest == dir => "is no folder".to_owned(),
                ErrorKind::NotADirectory => format!("cannot be made: `{}` is no folder", nearest.display()),
                _ => format!("cannot be used: {error}"),
            };
            return vec![subject.error("store-unusable", &says).mend(elsewhere)];
        }
    };
    if let Err(error) = &permission.writable {
        let serves = examined.has_pins && plan::outlook(cache).is_ok_and(|outlook| outlook.cold.is_empty());
        if nearest == dir && serves {
            let message = format!("the cache folder `{}` may only be read; what it holds serves", dir.display());
            return vec![Finding::note(Check::Storage, "store-read-only", message)];
        }
        let says = match permission.is_on_read_only {
            true => "is on a file system that is mounted read-only".to_owned(),
            false if nearest == dir => format!("may not be written to: {error}"),
            false => format!("cannot be made in `{}`: {error}", nearest.display()),
        };
        let own = format!("sudo chown -R \"$USER\" {}", quoted(&nearest.display().to_string()));
        let mend = if permission.is_foreign && nearest == dir { own } else { elsewhere.to_owned() };
        return vec![subject.error("store-unwritable", &says).mend(mend)];
    }
    let mut findings = Vec::new();
    if nearest == dir {
        findings.extend(sharing(&subject, &permission));
    }
    match lock::locks_work(&nearest) {
        Ok(true) => {}
        Ok(false) => {
            let says = "is of no use: locks do nothing on its file system, so models are fetched past it";
            findings.push(subject.error("locks-do-nothing", says).mend(elsewhere));
        }
        Err(error) => findings.push(subject.error("locks-fail", &format!("takes no lock: {error}")).mend(elsewhere)),
    }
    let is_there = nearest == dir;
    let says = if is_there { "is writable" } else { "would be made" };
    or_ok(findings, Check::Storage, &format!("the cache folder {says}, and locks work there"))
}

/// A folder that other users have a say in.
fn sharing(subject: &Subject<'_>, permission: &fs::Permission) -> Option<Finding> {
    let path = quoted(&subject.path.display().to_string());
    if permission.is_for_everybody() {
        let finding = subject.warning("writable-by-all", "may be changed by every user of this machine");
        return Some(finding.mend(format!("chmod o-w {path}")));
    }
    if permission.is_foreign && permission.is_sticky() {
        let says = "belongs to another user and is sticky: what others put there, you cannot replace";
        return Some(subject.warning("foreign-owner", says).mend(format!("sudo chown -R \"$USER\" {path}")));
    }
    if permission.is_foreign {
        let finding = subject.warning("foreign-owner", "belongs to another user, and you may write to it");
        return Some(Finding { level: Level::Note, ..finding });
    }
    None
}

/// Reports and the hosts' budget are kept here; without it models are served all the same.
fn state(cache: &Cache) -> Option<Finding> {
    let dir = &cache.config().state_dir;
    let nearest = fs::nearest(dir);
    let reason = match fs::permission(&nearest) {
        Ok(permission) => permission.writable.err()?,
        Err(error) => error,
    };
    let subject = Subject { what: "the state folder", path: dir };
    let says = format!("cannot be written to, so that reports lack what happens: {reason}");
    Some(subject.warning("state-unwritable", &says).mend("export XDG_STATE_HOME=FOLDER, a writable one"))
}

fn provider_root(root: &ProviderRoot) -> Option<Finding> {
    let what = format!("{}'s folder", root.provider);
    let subject = Subject { what: &what, path: &root.path };
    let nearest = fs::nearest(&root.path);
    let mend = format!("set `root` in [providers.{}] to a writable folder", root.provider);
    let problem = |says: String| {
        let finding = subject.error("root-unwritable", &says);
        // Nobody's tests need it.
        let level = if root.used { finding.level } else { Level::Warning };
        Finding { level, ..finding }.mend(mend.clone())
    };
    match fs::permission(&nearest) {
        Err(error) => Some(problem(format!("cannot be used: `{}`: {error}", nearest.display()))),
        Ok(permission) => match &permission.writable {
            Err(error) => Some(problem(format!("cannot be written to: {error}"))),
            Ok(()) if nearest == root.path => sharing(&subject, &permission),
            Ok(()) => None,
        },
    }
}

/// The budget and the disk.
fn room(cache: &Cache, examined: &Examined) -> Vec<Finding> {
    let config = cache.config();
    let Some(survey) = &examined.survey else { return Vec::new() };
    let (used, max, least) = (survey.used(), config.max_size.value.0, config.min_free_disk.value);
    let free = fs::free_bytes(cache.inner.store.dir());
    let mut findings = Vec::new();
    if used > max / 10 * 9 {
        let message = format!("{} of {} are used", ByteSize(used), ByteSize(max));
        let finding = Finding::warning(Check::Storage, "budget-nearly-used", message);
        findings.push(finding.mend("cache-harness prune, or raise `max_size` in [cache]"));
    }
    if let Some(free) = free.filter(|free| *free < least.0) {
        let message = format!("the disk has {} free, less than min_free_disk ({least})", ByteSize(free));
        let finding = Finding::warning(Check::Storage, "disk-nearly-full", message);
        findings.push(finding.mend("cache-harness prune, or free space on the disk"));
    }
    let free = free.map_or_else(String::new, |free| format!(", {} free on the disk", ByteSize(free)));
    or_ok(findings, Check::Storage, &format!("{} of {} used{free}", ByteSize(used), ByteSize(max)))
}
