//! Sweeping up: what killed processes left, and what no entry needs.
//!
//! What is swept under the exclusive `gc.lock` cannot be somebody's work in progress: records are written under
//! that lock's shared side, partials are locked by whoever fills them, and what is being placed for an entry is
//! placed under its lease.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::evict::Choosing;
use super::retention::Use;
use super::{Content, Entry, EntryId, Origin, Placed, Resident, Store};
use crate::error::Result;
use crate::fs::{self, LinkMode};
use crate::lock::ExclusiveLock;
use crate::time;

/// Temporary files that no lock protects live for milliseconds; after this time they are nobody's.
const ABANDONED: Duration = Duration::from_secs(10 * 60);

/// How long a file stays in quarantine that somebody changed in a consumer's folder.
pub(super) const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Ends the name of such a file in quarantine.
pub(super) const PLACED: &str = ".placed";

/// Whether what is in quarantine may be somebody's work, put there less than [`KEPT`] ago.
pub(crate) fn is_kept(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let put_at = name.strip_suffix(PLACED).and_then(|name| {
        let (_, stamp) = name.rsplit_once('.')?;
        stamp.split_once('-')?.0.parse::<u64>().ok()
    });
    let in_quarantine = path.parent().is_some_and(|folder| folder.ends_with("quarantine"));
    put_at.is_some_and(|put_at| in_quarantine && time::age(time::from_unix_seconds(put_at), time::now()) < KEPT)
}

impl Entry {
    /// Whether a process announced what it would place and did not get to record that it did.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.placed.iter().any(Placed::is_intended)
    }
}

impl Placed {
    /// Whether it was announced, but not recorded as placed.
    pub(crate) fn is_intended(&self) -> bool {
        let proven = match &self.content {
            Content::Blob { mode, .. } => {
                self.proof.is_some() || matches!(mode, LinkMode::Hardlink | LinkMode::Symlink)
            }
            Content::Text(_) => self.proof.is_some(),
            // One that is there is whole; its target says whether it is ours.
            Content::Pointer { .. } => true,
        };
        !proven
    }
}

impl Store {
    /// Begins the name of every temporary file that is made while an entry is placed.
    pub(crate) fn leftover_tag(id: &EntryId) -> String {
        format!(".cache-harness-{}-", id.short())
    }

