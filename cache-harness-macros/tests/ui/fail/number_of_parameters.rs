use cache_harness_macros::cached_model;

struct CachedModel;

#[cached_model("minilm")]
#[test]
fn two_for_one(_first: CachedModel, _second: &CachedModel) {}

#[cached_model("minilm", "ggml-tiny")]
#[test]
fn one_for_two(_model: CachedModel) {}

fn main() {}
