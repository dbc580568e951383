//! `on_missing = "skip"`: passes without its body, whatever counts as success.

use std::error::Error;
use std::process::ExitCode;

use cache_harness::{CachedModel, cached_model};

use super::{ran, ran_with};

#[cached_model("absent", on_missing = "skip", offline = true)]
#[test]
fn nothing() {
    ran("skipped");
}

#[cached_model("absent", on_missing = "skip", offline = true)]
#[test]
fn result(model: CachedModel) -> Result<(), Box<dyn Error>> {
    ran_with("skipped, result", &model);
    Err("the body ran".into())
}

#[cached_model("absent", on_missing = "skip", offline = true)]
#[tokio::test]
async fn exit_code(model: &CachedModel) -> ExitCode {
    ran_with("skipped, exit code", model);
    ExitCode::FAILURE
}
