use cache_harness_macros::cached_model;

#[cached_model("minilm")]
#[test]
#[should_panic]
fn panics_somehow() {
    panic!()
}

fn main() {}
