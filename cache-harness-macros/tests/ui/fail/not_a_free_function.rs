use cache_harness_macros::cached_model;

struct Suite;

impl Suite {
    #[cached_model("minilm")]
    #[test]
    fn method(&self) {}
}

#[cached_model("minilm")]
#[test]
const fn constant() {}

#[cached_model("minilm")]
#[test]
extern "C" fn foreign() {}

#[cached_model("minilm")]
struct NotAFunction;

fn main() {}
