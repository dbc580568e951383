use cache_harness_macros::cached_model;

#[cached_model("whisper.cpp/tiny")]
#[test]
fn an_unconfirmed_model_named_directly() {}

#[cached_model("zoo-accepted")]
#[test]
fn an_unconfirmed_model_that_is_not_pinned() {}

#[cached_model("zoo-misspelt")]
#[test]
fn a_model_declared_as_one_that_does_not_exist() {}

#[cached_model("openai-whisper/tiny.eng")]
#[test]
fn nearly_a_built_in_model() {}

#[cached_model("openai-whisper/tiny", "zoo-known", restore = "never")]
#[test]
fn primary_models_need_no_pins() {}

fn main() {}
