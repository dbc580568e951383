use cache_harness_macros::cached_model;

#[cached_model("minilm")]
fn nothing_makes_it_a_test() {}

#[cached_model("minilm")]
#[ignore]
fn ignoring_does_not_make_a_test() {}

fn main() {}
