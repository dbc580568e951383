//! The caches of other programs: where they are, and where in them a pinned file would be.
//!
//! ```text
//! <hub>/models--<owner>--<name>/blobs/<etag>, snapshots/<commit>/<file>    Hugging Face and what reads its layout
//! <folder>/<file>                             openai-whisper, torch hub, whisper.cpp
//! <folder>/<owner>_<name>_<file>              llama.cpp, as it was called until 2026
//! <models>/blobs/sha256-<digest>              Ollama (`manifest/paths.go`)
//! <models>/<owner>/<name>/<file>              LM Studio
//! <models>/<SHA-256 of the address>           ort (`session/builder/impl_commit.rs`)
//! ```
//! A file that lies elsewhere in them is found by looking through them, which only `adopt` does: what is asked at a
//! miss costs a look for each file and cache.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::catalog::{Declared, Source};
use crate::config::Config;
use crate::digest::Sha256Digest;
use crate::environment::{self, Environment};
use crate::pins::{PinnedFile, Pins};
use crate::provider::Root;
use crate::provider_kind::ProviderKind;

/// A cache that another program fills.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct KnownCache {
    pub(crate) root: PathBuf,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    Hub,
    Flat,
    Ollama,
    LmStudio,
    Ort,
}

/// Variables that name a folder in which `models--owner--name` may stand.
const HUB_VARIABLES: [&str; 7] = [
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    // fastembed in Rust takes it for the hub folder itself.
    environment::HF_HOME,
    "SENTENCE_TRANSFORMERS_HOME",
    "FASTEMBED_CACHE_PATH",
    "FASTEMBED_CACHE_DIR",
    "LLAMA_CACHE",
];

/// Where the package of a Linux distribution has Ollama keep its models.
const OLLAMA_SERVICE: &str = "/usr/share/ollama/.ollama/models";

impl KnownCache {
    /// The caches that are there: those of the providers as they are configured, then where each program looks by
    /// itself.
    pub(crate) fn all(config: &Config, environment: &Environment) -> Vec<Self> {
        let unconfigured = Config { provider_roots: std::collections::BTreeMap::new(), ..config.clone() };
        let mut found = Vec::new();
        let mut add = |form, root: Option<PathBuf>| found.extend(root.map(|root| Self { root, form }));
        for config in [config, &unconfigured] {
            let root = |kind| Root::of(kind, config, environment).ok().map(|root| root.path);
            add(Form::Hub, root(ProviderKind::Huggingface));
            add(Form::Flat, root(ProviderKind::OpenaiWhisper));
            add(Form::Flat, root(ProviderKind::TorchHub).map(|root| root.join("hub/checkpoints")));
        }
        let variable = |name: &str| environment.expand(environment.text(name)?).ok();
        for name in HUB_VARIABLES {
            add(Form::Hub, variable(name));
        }
        add(Form::Hub, variable(environment::HF_HOME).map(|home| home.join("hub")));
        let home = environment.home();
        let named = environment.get(environment::XDG_CACHE_HOME).map(PathBuf::from);
        let usual = home.as_ref().map(|home| home.join(".cache"));
        let system = home.as_ref().filter(|_| cfg!(target_os = "macos")).map(|home| home.join("Library/Caches"));
        for caches in [named, usual, system].into_iter().flatten() {
            add(Form::Hub, Some(caches.join("huggingface/hub")));
            for flat in ["whisper", "torch/hub/checkpoints", "llama.cpp", "whisper.cpp"] {
                add(Form::Flat, Some(caches.join(flat)));
            }
            add(Form::LmStudio, Some(caches.join("lm-studio/models")));
            add(Form::Ort, Some(caches.join("ort.pyke.io/models")));
        }
        add(Form::Flat, variable("LLAMA_CACHE"));
        add(Form::Ort, variable("ORT_CACHE_DIR").map(|root| root.join("models")));
        add(Form::Ollama, variable("OLLAMA_MODELS"));
        add(Form::Ollama, home.as_ref().map(|home| home.join(".ollama/models")));
        add(Form::LmStudio, home.map(|home| home.join(".lmstudio/models")));
        add(Form::Ollama, Some(OLLAMA_SERVICE.into()));
        let mut seen = HashSet::new();
        found.retain(|cache| seen.insert(cache.clone()) && cache.root.is_dir());
        found
    }

    /// The paths at which a file of a model would be here, whether it is there or not.
    pub(crate) fn paths(&self, declared: &Declared, pins: &Pins, file: &PinnedFile) -> Vec<PathBuf> {
        let name = Path::new(file.path.as_str()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let repos = repos(declared);
        match self.form {
            Form::Hub => {
                let repo = |repo: &&str| self.root.join(format!("models--{}", repo.replace('/', "--")));
                let paths = |repository: PathBuf| {
                    let etag = file.etag.clone().unwrap_or_else(|| file.sha256.to_string());
                    let snapshot = |commit: &String| file.path.below(&repository.join("snapshots").join(commit));
                    let snapshot = pins.commit.as_ref().map(snapshot);
                    [Some(repository.join("blobs").join(etag)), snapshot].into_iter().flatten()
                };
                repos.iter().map(repo).flat_map(paths).collect()
            }
            Form::Flat => {
                let long = repos.iter().map(|repo| format!("{}_{name}", repo.replace('/', "_")));
                long.chain([name.clone()]).map(|name| self.root.join(name)).collect()
            }
            Form::Ollama => vec![self.root.join(format!("blobs/sha256-{}", file.sha256))],
            Form::LmStudio => repos.iter().map(|repo| file.path.below(&self.root.join(repo))).collect(),
            Form::Ort => match &declared.source {
                Source::Urls(urls) => {
                    let name = |url: &String| Sha256Digest::of(url.as_bytes()).to_string();
                    urls.iter().map(|url| self.root.join(name(url))).collect()
                }
                _ => Vec::new(),
            },
        }
    }
}

/// The repositories that a model is known by: the one it is loaded as, and the one it comes from.
fn repos(declared: &Declared) -> Vec<&str> {
    let source = match &declared.source {
        Source::Hub { repo, .. } => Some(repo.as_str()),
        _ => None,
    };
    let mut repos: Vec<_> = declared.hub_id.as_deref().into_iter().chain(source).collect();
    repos.dedup();
    repos
}
