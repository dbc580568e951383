use cache_harness_macros::cached_model;

#[cached_model("minilm")]
#[test]
#[core::prelude::v1::test]
fn runs_twice() {}

#[cached_model("minilm")]
#[rstest]
#[tokio::test]
#[test]
fn composing_attributes_take_one_more() {}

fn main() {}
