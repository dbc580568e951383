//! Ollama: `ollama run NAME`.
//!
//! ```text
//! <root>/
//!   blobs/sha256-<SHA-256>                                          hard links
//!   manifests/registry.ollama.ai/<namespace>/<model>/<tag>          JSON: the digests of a configuration and of layers
//! ```
//! The root is `$OLLAMA_MODELS`, else `~/.ollama/models` (`envconfig/config.go`). Sources: `manifest/paths.go`,
//! `manifest/manifest.go`, `types/model/name.go`, `types/model/config.go`. Newer versions also have `manifests-v2`, look
//! there first, and go on reading `manifests`.
//!
//! `name`, `namespace/name` and `namespace/name/tag` in the catalog are that model there; the namespace is else `library`
//! and the tag its variant or `latest`. If one of the model's files is called `manifest.json`, it is the manifest, and the others are the
//! blobs it names. Else the model is one `.gguf` file, and a manifest and a configuration are made for it as
//! `ollama create` makes them of `FROM file.gguf`, without a prompt template: what is asked goes to the model as it is.
//!
//! A manifest of that name with other content is somebody's model, and an error. On its start Ollama removes blobs that no
//! manifest names, so the manifest comes last; what was removed in between, the next hit puts back.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Item, Layout, Root, Subject, Wanted};
use crate::digest::Sha256Digest;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::pins::PinnedFile;

const MODELS: &str = "OLLAMA_MODELS";

pub(super) fn layout(root: &Path, subject: Subject<'_>) -> Result<Layout> {
    let manifest = manifest_path(root, subject)?;
    let blobs = root.join("blobs");
    let blob = |sha256: &Sha256Digest| blobs.join(format!("sha256-{sha256}"));
    let is_manifest = |file: &PinnedFile| file.path.as_str() == "manifest.json";
    let place = |file: &PinnedFile| if is_manifest(file) { manifest.clone() } else { blob(&file.sha256) };
    let files: Vec<_> = subject.pins.files.iter().map(|file| (file.path.clone(), place(file))).collect();
    let bytes = |file: &PinnedFile| Item {
        path: place(file),
        wanted: Wanted::Bytes { file: file.path.clone(), sha256: file.sha256 },
    };
    let mut items: Vec<_> = subject.pins.files.iter().filter(|file| !is_manifest(file)).map(bytes).collect();
    items.sort_by(|left, right| left.path.cmp(&right.path));
    items.dedup_by(|left, right| left.path == right.path);
    if let Some(file) = subject.pins.files.iter().find(|file| is_manifest(file)) {
        items.push(bytes(file));
    } else {
        let (configuration, text) = made(subject)?;
        items.push(Item::exact_text(blob(&Sha256Digest::of(configuration.as_bytes())), configuration));
        items.push(Item::exact_text(manifest, text));
    }
    Ok(Layout::new(blobs, items, files))
}

fn manifest_path(root: &Path, subject: Subject<'_>) -> Result<PathBuf> {
    let parts: Vec<&str> = subject.name.model().split('/').collect();
    let (namespace, model, tag) = match (parts.as_slice(), subject.name.variant()) {
        ([model], tag) => ("library", *model, tag.unwrap_or("latest")),
        ([namespace, model], tag) => (*namespace, *model, tag.unwrap_or("latest")),
        ([namespace, model, tag], None) => (*namespace, *model, *tag),
        _ => return Err(subject.wrong("Ollama's names have at most three parts: `namespace/name/tag`")),
    };
    // `isValidPart`: a letter, digit or `_` first, no more than 80 characters, no `.` in a namespace.
    let starts_well = |part: &&str| part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if [namespace, model, tag].iter().any(|part| !starts_well(part) || part.len() > 80) || namespace.contains('.') {
        return Err(
            subject.wrong("Ollama has no such names: it wants parts of up to 80 letters, digits, `_`, `-`, `.`")
        );
    }
    Ok(root.join("manifests/registry.ollama.ai").join(namespace).join(model).join(tag))
}

/// The configuration and the manifest of a model that is one file.
fn made(subject: Subject<'_>) -> Result<(String, String)> {
    let [file] = subject.pins.files.as_slice() else {
        return Err(subject.wrong("for Ollama a model is one `.gguf` file, or files of which one is `manifest.json`"));
    };
    if !file.path.name().to_ascii_lowercase().ends_with(".gguf") {
        return Err(subject.wrong(format!("Ollama reads `.gguf` files, and `{}` is none", file.path)));
    }
    let Some(size) = file.size else {
        let name = subject.name;
        return Err(subject.wrong(format!("Ollama's manifest needs the size: run `cache-harness lock {name}`")));
    };
    let layer = format!("sha256:{}", file.sha256);
    let configuration = json!({
        "model_format": "gguf", "model_family": "", "model_families": null, "model_type": "", "file_type": "",
        "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [layer] },
    });
    let configuration = configuration.to_string();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": format!("sha256:{}", Sha256Digest::of(configuration.as_bytes())),
            "size": configuration.len(),
        },
        "layers": [{ "mediaType": "application/vnd.ollama.image.model", "digest": layer, "size": size }],
    });
    Ok((configuration, format!("{manifest}\n")))
}

pub(super) fn root(configured: Option<&Path>, environment: &Environment) -> Result<Root> {
    let below_home = || {
        let remedy = "set HOME, or OLLAMA_MODELS";
        let home = environment.home().ok_or(Error::NoHome { what: "the folder of Ollama", remedy })?;
        Ok(home.join(".ollama/models"))
    };
    let own = configured.map(Path::to_owned).or_else(|| environment.get(MODELS).map(PathBuf::from));
    let path = own.map_or_else(below_home, Ok)?;
    Ok(Root { variables: vec![(MODELS, path.clone())], path })
}
