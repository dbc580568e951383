use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn digest(number: u8) -> Sha256Digest {
    Sha256Digest::of(&[number])
}

/// The size of a blob is a matter of its digest, as on a disk.
fn size(number: u8) -> u64 {
    1 + u64::from(number) * 37 % 101
}

/// Some moment long after the epoch.
fn now() -> SystemTime {
    time::from_unix_seconds(2_000_000_000)
}

/// A moment by its distance from now in hours: negative is past.
fn at(hours: i64) -> SystemTime {
    let distance = Duration::from_secs(hours.unsigned_abs() * 60 * 60);
    if hours < 0 { now() - distance } else { now() + distance }
}

fn entry(number: u8, hours: i64, use_: Use, blobs: &[u8], own_bytes: u64) -> Stored {
    let blobs = blobs.iter().map(|number| (digest(*number), size(*number))).collect();
    Stored { id: digest(100 + number), last_used: at(hours), use_, blobs, own_bytes }
}

prop_compose! {
    /// Up to twelve entries over eight blobs, so that many share some; a blob may stand in one entry twice.
    fn entries()(parts in prop::collection::vec(
        (-400_i64..100, any::<bool>(), prop::collection::vec(0_u8..8, 0..5), 0_u64..50), 0..12,
    )) -> Vec<Stored> {
        let build = |(number, (hours, leased, blobs, own)): (usize, (i64, bool, Vec<u8>, u64))| {
            let use_ = if leased { Use::Leased } else { Use::Free };
            entry(u8::try_from(number).unwrap(), hours, use_, &blobs, own)
        };
        parts.into_iter().enumerate().map(build).collect()
    }
}

fn policy() -> impl Strategy<Value = RetentionPolicy> {
    let max_age = prop_oneof![Just(Duration::MAX), (0_u32..15).prop_map(|days| DAY * days)];
    (0_u64..700, max_age).prop_map(|(max_size, max_age)| RetentionPolicy { max_size, max_age })
}

/// What a disk holds for these entries: each blob once.
fn bytes<'a>(stored: impl Iterator<Item = &'a Stored> + Clone, other: u64) -> u64 {
    let blobs: BTreeMap<_, _> = stored.clone().flat_map(|stored| stored.blobs.iter().copied()).collect();
    blobs.values().sum::<u64>() + stored.map(|stored| stored.own_bytes).sum::<u64>() + other
}

/// The entries that a plan leaves.
fn left<'a>(stored: &'a [Stored], plan: &Plan) -> Vec<&'a Stored> {
    let gone: BTreeSet<_> = plan.evict.iter().map(|(id, _)| *id).collect();
    stored.iter().filter(|stored| !gone.contains(&stored.id)).collect()
}

proptest! {
    #[test]
    fn what_is_in_use_stays_and_nothing_goes_twice(stored in entries(), policy in policy(), other in 0_u64..200) {
        let plan = policy.plan(&stored, other, now());
        let free: BTreeSet<_> = stored.iter().filter(|stored| stored.use_ == Use::Free).map(|stored| stored.id).collect();
        let gone: BTreeSet<_> = plan.evict.iter().map(|(id, _)| *id).collect();
        prop_assert!(gone.is_subset(&free));
        prop_assert_eq!(gone.len(), plan.evict.len());
    }

    #[test]
    fn what_remains_is_counted_as_the_disk_counts_it(stored in entries(), policy in policy(), other in 0_u64..200) {
        let plan = policy.plan(&stored, other, now());
        prop_assert_eq!(plan.remaining, bytes(left(&stored, &plan).into_iter(), other));
    }

    #[test]
    fn it_fits_unless_only_what_is_in_use_is_left(stored in entries(), policy in policy(), other in 0_u64..200) {
        let plan = policy.plan(&stored, other, now());
        let all_in_use = left(&stored, &plan).iter().all(|stored| stored.use_ == Use::Leased);
        prop_assert!(plan.remaining <= policy.max_size || all_in_use);
    }

    #[test]
    fn what_is_too_old_goes_first_and_then_only_as_much_as_room_needs(stored in entries(), policy in policy()) {
        let plan = policy.plan(&stored, 0, now());
        let reasons: Vec<_> = plan.evict.iter().map(|(_, reason)| *reason).collect();
        let aged = reasons.iter().filter(|reason| **reason == Reason::Age).count();
        prop_assert!(reasons[..aged].iter().all(|reason| *reason == Reason::Age), "{reasons:?}");
        let old = |stored: &&Stored| stored.use_ == Use::Free && time::age(stored.last_used, now()) > policy.max_age;
        prop_assert_eq!(aged, stored.iter().filter(old).count());
        if let Some((last, Reason::Room)) = plan.evict.last() {
            let before = stored.iter().filter(|stored| {
                stored.id == *last || !plan.evict.iter().any(|(id, _)| *id == stored.id)
            });
            prop_assert!(bytes(before, 0) > policy.max_size, "the last one went without need");
        }
    }

    #[test]
    fn the_least_recently_used_goes_before_the_others(stored in entries(), policy in policy()) {
        let plan = policy.plan(&stored, 0, now());
        let used = |id: &EntryId| stored.iter().find(|stored| stored.id == *id).unwrap().last_used.min(now());
        let order: Vec<_> = plan.evict.iter().map(|(id, _)| used(id)).collect();
        prop_assert!(order.is_sorted());
        let latest = order.last().copied();
        for kept in left(&stored, &plan).into_iter().filter(|kept| kept.use_ == Use::Free) {
            prop_assert!(latest.is_none_or(|latest| latest <= kept.last_used.min(now())));
        }
    }

    #[test]
    fn a_clock_that_was_set_back_empties_no_store(mut stored in entries(), max_age in 0_u32..15) {
        for stored in &mut stored {
            stored.last_used = at(1000);
        }
        let policy = RetentionPolicy { max_size: u64::MAX, max_age: DAY * max_age };
        prop_assert_eq!(policy.plan(&stored, 0, now()).evict, []);
    }
}

#[test]
fn a_shared_blob_is_freed_with_the_last_entry_that_names_it() {
    let stored = [
        entry(0, -9, Use::Free, &[1, 2], 0),
        entry(1, -8, Use::Free, &[2, 3], 0),
        entry(2, -7, Use::Leased, &[3, 4], 0),
    ];
    let policy = |max_size| RetentionPolicy { max_size, max_age: Duration::MAX };
    let all = size(1) + size(2) + size(3) + size(4);
    let plan = policy(all - 1).plan(&stored, 0, now());
    assert_eq!(plan, Plan { evict: vec![(stored[0].id, Reason::Room)], remaining: all - size(1) });
    let plan = policy(0).plan(&stored, 0, now());
    assert_eq!(plan.evict.len(), 2);
    assert_eq!(plan.remaining, size(3) + size(4));
}
