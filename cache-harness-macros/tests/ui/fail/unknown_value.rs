use cache_harness_macros::cached_model;

#[cached_model("minilm", provider = "hugging-face")]
#[test]
fn provider() {}

#[cached_model("minilm", restore = "link")]
#[test]
fn restore() {}

#[cached_model("minilm", verify = "allways")]
#[test]
fn verify() {}

#[cached_model("minilm", on_missing = skip)]
#[test]
fn on_missing() {}

#[cached_model("minilm", offline = "true")]
#[test]
fn offline() {}

#[cached_model("minilm", fallback = 0)]
#[test]
fn fallback() {}

#[cached_model("minilm", variant = q5)]
#[test]
fn variant_without_quotes() {}

#[cached_model("minilm", variant = "q5 small")]
#[test]
fn variant() {}

fn main() {}
