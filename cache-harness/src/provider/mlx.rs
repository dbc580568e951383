//! MLX: `mlx_whisper`, `mlx_lm`.
//!
//! The layout of [`hub_cache`](super::hub_cache) where [`huggingface`] has it: they call `snapshot_download`
//! (`mlx_whisper/load_models.py`). `MLX_CACHE_DIR` occurs in no package of MLX, only in applications, which read it as
//! the hub folder; it is set for those.

use std::path::Path;

use super::{Root, huggingface};
use crate::environment::Environment;
use crate::error::Result;

pub(super) fn root(configured: Option<&Path>, environment: &Environment) -> Result<Root> {
    let mut root = huggingface::root(configured, environment)?;
    root.variables.push(("MLX_CACHE_DIR", root.path.clone()));
    Ok(root)
}
