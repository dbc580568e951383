use cache_harness_macros::cached_model;

#[cached_model("whisper-tny")]
#[test]
fn nearly_a_name() {}

#[cached_model("llama", "whisper-tiny")]
#[test]
fn nothing_like_it() {}

fn main() {}
