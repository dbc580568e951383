//! Where `huggingface_hub`, `hf-hub`, transformers, candle, mistral.rs and many more keep the Hub's cache.
//!
//! `$HF_HUB_CACHE`, else `$HUGGINGFACE_HUB_CACHE`, else `$HF_HOME/hub`, else `$XDG_CACHE_HOME/huggingface/hub`, else
//! `~/.cache/huggingface/hub` (`huggingface_hub/constants.py`, `hf-hub src/constants.rs`). A configured root stands
//! for `HF_HOME` (so the hub folder is `<root>/hub`), unless it is called `hub`: then it is the hub folder itself.
//!
//! `TRANSFORMERS_CACHE` is set for transformers before 5, which reads it as the hub folder.

use std::path::{Path, PathBuf};

use super::{Root, cache_home};
use crate::environment::Environment;
use crate::error::{Error, Result};

pub(super) fn root(configured: Option<&Path>, environment: &Environment) -> Result<Root> {
    if let Some(root) = configured {
        let is_hub = root.file_name().is_some_and(|name| name == "hub");
        let path = if is_hub { root.to_owned() } else { root.join("hub") };
        let home = path.parent().map(Path::to_owned).unwrap_or_default();
        let variables = [("HF_HOME", home)].into_iter().chain(of_hub_folder(&path));
        return Ok(Root { variables: variables.collect(), path });
    }
    let variable = |name| variable(name, environment);
    let path = if let Some(hub) = variable("HF_HUB_CACHE")? {
        hub
    } else if let Some(hub) = variable("HUGGINGFACE_HUB_CACHE")? {
        hub
    } else if let Some(home) = variable("HF_HOME")? {
        home.join("hub")
    } else {
        cache_home(environment, "huggingface", "the Hugging Face cache")?.join("hub")
    };
    Ok(Root { variables: of_hub_folder(&path).collect(), path })
}

fn of_hub_folder(path: &Path) -> impl Iterator<Item = (&'static str, PathBuf)> {
    ["HF_HUB_CACHE", "TRANSFORMERS_CACHE"].into_iter().map(|name| (name, path.to_owned()))
}

fn variable(name: &str, environment: &Environment) -> Result<Option<PathBuf>> {
    let Some(text) = environment.text(name) else { return Ok(None) };
    // Python expands both; hf-hub neither, and would look in a folder called `~`.
    environment.expand(text).map(Some).map_err(|message| Error::Setting { name: name.to_owned(), message })
}
