//! Which variant a test gets.

use cache_harness::{CachedModel, cached_model};

use super::ran_with;

/// Notes the name that was asked for and the variant that came.
fn came(test: &str, model: &CachedModel) {
    ran_with(&format!("variant {test}: {} {:?}", model.name(), model.variant()), model);
}

#[cached_model("noise")]
#[test]
fn open(model: CachedModel) {
    came("open", &model);
}

#[cached_model("noise", variant = "small")]
#[test]
fn by_option(model: CachedModel) {
    came("by option", &model);
}

#[cached_model("noise", variant = "full")]
#[test]
fn itself(model: CachedModel) {
    came("itself", &model);
}

#[cached_model("noise@small")]
#[test]
fn by_name(model: CachedModel) {
    assert!(model.file("wav2vec.pt").is_some());
    came("by name", &model);
}
