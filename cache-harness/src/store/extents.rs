//! Which bytes of a file are there: disjoint ranges in order.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Ranges of bytes, in order, disjoint, neighbours merged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub(crate) struct Extents(Vec<Range<u64>>);

impl Extents {
    /// The first `bytes` bytes.
    pub(crate) fn prefix_of(bytes: u64) -> Self {
        let mut extents = Self::default();
        extents.insert(0..bytes);
        extents
    }

    /// Adds a range; what of it is there already stays.
    pub(crate) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let from = self.0.partition_point(|known| known.end < range.start);
        let to = self.0.partition_point(|known| known.start <= range.end);
        let merged = self.0[from..to]
            .iter()
            .fold(range, |merged, known| merged.start.min(known.start)..merged.end.max(known.end));
        self.0.splice(from..to, [merged]);
    }

    /// Forgets everything from byte `end` on.
    pub(crate) fn truncate(&mut self, end: u64) {
        self.0.retain_mut(|known| {
            known.end = known.end.min(end);
            !known.is_empty()
        });
    }

    /// How many bytes are there from the first one on without a gap.
    pub(crate) fn prefix(&self) -> u64 {
        self.0.first().filter(|first| first.start == 0).map_or(0, |first| first.end)
    }

    /// How many bytes are there.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|known| known.end - known.start).sum()
    }

    /// The ranges, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.0.iter().cloned()
    }

    /// What lies between the ranges, up to byte `end`.
    pub(crate) fn gaps(&self, end: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        let starts = std::iter::once(0).chain(self.0.iter().map(|known| known.end));
        let ends = self.0.iter().map(|known| known.start).chain([end]);
        starts.zip(ends).map(move |(start, next)| start..next.min(end)).filter(|gap| !gap.is_empty())
    }

    /// The range around byte `at`, if that is there.
    pub(crate) fn around(&self, at: u64) -> Option<Range<u64>> {
        self.0.iter().find(|known| known.contains(&at)).cloned()
    }
}

impl From<Vec<(u64, u64)>> for Extents {
    fn from(pairs: Vec<(u64, u64)>) -> Self {
        let mut extents = Self::default();
        for (start, end) in pairs {
            extents.insert(start..end);
        }
        extents
    }
}

impl From<Extents> for Vec<(u64, u64)> {
    fn from(extents: Extents) -> Self {
        extents.0.into_iter().map(|range| (range.start, range.end)).collect()
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "small numbers")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_hold_what_a_map_of_single_bytes_holds(
            steps in proptest::collection::vec((0_u64..40, 0_u64..12, proptest::option::weighted(0.2, 0_u64..40)), 0..20),
        ) {
            let mut extents = Extents::default();
            let mut bytes = [false; 64];
            for (start, length, cut) in steps {
                extents.insert(start..start + length);
                bytes[start as usize..(start + length) as usize].fill(true);
                if let Some(cut) = cut {
                    extents.truncate(cut);
                    bytes[cut as usize..].fill(false);
                }
            }
            prop_assert_eq!(extents.total(), bytes.iter().filter(|there| **there).count() as u64);
            prop_assert_eq!(extents.prefix(), bytes.iter().take_while(|there| **there).count() as u64);
            for (at, there) in (0..).zip(bytes) {
                prop_assert_eq!(extents.around(at).is_some(), there);
                prop_assert_eq!(extents.gaps(64).any(|gap| gap.contains(&at)), !there);
            }
            prop_assert!(extents.0.windows(2).all(|pair| pair[0].end < pair[1].start));
            let written = serde_json::to_string(&extents).unwrap();
            prop_assert_eq!(serde_json::from_str::<Extents>(&written).unwrap(), extents);
        }
    }
}
