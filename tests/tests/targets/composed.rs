//! Attributes that add cases, fixtures, logging or an order.

use cache_harness::{CachedModel, cached_model};
use rstest::{fixture, rstest};
use serial_test::serial;
use tokio::task::yield_now;

use super::{ran, ran_with};

#[fixture]
fn seven() -> u8 {
    7
}

#[cached_model("minilm")]
#[rstest]
#[case::first(1)]
#[case::second(2)]
fn cases(#[case] number: u8, model: CachedModel) {
    ran_with(&format!("cases {number}"), &model);
}

// Below `#[rstest]` the model can't be a parameter: rstest would look for a fixture of that name.
#[rstest]
#[cached_model("minilm")]
#[case(1)]
fn annotated_below(#[case] number: u8) {
    assert_eq!(number, 1);
    ran("cases, annotated below");
}

#[cached_model("minilm")]
#[rstest]
#[case((1, 2), 3)]
fn cases_of_a_pattern(#[case] (one, two): (u8, u8), model: &CachedModel, #[case] mut three: u8) {
    three -= one;
    assert_eq!(two, three);
    ran_with("cases of a pattern", model);
}

#[cached_model("minilm", "wav2vec")]
#[rstest]
#[tokio::test]
async fn asynchronous_cases(#[values(1, 2)] number: u8, sentences: CachedModel, wav2vec: &CachedModel) {
    yield_now().await;
    assert_ne!(sentences.path(), wav2vec.path());
    ran_with(&format!("cases, async {number}"), &sentences);
}

#[cached_model("minilm")]
#[rstest]
fn with_a_fixture(seven: u8, model: CachedModel) {
    assert_eq!(seven, 7);
    ran_with("fixture", &model);
}

#[cached_model("minilm")]
#[test_log::test]
fn logged(model: CachedModel) {
    ran_with("log", &model);
}

#[test_log::test]
#[cached_model("minilm")]
fn logged_annotated_below(model: CachedModel) {
    ran_with("log, annotated below", &model);
}

#[cached_model("minilm")]
#[test_log::test(tokio::test)]
async fn logged_asynchronous(model: CachedModel) {
    yield_now().await;
    ran_with("log, async", &model);
}

#[cached_model("minilm")]
#[tokio::test]
#[test_log::test]
async fn logged_and_tokio(model: CachedModel) {
    yield_now().await;
    ran_with("log and tokio", &model);
}

#[cached_model("minilm")]
#[test]
#[serial]
fn annotated_above_serial(model: CachedModel) {
    ran_with("serial, annotated above", &model);
}

// Above us, `#[serial]` drops the function's parameters.
#[serial]
#[cached_model("minilm")]
#[test]
fn annotated_below_serial() {
    ran("serial, annotated below");
}

#[cached_model("minilm")]
#[tokio::test]
#[serial]
async fn serial_and_asynchronous(model: &CachedModel) {
    yield_now().await;
    ran_with("serial, async", model);
}
