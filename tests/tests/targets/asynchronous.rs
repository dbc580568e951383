//! `#[tokio::test]`, on either side.

use std::error::Error;

use cache_harness::{CachedModel, cached_model};
use tokio::task::yield_now;

use super::{ran, ran_with};

#[cached_model("whisper-tiny")]
#[tokio::test]
async fn owned(model: CachedModel) {
    yield_now().await;
    ran_with("async owned", &model);
}

#[cached_model("whisper-tiny")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shared_by_several_threads(model: &CachedModel) {
    tokio::spawn(yield_now()).await.expect("the task ends");
    ran_with("async shared, several threads", model);
}

#[cached_model("whisper-tiny", "minilm")]
#[tokio::test(flavor = "current_thread")]
async fn several(whisper: CachedModel, sentences: &CachedModel) -> Result<(), Box<dyn Error>> {
    tokio::spawn(yield_now()).await?;
    assert_ne!(whisper.path(), sentences.path());
    ran_with("async several, result", &whisper);
    Ok(())
}

#[tokio::test]
#[cached_model("whisper-tiny")]
async fn tokio_above(model: CachedModel) {
    yield_now().await;
    ran_with("async, tokio above", &model);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cached_model("whisper-tiny")]
async fn tokio_above_several_threads(model: &CachedModel) -> Result<(), Box<dyn Error>> {
    tokio::spawn(yield_now()).await?;
    ran_with("async, tokio above, several threads", model);
    Ok(())
}

#[cached_model("whisper-tiny")]
#[tokio::test]
async fn without_parameter() {
    yield_now().await;
    ran("async, no parameter");
}
