use cache_harness_macros::cached_model;

#[cached_model(minilm)]
#[test]
fn a_bare_word() {}

#[cached_model(3, b"minilm")]
#[test]
fn other_literals() {}

#[cached_model("minilm" "ggml-tiny")]
#[test]
fn no_comma() {}

#[cached_model("", "../minilm", "mini lm", "/minilm")]
#[test]
fn invalid_names() {}

#[cached_model("minilm", "ggml-tiny", "minilm")]
#[test]
fn a_name_twice() {}

#[cached_model("voice@..")]
#[test]
fn no_variant() {}

fn main() {}
