use cache_harness_macros::cached_model;

#[cached_model("minilm", on_mising = "skip")]
#[test]
fn nearly_an_option() {}

#[cached_model("minilm", colour = "blue")]
#[test]
fn nothing_like_it() {}

#[cached_model("minilm", offline = true, offline = false)]
#[test]
fn an_option_twice() {}

#[cached_model("minilm", verify =)]
#[test]
fn no_value() {}

fn main() {}
