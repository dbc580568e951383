//! `#[test]`.

use std::error::Error;

use cache_harness::{CachedModel, cached_model};

use super::{ran, ran_with};

#[cached_model("whisper-tiny")]
#[test]
fn owned(model: CachedModel) {
    ran_with("owned", &model);
}

#[cached_model("whisper-tiny")]
#[test]
fn shared(model: &CachedModel) {
    ran_with("shared", model);
}

#[cached_model("whisper-tiny")]
#[test]
fn without_parameter() {
    ran("without parameter");
}

#[cached_model("whisper-tiny", "minilm", "wav2vec")]
#[test]
fn several(whisper: CachedModel, sentences: &CachedModel, wav2vec: CachedModel) {
    assert!(sentences.path().exists() && wav2vec.path().exists());
    assert_ne!(whisper.path(), sentences.path());
    assert_ne!(sentences.path(), wav2vec.path());
    ran_with("several", &whisper);
}

#[cached_model("minilm")]
#[test]
fn result(model: CachedModel) -> Result<(), Box<dyn Error>> {
    ran_with("result", &model);
    "1".parse::<u8>()?;
    Ok(())
}

#[cached_model("minilm")]
#[test]
fn r#raw(model: CachedModel) {
    ran_with("raw", &model);
}

#[cached_model("silence", provider = "openai-whisper", restore = "private", verify = "always", fallback = false)]
#[test]
fn options(model: CachedModel) {
    ran_with("options", &model);
}

#[cached_model("minilm")]
#[test]
#[should_panic(expected = "out of range")]
fn panics(model: CachedModel) {
    ran_with("panics", &model);
    panic!("out of range");
}

#[cached_model("absent", offline = true)]
#[test]
#[should_panic(expected = "absent")]
fn a_missing_model_fails_the_test() {
    ran("not without its model");
}

#[cached_model("absent")]
#[test]
#[ignore = "shows that an ignored test asks for no model: this one would fail"]
fn ignored() {
    ran("ignored");
}
