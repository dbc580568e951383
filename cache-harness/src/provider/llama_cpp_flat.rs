//! llama.cpp before it shared the Hub's cache.
//!
//! ```text
//! <root>/<owner>_<name>_<file>      of a repository, each `/` an underscore
//! <root>/<file>                     of an address
//! ```
//! The root is `$LLAMA_CACHE`, else `$XDG_CACHE_HOME/llama.cpp`, else `~/.cache/llama.cpp`, on macOS
//! `~/Library/Caches/llama.cpp` (`common/common.cpp`, `fs_get_cache_directory`; the names are those of
//! `common_params_handle_model`). It finds a file offline, or by `-m`. The `.etag` beside it, without which an online
//! start asks the server, is not written: it holds what the server last said, which no pin does.

use std::path::{Path, PathBuf};

use super::llama_cpp::CACHE;
use super::{Layout, Root, Subject, cache_home};
use crate::environment::Environment;
use crate::error::{Error, Result};

pub(super) fn layout(root: &Path, subject: Subject<'_>) -> Layout {
    let repository = subject.hub_id.map_or_else(String::new, |hub_id| format!("{hub_id}_"));
    Layout::named(root.to_owned(), subject, |file| match subject.hub_id {
        Some(_) => format!("{repository}{}", file.path).replace('/', "_"),
        None => file.path.name().to_owned(),
    })
}

pub(super) fn root(configured: Option<&Path>, environment: &Environment) -> Result<Root> {
    let path = match configured.map(Path::to_owned).or_else(|| environment.get(CACHE).map(PathBuf::from)) {
        Some(path) => path,
        None if cfg!(target_os = "macos") => {
            let remedy = "set HOME, or LLAMA_CACHE";
            let home = environment.home().ok_or(Error::NoHome { what: "the folder of llama.cpp", remedy })?;
            home.join("Library/Caches/llama.cpp")
        }
        None => cache_home(environment, "llama.cpp", "the folder of llama.cpp")?,
    };
    Ok(Root { variables: vec![(CACHE, path.clone())], path })
}
