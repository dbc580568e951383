use cache_harness_macros::cached_model;

#[cached_model("voice")]
#[test]
fn which_the_environment_may_choose() {}

#[cached_model("voice@q8")]
#[test]
fn by_the_name() {}

#[cached_model("voice", variant = "q8")]
#[test]
fn by_an_option() {}

#[cached_model("voice@q5", "voice@full", "minilm@full")]
#[test]
fn all_of_these_are_pinned() {}

#[cached_model("voice", variant = "full")]
#[test]
fn the_model_itself_is_pinned() {}

fn main() {}
