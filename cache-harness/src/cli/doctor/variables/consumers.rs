//! Variables that lead consumers to their folders.
//!
//! What each consumer reads: `huggingface_hub/constants.py`, `hf-hub src/constants.rs`, `torch/hub.py`, fastembed-rs
//! `src/common.rs`, `sentence_transformers/base/model.py`, llama.cpp `common/hf-cache.cpp`.

use std::path::{Path, PathBuf};

use super::super::examined::Examined;
use super::super::finding::{Check, Finding, quoted};
use super::super::project;
use super::super::roots::ProviderRoot;
use super::{note, warning};
use crate::environment::{Environment, HF_HOME, XDG_CACHE_HOME, XDG_CONFIG_HOME, XDG_STATE_HOME};
use crate::provider_kind::ProviderKind;

const HF_HUB_CACHE: &str = "HF_HUB_CACHE";
const HUGGINGFACE_HUB_CACHE: &str = "HUGGINGFACE_HUB_CACHE";

/// Variables that only old versions of a consumer read, or programs built upon it: (variable, who does not).
const DEAD: [(&str, &str); 2] = [
    ("TRANSFORMERS_CACHE", "no current transformers reads it"),
    ("MLX_CACHE_DIR", "no MLX package reads it, only some programs upon them"),
];

/// Variables that lead one consumer of Hub models past the Hub's folder.
const DIVERTING: [(&str, &str); 3] = [
    ("SENTENCE_TRANSFORMERS_HOME", "sentence-transformers"),
    ("FASTEMBED_CACHE_PATH", "fastembed (Python)"),
    ("LLAMA_CACHE", "llama.cpp"),
];

/// Paths that other programs take as they are written.
const PATHS: [&str; 9] = [
    HF_HUB_CACHE,
    HUGGINGFACE_HUB_CACHE,
    HF_HOME,
    "TORCH_HOME",
    "OLLAMA_MODELS",
    "ORT_CACHE_DIR",
    XDG_CACHE_HOME,
    XDG_CONFIG_HOME,
    XDG_STATE_HOME,
];

pub(super) fn check(examined: &Examined, roots: &[ProviderRoot]) -> Vec<Finding> {
    let environment = &examined.environment;
    let hub = roots.iter().find(|root| root.kind == ProviderKind::Huggingface).map(|root| root.path.as_path());
    let mut findings = Vec::new();
    for (name, nobody) in DEAD {
        findings.extend(dead(environment, name, nobody, hub));
    }
    findings.extend(shadowed(environment));
    findings.extend(two_meanings(examined));
    for (name, consumer) in DIVERTING {
        findings.extend(diverted(environment, name, consumer, hub));
    }
    for name in PATHS {
        findings.extend(taken_literally(environment, name));
    }
    findings
}

/// The path in a variable, as Python expands it.
fn path(environment: &Environment, name: &str) -> Option<PathBuf> {
    let raw = environment.get(name)?;
    let expanded = raw.to_str().and_then(|text| environment.expand(text).ok());
    let path = expanded.unwrap_or_else(|| PathBuf::from(raw));
    Some(std::path::absolute(&path).unwrap_or(path))
}

/// Harmless where it says the same as the variable that counts, as `cache-harness env` has it.
fn dead(environment: &Environment, name: &str, nobody: &str, hub: Option<&Path>) -> Option<Finding> {
    let theirs = path(environment, name)?;
    if hub == Some(theirs.as_path()) {
        return None;
    }
    let finding = warning("variable-dead", format!("`{name}` does nothing: {nobody}"));
    let is_led = [HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE].iter().any(|name| environment.get(name).is_some());
    let instead = format!("export {HF_HUB_CACHE}={}; ", quoted(&theirs.display().to_string()));
    Some(finding.mend(format!("{}unset {name}", if is_led { "" } else { &instead })))
}

fn shadowed(environment: &Environment) -> Vec<Finding> {
    let mut findings = Vec::new();
    let first = path(environment, HF_HUB_CACHE);
    if let (Some(first), Some(second)) = (&first, path(environment, HUGGINGFACE_HUB_CACHE))
        && *first != second
    {
        let message = format!("`{HUGGINGFACE_HUB_CACHE}` does nothing: `{HF_HUB_CACHE}` names another folder and wins");
        findings.push(warning("variable-shadowed", message).mend(format!("unset {HUGGINGFACE_HUB_CACHE}")));
    }
    let hub = first.map(|path| (HF_HUB_CACHE, path));
    let hub = hub.or_else(|| path(environment, HUGGINGFACE_HUB_CACHE).map(|path| (HUGGINGFACE_HUB_CACHE, path)));
    if let (Some((name, hub)), Some(home)) = (hub, path(environment, HF_HOME))
        && home.join("hub") != hub
    {
        let message = format!("models go where `{name}` says; `{HF_HOME}` only leads to the token and other files");
        findings.push(note("variable-shadowed", message).mend(format!("unset {name}, or set it to $HF_HOME/hub")));
    }
    findings
}

/// The one variable that two libraries of the same models read in two ways.
fn two_meanings(examined: &Examined) -> Option<Finding> {
    let home = path(&examined.environment, HF_HOME)?;
    let home = home.display();
    let uses_it = project::locked_version(examined, "fastembed").is_some();
    let message =
        format!("`{HF_HOME}` means two folders: Hub clients look in `{home}/hub`, fastembed (Rust) in `{home}` itself");
    let mend = format!("pass `InitOptions::with_cache_dir` the folder {home}/hub");
    Some(if uses_it {
        Finding::warning(Check::Variables, "hf-home-two-meanings", message).mend(mend)
    } else {
        let here = if project::cargo_lock(examined).is_some() { "; this project has no fastembed" } else { "" };
        note("hf-home-two-meanings", format!("{message}{here}"))
    })
}

fn diverted(environment: &Environment, name: &str, consumer: &str, hub: Option<&Path>) -> Option<Finding> {
    let theirs = path(environment, name).filter(|theirs| Some(theirs.as_path()) != hub)?;
    let message = format!("by `{name}` {consumer} looks in `{}`, not in the Hub's folder", theirs.display());
    Some(note("variable-diverting", message).mend(format!("unset {name}")))
}

/// What one library expands, or takes from the current folder, and another does not.
fn taken_literally(environment: &Environment, name: &str) -> Option<Finding> {
    let text = environment.text(name)?;
    let fixed = path(environment, name)?;
    let mend = format!("export {name}={}", quoted(&fixed.display().to_string()));
    if text.starts_with('~') || text.contains('$') {
        let who = if name.starts_with("XDG") || name == "OLLAMA_MODELS" || name == "ORT_CACHE_DIR" {
            "programs do not expand it"
        } else {
            "Python expands it, but Rust (hf-hub) looks in a folder of that very name"
        };
        return Some(warning("variable-unexpanded", format!("`{name}` is `{text}`: {who}")).mend(mend));
    }
    if Path::new(text).is_relative() {
        let who = if name.starts_with("XDG") {
            "cache-harness ignores it, as XDG has it; other programs take it from where they run"
        } else {
            "each program takes it from the folder it runs in, and cargo runs each test in its package"
        };
        return Some(warning("variable-relative", format!("`{name}` is the relative path `{text}`: {who}")).mend(mend));
    }
    None
}
