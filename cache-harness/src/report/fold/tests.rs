use proptest::prelude::*;

use super::super::ModelUse;
use super::super::sample::any_event;
use super::*;
use crate::event::Outcome;

fn request(outcome: Outcome) -> Request {
    let test = Some("t".into());
    Request { at: 10.0, test, seconds: 1.0, saved_seconds: 4.0, bytes: 100, ..Request::new("m", outcome) }
}

fn fold(events: impl IntoIterator<Item = Event>) -> Report {
    let mut fold = Fold::default();
    events.into_iter().for_each(|event| fold.event(event));
    fold.finish("r".into())
}

fn of(outcome: Outcome, fetched_bytes: u64) -> Report {
    fold([Event::Request(Request { fetched_bytes, ..request(outcome) })])
}

#[test]
fn a_repair_or_fallback_is_a_hit_unless_something_was_fetched() {
    for outcome in [Outcome::Repaired, Outcome::Fallback] {
        assert_eq!((of(outcome, 0).hits, of(outcome, 0).bytes_saved), (1, 100));
        assert_eq!((of(outcome, 1).misses, of(outcome, 1).bytes_saved), (1, 0));
    }
}

#[test]
fn what_was_skipped_or_failed_was_asked_for_and_missing() {
    let (skip, failed) = (of(Outcome::Skip, 0), of(Outcome::Failed, 0));
    assert_eq!((skip.misses, skip.skips, skip.failures, skip.hit_rate), (1, 1, 0, Some(0.0)));
    assert_eq!((failed.misses, failed.skips, failed.failures), (1, 0, 1));
}

#[test]
fn only_hits_save_time() {
    let saved = |outcome| of(outcome, 100).seconds_saved.to_string();
    assert_eq!((saved(Outcome::Hit), saved(Outcome::Miss)), ("4".into(), "0".into()));
}

#[test]
fn warming_counts_its_bytes_and_no_request() {
    let warm = Request { via: Via::Warm, test: None, fetched_bytes: 100, retries: 2, ..request(Outcome::Miss) };
    let report = fold([Event::Request(warm), Event::Request(request(Outcome::Hit))]);
    assert_eq!((report.requests, report.hits, report.bytes_fetched, report.retries), (1, 1, 100, 2));
    assert_eq!((report.seconds_preparing.to_string(), report.warmed.len()), ("1".into(), 1));
}

#[test]
fn a_test_with_two_models_is_one_test_and_two_requests() {
    let other = Request { model: "n".into(), ..request(Outcome::Miss) };
    let restored = Request { via: Via::Restore, test: None, ..request(Outcome::Hit) };
    let report = fold([request(Outcome::Hit), other, restored].map(Event::Request));
    assert_eq!((report.tests, report.requests, report.models.len()), (1, 3, 2));
}

#[test]
fn numbers_of_a_damaged_line_spoil_no_sum() {
    let odd = Request { seconds: -1.0, saved_seconds: 1e300, bytes: u64::MAX, ..request(Outcome::Hit) };
    let report = fold([Event::Request(odd.clone()), Event::Request(odd)]);
    assert_eq!((report.bytes_served, report.seconds_preparing.to_string()), (u64::MAX, "0".into()));
}

#[test]
fn without_a_header_the_first_event_tells_the_start() {
    let report = fold([Event::Request(Request { at: 1_763_704_346.9, ..request(Outcome::Hit) })]);
    assert_eq!(report.started.as_deref(), Some("2025-11-21T05:52:26Z"));
}

fn usual_name() -> BoxedStrategy<String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned).boxed()
}

/// A number of a model, and what it adds up to.
type Part<T> = (fn(&ModelUse) -> T, T);

fn sum(parts: impl IntoIterator<Item = u64>) -> u64 {
    parts.into_iter().fold(0, u64::saturating_add)
}

proptest! {
    #[test]
    fn the_order_of_files_does_not_matter_and_the_parts_add_up(
        (sorted, shuffled) in prop::collection::vec(any_event(usual_name), 0..60)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle()))
    ) {
        let report = fold(sorted);
        prop_assert_eq!(&report, &fold(shuffled));
        prop_assert_eq!(report.hits + report.misses, report.requests);
        prop_assert_eq!(sum(report.hits_by.counts().map(|(_, count)| count)), report.hits);
        prop_assert_eq!(sum(report.misses_by.counts().map(|(_, count)| count)), report.misses);
        prop_assert_eq!(report.per_test.len() as u64, report.requests);
        let parts: [Part<u64>; 9] = [
            (|model| model.requests, report.requests),
            (|model| model.hits, report.hits),
            (|model| model.bytes_served, report.bytes_served),
            (|model| model.bytes_fetched, report.bytes_fetched),
            (|model| model.bytes_saved, report.bytes_saved),
            (|model| model.repairs, report.repairs),
            (|model| model.fallbacks, report.fallbacks),
            (|model| model.skips, report.skips),
            (|model| model.failures, report.failures),
        ];
        for (index, (part, total)) in parts.into_iter().enumerate() {
            prop_assert_eq!(sum(report.models.iter().map(part)), total, "part {}", index);
        }
        let seconds: [Part<f64>; 4] = [
            (|model| model.seconds_preparing, report.seconds_preparing),
            (|model| model.seconds_waiting, report.seconds_waiting),
            (|model| model.seconds_fetching, report.seconds_fetching),
            (|model| model.seconds_saved, report.seconds_saved),
        ];
        for (part, total) in seconds {
            let parts: f64 = report.models.iter().map(part).sum();
            prop_assert!((parts - total).abs() <= 1e-6 + total * 1e-9);
        }
        for model in &report.models {
            prop_assert_eq!(model.seconds_p50.is_some(), model.requests > 0);
            prop_assert!(model.seconds_p50 <= model.seconds_p95 && model.seconds_p95 <= model.seconds_max);
        }
        prop_assert!(report.bytes_saved <= report.bytes_served);
        prop_assert!(report.skips + report.failures <= report.misses);
        prop_assert!(report.slowest.len() <= SLOWEST);
    }
}