    /// Removes the temporary files that a killed process left while it placed an entry. The caller has the
    /// entry's turn, or its lease alone.
    pub(crate) fn remove_leftovers(id: &EntryId, entry: &Entry) -> Result<bool> {
        let tag = Self::leftover_tag(id);
        let folders: HashSet<&Path> = entry.placed.iter().filter_map(|placed| placed.path.parent()).collect();
        let mut found = false;
        for folder in folders {
            for path in fs::list(folder)? {
                if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(tag.as_bytes())) {
                    fs::remove_file(&path)?;
                    found = true;
                }
            }
        }
        Ok(found)
    }

    /// Removes what no entry needs: partials nobody fills, quarantine, blobs nobody names, temporary files.
    /// Returns the bytes freed.
    pub(crate) fn sweep(&self) -> Result<u64> {
        let before = self.survey()?.used();
        let mut choosing = self.choosing(|| Ok(()))?;
        choosing.sweep_partials()?;
        choosing.sweep_quarantine()?;
        choosing.sweep_orphans()?;
        choosing.sweep_strays()?;
        drop(choosing);
        self.empty_trash()?;
        Ok(before.saturating_sub(self.survey()?.used()))
    }

    pub(super) fn empty_trash(&self) -> Result<()> {
        fs::list(&self.folder("trash"))?.iter().try_for_each(|path| fs::remove(path))
    }

    /// Records that a killed process did not finish writing. Called under the exclusive `gc.lock`.
    pub(super) fn sweep_temporaries(&self) -> Result<()> {
        let temporary = |path: &Path| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(fs::TEMPORARY.as_bytes()))
        };
        let old = |path: &Path| fs::modified(path).is_some_and(|modified| time::age(modified, time::now()) > ABANDONED);
        for path in fs::list(&self.folder("entries"))?.iter().filter(|path| temporary(path)) {
            fs::remove_file(path)?;
        }
        for folder in [self.dir(), &self.bucket, &self.folder("partial")] {
            for path in fs::list(folder)?.iter().filter(|path| temporary(path) && old(path)) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

impl Choosing<'_> {
    /// What killed processes left in providers' folders.
    pub(super) fn sweep_leftovers(&mut self) -> Result<()> {
        let mut found = false;
        for resident in self.survey.residents.iter().filter(|resident| resident.use_ == Use::Free) {
            let Some(entry) = resident.entry.as_ref().filter(|entry| entry.is_interrupted()) else { continue };
            if let Some(_unused) = ExclusiveLock::try_acquire(&self.store.lease_file(&resident.id))? {
                // A folder that cannot be listed or written is no reason not to make room elsewhere.
                found |= Store::remove_leftovers(&resident.id, entry).unwrap_or(false);
            }
        }
        if found {
            self.survey = self.store.survey()?;
        }
        Ok(())
    }

    pub(super) fn sweep_orphans(&mut self) -> Result<()> {
        // What a process uses without a readable record cannot be known.
        if self.survey.residents.iter().any(|resident| resident.entry.is_none() && resident.use_ == Use::Leased) {
            return Ok(());
        }
        let named: HashSet<_> = self.survey.residents.iter().flat_map(|resident| resident.names.clone()).collect();
        let orphans: Vec<_> = self.survey.blobs.keys().filter(|digest| !named.contains(digest)).copied().collect();
        for digest in orphans {
            self.discard(&digest)?;
        }
        Ok(())
    }

    /// Partials that nobody fills, and that no entry in use is about to go on with.
    pub(super) fn sweep_partials(&mut self) -> Result<()> {
        let used = self.survey.residents.iter().filter(|resident| resident.use_ == Use::Leased);
        let archive = |resident: &Resident| Some(resident.entry.as_ref()?.arriving.as_ref()?.sha256);
        let names = used.flat_map(|resident| resident.names.iter().copied().chain(archive(resident)));
        let wanted: HashSet<_> = names.map(|name| self.store.partial(&name)).collect();
        let mut kept = Vec::new();
        for (path, bytes) in std::mem::take(&mut self.survey.partials) {
            if let fs::Found::Symlink(_) | fs::Found::Other = fs::look(&path)? {
                fs::remove(&path)?; // Nobody fills that.
                continue;
            }
            match ExclusiveLock::try_acquire(&path)?.filter(|_| !wanted.contains(&path)) {
                Some(lock) => {
                    Origin::remove(&path)?;
                    lock.remove()?;
                }
                None => kept.push((path, bytes)),
            }
        }
        self.survey.partials = kept;
        Ok(())
    }

    pub(super) fn sweep_quarantine(&mut self) -> Result<()> {
        let (kept, swept) = self.survey.quarantine.drain(..).partition(|(path, _)| is_kept(path));
        self.survey.quarantine = kept;
        let swept: Vec<(PathBuf, u64)> = swept;
        swept.iter().try_for_each(|(path, _)| fs::remove(path))
    }

    /// Lock files of entries that never came to a record, say of a model that was refused.
    fn sweep_strays(&self) -> Result<()> {
        for path in fs::list(&self.store.folder("leases"))? {
            let Some(id) = path.file_name().and_then(|name| name.to_str()?.parse::<EntryId>().ok()) else { continue };
            if fs::look(&self.store.record_file(&id))? != fs::Found::Nothing {
                continue;
            }
            if let Some(lease) = ExclusiveLock::try_acquire(&path)? {
                fs::remove_file(&self.store.turn_file(&id))?;
                lease.remove()?;
            }
        }
        Ok(())
    }
}
