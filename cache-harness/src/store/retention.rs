//! Which entries to evict: a pure function of what is stored, the policy and the time.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::EntryId;
use crate::digest::Sha256Digest;
use crate::time;

/// An entry as the policy sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) id: EntryId,
    pub(crate) last_used: SystemTime,
    pub(crate) use_: Use,
    /// Its blobs on disk with their bytes; another entry may name the same.
    pub(crate) blobs: Vec<(Sha256Digest, u64)>,
    /// Bytes that are its alone: restored copies, its record.
    pub(crate) own_bytes: u64,
}

/// Whether a living process uses an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Leased,
    Free,
}

/// Why an entry goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Unused for longer than `max_age`.
    Age,
    /// The least recently used, and room was needed.
    Room,
    /// Somebody asked for it.
    Asked,
}

impl Reason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Age => "unused for longer than max_age",
            Self::Room => "least recently used, room was needed",
            Self::Asked => "asked for",
        }
    }
}

/// What may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetentionPolicy {
    /// Bytes.
    pub(crate) max_size: u64,
    /// [`Duration::MAX`] keeps entries of any age.
    pub(crate) max_age: Duration,
}

/// The entries to evict, in order, and the bytes that then remain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) evict: Vec<(EntryId, Reason)>,
    pub(crate) remaining: u64,
}

impl RetentionPolicy {
    /// Chooses the entries to evict so that `stored` and `other` bytes fit this policy.
    ///
    /// Free entries unused for longer than `max_age` go first. If the rest still exceeds `max_size`, the
    /// least recently used free ones go until it fits. A leased entry stays whatever that means for the
    /// size. A blob's bytes are freed with the last entry that names it. An entry stamped later than `now`
    /// counts as used at `now`, so a clock that was set back never empties a store.
    pub(crate) fn plan(&self, stored: &[Stored], other: u64, now: SystemTime) -> Plan {
        let mut holders: BTreeMap<Sha256Digest, (usize, u64)> = BTreeMap::new();
        for (digest, bytes) in stored.iter().flat_map(|stored| &stored.blobs) {
            let (count, size) = holders.entry(*digest).or_insert((0, 0));
            (*count, *size) = (*count + 1, *bytes);
        }
        let mut remaining = other
            + holders.values().map(|(_, bytes)| bytes).sum::<u64>()
            + stored.iter().map(|stored| stored.own_bytes).sum::<u64>();
        let mut free: Vec<&Stored> = stored.iter().filter(|stored| stored.use_ == Use::Free).collect();
        free.sort_by_key(|stored| (stored.last_used.min(now), stored.id));
        let mut evict = Vec::new();
        for stored in free {
            let reason = if time::age(stored.last_used, now) > self.max_age {
                Reason::Age
            } else if remaining > self.max_size {
                Reason::Room
            } else {
                continue;
            };
            evict.push((stored.id, reason));
            remaining -= stored.own_bytes;
            for (digest, _) in &stored.blobs {
                if let Some((count, bytes)) = holders.get_mut(digest) {
                    *count -= 1;
                    if *count == 0 {
                        remaining -= *bytes;
                    }
                }
            }
        }
        Plan { evict, remaining }
    }
}

#[cfg(test)]
mod tests;
