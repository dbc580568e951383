//! Which links work between the store and each provider's folder, really tried with small files.

use std::path::PathBuf;

use serde::Serialize;

use super::examined::Examined;
use super::finding::{Check, Finding};
use super::roots::ProviderRoot;
use crate::fs::{self, LinkMode};

/// How files can come from the store to a provider's folder.
#[derive(Debug, Serialize)]
pub(super) struct Linked {
    pub(super) provider: &'static str,
    /// How its files do come; none if no way works.
    pub(super) link_mode: Option<LinkMode>,
    /// All that work, best first.
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
        let chosen = cache.config().providers.links(root.kind);
        let link_mode = root.kind.ladder(chosen).iter().find(|mode| modes.contains(mode)).copied();
        let linked = Linked { provider: root.provider, link_mode, modes, same_disk, tried };
        findings.push(judged(&linked, root, chosen));
        links.push(linked);
    }
    (links, findings)
}

fn judged(linked: &Linked, root: &ProviderRoot, chosen: Option<LinkMode>) -> Finding {
    let works = |mode| linked.modes.contains(&mode);
    let (provider, disk) = (linked.provider, if linked.same_disk { "the same disk" } else { "another disk" });
    if !works(LinkMode::Copy) {
        let message = format!("{provider}: a file copied to `{}` did not come out the same", linked.tried.display());
        return Finding::error(Check::Links, "copy-fails", message).mend("dmesg, which tells of a failing disk");
    }
    let Some(mode) = linked.link_mode else {
        let chosen = chosen.map(LinkMode::as_str).unwrap_or_default();
        let message = format!("{provider}: no {chosen} to {disk}, and `links` allows nothing else");
        let finding = Finding::error(Check::Links, "links-impossible", message);
        return finding.mend(format!("take `links = \"{chosen}\"` out of [providers.{provider}]"));
    };
    // Where nobody asked for copies, and the consumer would have taken links.
    let could_link = root.kind.ladder(chosen).contains(&LinkMode::Hardlink);
    if mode == LinkMode::Copy && could_link {
        let message = format!("{provider}: no links to {disk}, so each model takes its room twice");
        let finding = Finding::warning(Check::Links, "no-links", message);
        return finding.mend(format!("set `dir` in [cache] to a folder on the disk of `{}`", root.path.display()));
    }
    if root.kind.is_hub_cache() && !works(LinkMode::Symlink) {
        let message = format!("{provider}: no symbolic links on {disk}: plain files stand in for them");
        return Finding::note(Check::Links, "no-symlinks", message);
    }
    let names: Vec<_> = linked.modes.iter().map(|mode| mode.as_str()).collect();
    Finding::ok(Check::Links, format!("{provider}: by {}; {} work on {disk}", mode.as_str(), names.join(", ")))
}
