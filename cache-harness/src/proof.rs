//! What shows at the price of a few stats that a model is in place: the plan of a warm hit.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cached_model::CachedFile;
use crate::error::Result;
use crate::fs::{self, Fingerprint, Found, LinkMode};
use crate::pins::Pins;
use crate::provider::{Layout, Wanted};
use crate::store::{Content, Entry, Memo, Owner, Placed, Store};
use crate::time;

/// The paths to look at and the fingerprints they must have.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The record that this was made from.
    pub(crate) record: Fingerprint,
    checks: Vec<Check>,
    /// Unix seconds from which on the oldest memo proves nothing.
    expires: u64,
    /// Bytes that the model serves.
    pub(crate) bytes: u64,
    /// What the fetch that filled the entry took, in seconds.
    pub(crate) fill_seconds: f64,
    /// The model's files as they are handed over.
    pub(crate) files: Arc<[CachedFile]>,
}

#[derive(Debug)]
struct Check {
    path: PathBuf,
    look: Look,
    expected: Fingerprint,
}

#[derive(Debug, Clone, Copy)]
enum Look {
    At,
    Through,
}

impl Proof {
    /// The proof that `entry` gives for `layout`; `None` if something was never verified or never placed.
    pub(crate) fn of(
        store: &Store,
        entry: &Entry,
        record: Fingerprint,
        pins: &Pins,
        layout: &Layout,
        memo_age: Duration,
    ) -> Option<Self> {
        let mut checks = Vec::new();
        let mut expires = u64::MAX;
        let mut bytes = 0;
        let mut seen = HashSet::new();
        for file in &entry.files {
            let memo = entry.memos.get(&file.sha256)?;
            bytes += memo.fingerprint.size;
            expires = expires.min(memo.hashed_at.saturating_add(memo_age.as_secs()));
            if seen.insert(file.sha256) {
                checks.push(Check { path: store.blob(&file.sha256), look: Look::At, expected: memo.fingerprint });
            }
        }
        let placed: HashMap<&Path, &Placed> =
            entry.placed.iter().map(|placed| (placed.path.as_path(), placed)).collect();
        // A pointer is looked at through the item it leads to, so that one needs no look of its own.
        let pointer_targets: HashSet<&Path> = layout.items.iter().filter_map(|item| item.leads_to()).collect();
        let mut modes = HashMap::new();
        for item in &layout.items {
            let own = placed.get(item.path.as_path());
            let (placed, look) = match &item.wanted {
                Wanted::Text { .. } => match own {
                    Some(placed) => (*placed, Look::At),
                    None => continue, // Somebody else's, which was left alone.
                },
                Wanted::Pointer { leads_to, .. } if matches!(own?.content, Content::Pointer { .. }) => {
                    (*placed.get(leads_to.as_path())?, Look::Through)
                }
                Wanted::Bytes { .. } | Wanted::Pointer { .. } => (*own?, Look::At),
            };
            let (expected, mode) = expectation(placed, entry, layout)?;
            modes.insert(item.path.as_path(), mode);
            if !pointer_targets.contains(item.path.as_path()) {
                checks.push(Check { path: item.path.clone(), look: through_if_link(placed, look), expected });
            }
        }
        let link_modes = layout.files.iter().map(|(_, path)| modes.get(path.as_path()).copied());
        let files = CachedFile::all(pins, layout, link_modes.collect::<Option<Vec<_>>>()?);
        let fill_seconds = entry.filled.map_or(0.0, |filled| filled.seconds);
        Some(Self { record, checks, expires, bytes, fill_seconds, files })
    }

    /// Whether everything still has the fingerprint that was recorded when it was verified.
    pub(crate) fn holds(&self) -> Result<bool> {
        if time::unix_seconds(time::now()) >= self.expires {
            return Ok(false);
        }
        // What was placed is rather lost than a blob: looked at first, one look tells.
        for check in self.checks.iter().rev() {
            let found = match check.look {
                Look::At => fs::look(&check.path)?,
                Look::Through => fs::look_through(&check.path)?,
            };
            if found != Found::File(check.expected) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The fingerprint that a placed file has if nobody touched it.
fn expectation(placed: &Placed, entry: &Entry, layout: &Layout) -> Option<(Fingerprint, LinkMode)> {
    match (&placed.content, placed.proof) {
        // Other links to the blob come and go: of ours, what is known of the blob holds.
        (Content::Blob { mode, .. }, Some(proof)) if *mode != LinkMode::Hardlink => {
            let is_meant = placed.owner == Owner::Adopted || layout.ladder.contains(mode);
            is_meant.then_some((proof, *mode))
        }
        (Content::Blob { sha256, mode: mode @ (LinkMode::Hardlink | LinkMode::Symlink) }, _)
            if layout.ladder.contains(mode) =>
        {
            entry.memos.get(sha256).map(|memo: &Memo| (memo.fingerprint, *mode))
        }
        (Content::Text(_), Some(proof)) => Some((proof, LinkMode::Copy)),
        _ => None,
    }
}

/// An adopted file may be a link of its owner's making.
fn through_if_link(placed: &Placed, look: Look) -> Look {
    match (&placed.content, placed.owner) {
        (_, Owner::Adopted) | (Content::Blob { mode: LinkMode::Symlink, .. }, _) => Look::Through,
        (_, Owner::Ours) => look,
    }
}
