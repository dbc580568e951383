use cache_harness_macros::cached_model;

#[cached_model("unpinned")]
#[test]
fn a_hub_model() {}

#[cached_model("minilm", "url-without-digest")]
#[test]
fn a_url_without_digest() {}

fn main() {}
