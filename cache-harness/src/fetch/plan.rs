//! Which bytes of a file are there, which are on their way, and which are still to be asked for: pure bookkeeping.
//!
//! ```text
//! 0 ─── there ──┬─ coming ─┬─ missing ─┬─ there ─┬─ coming ─┬─ missing ─── size
//! ```
//! A stream takes the lowest missing bytes, so that the hasher behind the unbroken beginning has work. Where none are
//! missing it may take over the upper half of what another stream is still to bring.

use std::ops::Range;

use crate::store::Extents;

/// Names a stream within one download.
pub(super) type StreamId = u64;

/// A file in the making.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// `None` as long as nobody has said how many bytes there are.
    size: Option<u64>,
    there: Extents,
    coming: Vec<Coming>,
}

/// What one stream is to bring; what it has brought is `there`.
#[derive(Debug, Clone)]
struct Coming {
    stream: StreamId,
    next: u64,
    end: u64,
}

impl Plan {
    pub(super) fn new(size: Option<u64>, mut there: Extents) -> Self {
        there.truncate(size.unwrap_or(u64::MAX));
        Self { size, there, coming: Vec::new() }
    }

    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Somebody has said how many bytes there are: those beyond are not asked for.
    pub(super) fn set_size(&mut self, size: u64) {
        self.size = Some(size);
        self.there.truncate(size);
        for coming in &mut self.coming {
            coming.end = coming.end.min(size).max(coming.next);
        }
    }

    pub(super) fn there(&self) -> &Extents {
        &self.there
    }

    pub(super) fn is_complete(&self) -> bool {
        self.size == Some(self.there.prefix())
    }

    /// Bytes that are not there yet; `None` where the size is unknown.
    pub(super) fn lacking(&self) -> Option<u64> {
        self.size.map(|size| size - self.there.total())
    }

    /// Whether every byte is there or on its way.
    pub(super) fn is_all_taken(&self) -> bool {
        self.gaps().is_empty()
    }

    fn gaps(&self) -> Vec<Range<u64>> {
        let mut taken = self.there.clone();
        self.coming.iter().for_each(|coming| taken.insert(coming.next..coming.end));
        taken.gaps(self.size.unwrap_or(u64::MAX)).collect()
    }

    /// Has `stream` bring the lowest missing bytes, at most `most` of them.
    pub(super) fn take(&mut self, stream: StreamId, most: u64) -> Option<Range<u64>> {
        let gap = self.gaps().into_iter().next()?;
        let end = gap.end.min(gap.start.saturating_add(most.max(1)));
        self.coming.push(Coming { stream, next: gap.start, end });
        Some(gap.start..end)
    }

    /// Has `thief` bring the upper half of what `victim` was to bring, if that is at least `least` bytes.
    pub(super) fn steal(&mut self, thief: StreamId, victim: StreamId, least: u64) -> Option<Range<u64>> {
        let coming = self.coming.iter_mut().find(|coming| coming.stream == victim)?;
        let half = (coming.end - coming.next) / 2;
        if half < least.max(1) || coming.end == u64::MAX {
            return None;
        }
        let end = coming.end;
        coming.end -= half;
        let start = coming.end;
        self.coming.push(Coming { stream: thief, next: start, end });
        Some(start..end)
    }

    /// What `stream` is still to bring; empty if that is nothing any more.
    pub(super) fn expected(&self, stream: StreamId) -> Range<u64> {
        let coming = self.coming.iter().find(|coming| coming.stream == stream);
        coming.map_or(0..0, |coming| coming.next..coming.end)
    }

    /// A stream that is to bring more than twice `most` bytes from where it is brings `most`; the rest is missing
    /// again. Less is left alone: a request that ends early costs what is under way, and a connection.
    pub(super) fn shorten(&mut self, most: u64) {
        for coming in &mut self.coming {
            if coming.end - coming.next > most.saturating_mul(2) {
                coming.end = coming.next.saturating_add(most);
            }
        }
    }

    /// `stream`, which has brought all it was to bring, goes on with what follows, up to byte `end`, if that is missing;
    /// at most `most` bytes more.
    pub(super) fn extend(&mut self, stream: StreamId, end: u64, most: u64) -> bool {
        let Some(at) = self.coming.iter().find(|coming| coming.stream == stream).map(|coming| coming.end) else {
            return false;
        };
        let Some(gap) = self.gaps().into_iter().find(|gap| gap.start == at) else { return false };
        let end = gap.end.min(end).min(at.saturating_add(most));
        for coming in self.coming.iter_mut().filter(|coming| coming.stream == stream) {
            coming.end = coming.end.max(end);
        }
        end > at
    }

