//! faster-whisper: `WhisperModel("tiny")`, which is `snapshot_download` of `Systran/faster-whisper-tiny`.
//!
//! The layout of [`hub_cache`](super::hub_cache) where [`huggingface`] has it; it reads no variable of its own
//! (`faster_whisper/utils.py`, `download_model`). It takes `config.json preprocessor_config.json model.bin tokenizer.json
//! vocabulary.*` of the repository.

use std::path::Path;

use super::{Root, huggingface};
use crate::environment::Environment;
use crate::error::Result;

pub(super) fn root(configured: Option<&Path>, environment: &Environment) -> Result<Root> {
    huggingface::root(configured, environment)
}
