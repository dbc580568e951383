//! What is under way, with moments that the tests give.

use proptest::prelude::*;

use super::*;

const MODELS: [&str; 3] = ["tiny", "base", "large"];
const FILES: [&str; 3] = ["config.json", "model.bin", "vocab.txt"];
const SIZE: u64 = 1_000;

#[derive(Debug, Clone)]
enum Told {
    Queued(usize),
    Lacks(usize),
    Begin(usize, usize, u64),
    Bytes(usize, usize, u64),
    Retry(usize, usize),
    SourceFailed(usize, usize),
    Waiting(usize, u64),
    Done(usize),
    Failed(usize),
}

fn told() -> impl Strategy<Value = Told> {
    let (model, file, bytes) = (0..MODELS.len(), 0..FILES.len(), 0..=SIZE);
    prop_oneof![
        1 => model.clone().prop_map(Told::Queued),
        1 => model.clone().prop_map(Told::Lacks),
        4 => (model.clone(), file.clone(), bytes.clone())
            .prop_map(|(model, file, there)| Told::Begin(model, file, there)),
        8 => (model.clone(), file.clone(), bytes.clone())
            .prop_map(|(model, file, done)| Told::Bytes(model, file, done)),
        1 => (model.clone(), file.clone()).prop_map(|(model, file)| Told::Retry(model, file)),
        1 => (model.clone(), file).prop_map(|(model, file)| Told::SourceFailed(model, file)),
        1 => (model.clone(), bytes).prop_map(|(model, done)| Told::Waiting(model, done)),
        1 => model.clone().prop_map(Told::Done),
        1 => model.prop_map(Told::Failed),
    ]
}

fn fold(tally: &mut Tally, told: &Told, now: Instant) {
    let error = crate::Error::SourcesJustFailed { message: String::new() };
    let size = Some(SIZE * FILES.len() as u64);
    let step = match *told {
        Told::Queued(model) => Step::Queued { model: MODELS[model], bytes: size },
        Told::Lacks(model) => Step::Lacks { model: MODELS[model], files: FILES.len(), bytes: size },
        Told::Begin(model, file, there) => {
            Step::Begin { model: MODELS[model], file: FILES[file], bytes: Some(SIZE), there }
        }
        Told::Bytes(model, file, done) => Step::Bytes { model: MODELS[model], file: FILES[file], done },
        Told::Retry(model, file) => {
            Step::Retry { model: MODELS[model], file: FILES[file], pause: Duration::from_secs(1), error: &error }
        }
        Told::SourceFailed(model, file) => {
            Step::SourceFailed { model: MODELS[model], file: FILES[file], error: &error }
        }
        Told::Waiting(model, done) => {
            let (holder, waited) = ("process 4294967295", Duration::ZERO);
            Step::Waiting { model: MODELS[model], holder, waited, done, bytes: size }
        }
        Told::Done(model) => Step::Done { model: MODELS[model] },
        Told::Failed(model) => Step::Failed { model: MODELS[model] },
    };
    tally.fold(&step, now);
}

proptest! {
    #[test]
    fn whatever_is_told_in_whatever_order_the_numbers_make_sense(steps in prop::collection::vec(told(), 0..120)) {
        let start = Instant::now();
        let mut tally = Tally::default();
        for (index, told) in steps.iter().enumerate() {
            let now = start + Duration::from_millis(37 * index as u64);
            fold(&mut tally, told, now);
            let total = tally.total(now);
            prop_assert!(total.bytes.is_none_or(|bytes| total.done <= bytes), "{total:?}");
            prop_assert!(total.models_done <= total.models, "{total:?}");
            for transfer in tally.models().iter().flat_map(|model| &model.transfers) {
                prop_assert!(transfer.bytes.is_none_or(|bytes| transfer.done < bytes), "{transfer:?}");
            }
        }
        for model in 0..MODELS.len() {
            fold(&mut tally, &Told::Failed(model), start);
        }
        prop_assert!(tally.is_idle());
        prop_assert_eq!(tally.total(start).done, 0);
    }
}

#[test]
fn a_transfer_that_starts_over_counts_what_comes_again() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut tally = Tally::default();
    let begin = |there| Step::Begin { model: "tiny", file: "a", bytes: Some(10_000), there };
    let bytes = |done| Step::Bytes { model: "tiny", file: "a", done };
    for (second, step) in [(0, begin(4_000)), (1, bytes(5_000)), (2, begin(0)), (3, bytes(3_000)), (4, bytes(4_000))] {
        tally.fold(&step, at(second));
    }
    let total = tally.total(at(5));
    assert_eq!((total.done, total.rate), (4_000, Some(1_000)));
    assert_eq!(total.left, Some(Duration::from_secs(6)));
}

#[test]
fn a_file_that_comes_once_more_as_it_was_wrong_is_under_way_again() {
    let now = Instant::now();
    let mut tally = Tally::default();
    let bytes = |done| Step::Bytes { model: "tiny", file: "a", done };
    tally.fold(&Step::Begin { model: "tiny", file: "a", bytes: Some(1_000), there: 0 }, now);
    tally.fold(&bytes(1_000), now);
    assert!(tally.models()[0].transfers.is_empty());
    tally.fold(&bytes(100), now);
    let transfer = &tally.models()[0].transfers[0];
    assert_eq!((transfer.done, transfer.bytes), (100, Some(1_000)));
}

#[test]
fn what_a_model_has_already_counts_once_it_is_known_what_it_lacks() {
    let now = Instant::now();
    let mut tally = Tally::default();
    for model in ["tiny", "base"] {
        tally.fold(&Step::Queued { model, bytes: Some(1_000) }, now);
    }
    tally.fold(&Step::Lacks { model: "tiny", files: 2, bytes: Some(300) }, now);
    tally.fold(&Step::Begin { model: "tiny", file: "a", bytes: Some(200), there: 50 }, now);
    let total = tally.total(now);
    assert_eq!((total.done, total.bytes, total.files), (750, Some(2_000), 2));
    tally.fold(&Step::Bytes { model: "tiny", file: "a", done: 200 }, now);
    assert_eq!((tally.total(now).done, tally.total(now).files), (900, 1));
    let ended = tally.fold(&Step::Done { model: "tiny" }, now).unwrap();
    assert_eq!((ended.name.as_str(), ended.fetched), ("tiny", 200));
    let total = tally.total(now);
    assert_eq!((total.models_done, total.models, total.done, total.bytes), (1, 2, 1_000, Some(2_000)));
}

#[test]
fn a_wait_that_is_told_no_more_is_over() {
    let start = Instant::now();
    let mut tally = Tally::default();
    let wait = Step::Waiting { model: "tiny", holder: "process 1", waited: Duration::ZERO, done: 1, bytes: None };
    tally.fold(&wait, start);
    let waits = |seconds| tally.models()[0].wait(start + Duration::from_secs(seconds)).is_some();
    assert_eq!([waits(0), waits(2), waits(3)], [true, true, false]);
}
