use cache_harness_macros::cached_model;

struct CachedModel;

#[cached_model("minilm")]
#[test]
fn another_type(_model: String) {}

#[cached_model("minilm")]
#[tokio::test]
async fn exclusive(_model: &mut CachedModel) {}

#[cached_model("minilm")]
#[test]
fn twice_referenced(_model: &&CachedModel) {}

fn main() {}