    /// `stream` has brought that many of the bytes it was to bring.
    pub(super) fn brought(&mut self, stream: StreamId, bytes: u64) {
        if let Some(coming) = self.coming.iter_mut().find(|coming| coming.stream == stream) {
            let end = coming.end.min(coming.next.saturating_add(bytes));
            self.there.insert(coming.next..end);
            coming.next = end;
        }
    }

    /// Bytes came that no stream was asked for.
    pub(super) fn found(&mut self, range: Range<u64>) {
        self.there.insert(range);
    }

    /// `stream` ends; what it has not brought is missing again.
    pub(super) fn release(&mut self, stream: StreamId) {
        self.coming.retain(|coming| coming.stream != stream);
    }

    /// What is there from byte `end` on is not to be trusted.
    pub(super) fn forget_from(&mut self, end: u64) {
        self.there.truncate(end);
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "small numbers")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// No byte is on its way twice, or on its way though it is there; none is lost.
    fn check(plan: &Plan, size: u64) {
        let mut owners = vec![0_u32; size as usize];
        let mut own =
            |range: Range<u64>| owners[range.start as usize..range.end as usize].iter_mut().for_each(|n| *n += 1);
        plan.coming.iter().for_each(|coming| own(coming.next..coming.end));
        plan.gaps().into_iter().for_each(&mut own);
        (0..size).filter_map(|at| plan.there.around(at).map(|_| at..at + 1)).for_each(&mut own);
        assert!(owners.iter().all(|count| *count == 1), "{plan:?}");
    }

    #[derive(Debug, Clone)]
    enum Step {
        Take(u64),
        Steal(usize, u64),
        Bring(usize, u64),
        Extend(usize, u64),
        Shorten(u64),
        Fail(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1_u64..80).prop_map(Step::Take),
            (any::<usize>(), 1_u64..20).prop_map(|(victim, least)| Step::Steal(victim, least)),
            (any::<usize>(), 1_u64..60).prop_map(|(stream, bytes)| Step::Bring(stream, bytes)),
            (any::<usize>(), 1_u64..60).prop_map(|(stream, most)| Step::Extend(stream, most)),
            (1_u64..60).prop_map(Step::Shorten),
            any::<usize>().prop_map(Step::Fail),
        ]
    }

    proptest! {
        /// Whatever order parts come in, are stolen, fail and are asked for again: at the end every byte came once.
        #[test]
        fn no_plan_overlaps_or_leaves_a_gap(
            size in 1_u64..300,
            before in proptest::collection::vec((0_u64..300, 0_u64..30), 0..4),
            steps in proptest::collection::vec(step(), 0..120),
        ) {
            let mut there = Extents::default();
            for (start, length) in before {
                there.insert(start..start + length);
            }
            let mut plan = Plan::new(Some(size), there);
            let mut brought = plan.there.total();
            let (mut streams, mut next) = (Vec::new(), 0);
            for step in steps {
                let pick = |index: usize, streams: &[StreamId]| (!streams.is_empty()).then(|| streams[index % streams.len()]);
                match step {
                    Step::Take(most) if plan.take(next, most).is_some() => { streams.push(next); next += 1; }
                    Step::Steal(victim, least) => if let Some(victim) = pick(victim, &streams)
                        && plan.steal(next, victim, least).is_some() { streams.push(next); next += 1; },
                    Step::Bring(stream, bytes) => if let Some(stream) = pick(stream, &streams) {
                        let expected = plan.expected(stream);
                        brought += bytes.min(expected.end - expected.start);
                        plan.brought(stream, bytes);
                    },
                    Step::Extend(stream, most) => if let Some(stream) = pick(stream, &streams)
                        && plan.expected(stream).is_empty() { plan.extend(stream, size, most); },
                    Step::Fail(stream) => if let Some(stream) = pick(stream, &streams) {
                        plan.release(stream);
                        streams.retain(|other| *other != stream);
                    },
                    Step::Shorten(most) => plan.shorten(most),
                    Step::Take(_) => {}
                }
                check(&plan, size);
                prop_assert_eq!(plan.there.total(), brought);
            }
            for stream in streams {
                let expected = plan.expected(stream);
                plan.brought(stream, expected.end - expected.start);
                plan.release(stream);
            }
            while let Some(range) = plan.take(next, 50) {
                plan.brought(next, range.end - range.start);
                plan.release(next);
                next += 1;
            }
            prop_assert!(plan.is_complete());
        }
    }

    #[test]
    fn a_file_of_unknown_size_comes_in_one_stream_until_somebody_says_how_large_it_is() {
        let mut plan = Plan::new(None, Extents::prefix_of(10));
        assert_eq!(plan.take(1, u64::MAX), Some(10..u64::MAX));
        assert_eq!((plan.take(2, 5), plan.steal(2, 1, 1)), (None, None));
        plan.brought(1, 20);
        plan.set_size(100);
        assert_eq!(plan.expected(1), 30..100);
        assert_eq!(plan.steal(2, 1, 1), Some(65..100));
    }
}
