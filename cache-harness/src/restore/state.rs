//! What stands at a path of a layout, compared with what should.

use std::path::Path;

use super::{Restoring, fingerprint_at, has_digest, own_name, placed};
use crate::config::Verify;
use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::fs::{self, Fingerprint, Found, LinkMode, Placing};
use crate::provider::{Differing, Item, Wanted};
use crate::store::{Content, Owner, Placed, Standing};

#[expect(clippy::large_enum_variant, reason = "one at a time, and not for long")]
pub(super) enum State {
    Right(Placed),
    Missing(Placing),
    LeftAlone,
}

impl Restoring<'_> {
    /// Compares what stands at an item's path with what should.
    pub(super) fn state(&mut self, item: &Item) -> Result<State> {
        let found = fs::look(&item.path)?;
        let recorded = self.recorded(&item.path).cloned();
        match (&item.wanted, found) {
            (_, Found::Nothing) => {
                self.note_repair(recorded.as_ref());
                Ok(State::Missing(Placing::New))
            }
            (Wanted::Text { text, .. }, Found::File(_)) => self.text_state(item, text),
            (Wanted::Text { .. }, _) => self.left_alone(item),
            (Wanted::Pointer { target, .. }, Found::Symlink(_))
                if fs::read_symlink(&item.path).as_ref() == Some(target) =>
            {
                let owner = match self.owner(&item.path)? {
                    Owner::Adopted if is_unproven(recorded.as_ref()) && self.leads_to_ours(item) => Owner::Ours,
                    owner => owner,
                };
                Ok(State::Right(placed(item, LinkMode::Symlink, owner, None)))
            }
            (Wanted::Bytes { sha256, .. } | Wanted::Pointer { sha256, .. }, Found::File(found))
                if self.is_blob(sha256, &found) =>
            {
                self.ours(item, LinkMode::Hardlink)
            }
            (Wanted::Bytes { sha256, .. }, Found::Symlink(_)) if self.is_link_to_blob(&item.path, sha256) => {
                self.ours(item, LinkMode::Symlink)
            }
            // A pointer from when there were such.
            (Wanted::Bytes { .. }, Found::Symlink(_)) if self.is_own_pointer(recorded.as_ref())? => {
                Ok(State::Missing(Placing::Replace))
            }
            (Wanted::Bytes { file, sha256 } | Wanted::Pointer { file, sha256, .. }, _) => {
                self.unknown_state(item, (file.as_str(), found), sha256, recorded.as_ref())
            }
        }
    }

    fn text_state(&mut self, item: &Item, text: &String) -> Result<State> {
        let says = fs::read_text(&item.path)?;
        let owner = self.owner(&item.path)?;
        if says.as_ref() == Some(text) {
            return Ok(State::Right(placed(item, LinkMode::Copy, owner, fingerprint_at(&item.path)?)));
        }
        // A branch that another pin of ours moved, or that the user's own download moved.
        let ours = owner == Owner::Ours && says.is_some_and(|says| self.is_text_of_ours(&item.path, &says));
        if ours { Ok(State::Missing(Placing::Replace)) } else { self.left_alone(item) }
    }

    /// Something stands in the place of a small file that is not ours.
    fn left_alone(&self, item: &Item) -> Result<State> {
        match &item.wanted {
            Wanted::Text { differing: Differing::Refused, .. } => Err(self.foreign(item, &own_name(&item.path))),
            _ => Ok(State::LeftAlone),
        }
    }

    /// A link to the blob: of our making, unless the record says otherwise. It is right if this layout takes such.
    fn ours(&mut self, item: &Item, mode: LinkMode) -> Result<State> {
        if self.recorded(&item.path).is_some() && self.standing(&item.path)?.0 != Standing::Ours {
            // Say, the user moved the folder and left a link to it.
            let Found::File(found) = fs::look_through(&item.path)? else { return Ok(State::Missing(Placing::New)) };
            return Ok(State::Right(placed(item, LinkMode::Copy, Owner::Adopted, Some(found))));
        }
        Ok(if self.layout.ladder.contains(&mode) {
            State::Right(placed(item, mode, Owner::Ours, None))
        } else {
            State::Missing(Placing::Replace)
        })
    }

    /// Something stands there that is neither our link nor absent: its bytes decide.
    fn unknown_state(
        &mut self,
        item: &Item,
        (file, found): (&str, Found),
        sha256: &Sha256Digest,
        recorded: Option<&Placed>,
    ) -> Result<State> {
        let owner = match found {
            // Ours would have been known by its text: somebody replaced it.
            Found::Symlink(_) => Owner::Adopted,
            _ => self.owner(&item.path)?,
        };
        if let Found::File(leads_to) = fs::look_through(&item.path)? {
            let proven = recorded.is_some_and(|recorded| recorded.proof == Some(leads_to));
            if (proven && self.verify == Verify::Memo) || has_digest(&item.path, sha256)? {
                let mode = recorded.and_then(Placed::own_mode).unwrap_or(LinkMode::Copy);
                if owner == Owner::Ours && !self.layout.ladder.contains(&mode) {
                    return Ok(State::Missing(Placing::Replace));
                }
                return Ok(State::Right(placed(item, mode, owner, Some(leads_to))));
            }
        }
        self.make_way(item, file, recorded)?;
        Ok(State::Missing(Placing::New))
    }

    /// Whether `found` is a hard link to the blob, which was proven before. Its ctime says nothing: another
    /// process may be linking the blob for another entry.
    fn is_blob(&self, sha256: &Sha256Digest, found: &Fingerprint) -> bool {
        let memo = self.entry.memos.get(sha256);
        matches!(fs::look(&self.store().blob(sha256)), Ok(Found::File(blob))
            if blob.same_file(found) && memo.is_some_and(|memo| memo.fingerprint.same_content(&blob)))
    }

    /// Whether a symbolic link leads to the blob, as only ours do.
    fn is_link_to_blob(&self, path: &Path, sha256: &Sha256Digest) -> bool {
        fs::read_symlink(path).is_some_and(|target| target == self.store().blob(sha256))
    }

    /// Whether the pointer that was recorded as ours is still there.
    fn is_own_pointer(&self, recorded: Option<&Placed>) -> Result<bool> {
        match recorded.filter(|recorded| matches!(recorded.content, Content::Pointer { .. })) {
            Some(recorded) => Ok(self.store().standing(recorded, self.entry)? == Standing::Ours),
            None => Ok(false),
        }
    }

    /// Whether a pointer that no record names leads to a link of ours: then the record that named it was lost.
    fn leads_to_ours(&self, item: &Item) -> bool {
        let target = item.leads_to().and_then(|target| self.entry.placed_at(target));
        target.is_some_and(|target| target.owner == Owner::Ours && !target.is_intended())
    }
}

/// Whether no record tells by itself whose pointer it is.
fn is_unproven(recorded: Option<&Placed>) -> bool {
    recorded.is_none_or(|recorded| recorded.owner == Owner::Ours && recorded.proof.is_none())
}
