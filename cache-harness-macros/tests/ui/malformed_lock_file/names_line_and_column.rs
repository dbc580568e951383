use cache_harness_macros::cached_model;

#[cached_model("minilm")]
#[test]
fn names_the_line() {}

fn main() {}
