use cache_harness_macros::cached_model;

#[cached_model("voice", variant = "q6")]
#[test]
fn by_an_option() {}

#[cached_model("voice@mini")]
#[test]
fn by_the_name() {}

#[cached_model("minilm", variant = "q5")]
#[test]
fn of_a_model_that_has_none() {}

#[cached_model("voise@q5")]
#[test]
fn of_a_model_that_is_not_declared() {}

#[cached_model("voice@q5", variant = "q5")]
#[test]
fn twice() {}

fn main() {}
