//! Which links work between the store and each provider's folder, really tried with small files.

use std::path::PathBuf;

use serde::Serialize;

use super::examined::Examined;
use super::finding::{Check, Finding};
use super::roots::ProviderRoot;
use crate::fs::{self, LinkMode};
use crate::provider_kind::ProviderKind;

/// How files can come from the store to a provider's folder.
#[derive(Debug, Serialize)]
pub(super) struct Linked {
    pub(super) provider: &'static str,
    /// Best first.
    pub(super) modes: Vec<LinkMode>,
    pub(super) same_disk: bool,
    /// What was tried: the folder, or the nearest above it that is there.
    #[serde(serialize_with = "crate::cli::context::lossy")]
    tried: PathBuf,
}

pub(super) fn check(examined: &Examined, roots: &[ProviderRoot]) -> (Vec<Linked>, Vec<Finding>) {
    let Some(cache) = &examined.cache else { return (Vec::new(), Vec::new()) };
    let store = fs::nearest(cache.inner.store.dir());
    let (mut links, mut findings) = (Vec::new(), Vec::new());
    for root in roots.iter().filter(|root| root.used || root.configured) {
        let tried = fs::nearest(&root.path);
        // What may not be written to is told as that.
        let Ok(modes) = fs::link_modes(&store, &tried) else { continue };
        let same_disk = fs::device(&store) == fs::device(&tried);
        let linked = Linked { provider: root.provider, modes, same_disk, tried };
        findings.push(judged(&linked, root));
        links.push(linked);
    }
    (links, findings)
}

fn judged(linked: &Linked, root: &ProviderRoot) -> Finding {
    let works = |mode| linked.modes.contains(&mode);
    let (provider, disk) = (linked.provider, if linked.same_disk { "the same disk" } else { "another disk" });
    if !works(LinkMode::Copy) {
        let message = format!("{provider}: a file copied to `{}` did not come out the same", linked.tried.display());
        return Finding::error(Check::Links, "copy-fails", message).mend("dmesg, which tells of a failing disk");
    }
    if !works(LinkMode::Reflink) && !works(LinkMode::Hardlink) {
        let message = format!("{provider}: no links to {disk}, so each model takes its room twice");
        let finding = Finding::warning(Check::Links, "no-links", message);
        return finding.mend(format!("set `dir` in [cache] to a folder on the disk of `{}`", root.path.display()));
    }
    if root.kind == ProviderKind::Huggingface && !works(LinkMode::Symlink) {
        let message = format!("{provider}: no symbolic links on {disk}");
        let finding = Finding::warning(Check::Links, "no-symlinks", message);
        return finding.mend("set `root` in [providers.huggingface] to a folder on another file system");
    }
    let names: Vec<_> = linked.modes.iter().map(|mode| mode_name(*mode)).collect();
    Finding::ok(Check::Links, format!("{provider}: {}; {disk}", names.join(", ")))
}

fn mode_name(mode: LinkMode) -> &'static str {
    match mode {
        LinkMode::Reflink => "reflink",
        LinkMode::Hardlink => "hardlink",
        LinkMode::Symlink => "symlink",
        LinkMode::Copy => "copy",
    }
}
