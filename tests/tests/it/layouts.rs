//! Each consumer's rules, as its source has them, find the model where it was put; what users have there is theirs.

use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use cache_harness::testkit::Server;
use cache_harness::{ProviderKind, Sha256Digest};
use serde_json::Value;

use crate::inspect::{digest, walk};
use crate::project::{Ended, Project};

const GGUF: &[u8] = b"GGUF weights";

/// The files of a model that every layout takes: one, of a name that some of them want.
fn file_name(provider: &str) -> &'static str {
    match provider {
        "ollama" => "tiny.gguf",
        "openai-whisper" => "tiny.pt",
        _ => "ggml-tiny.bin",
    }
}

/// A project, and the server that its model comes from.
struct Scene {
    project: Project,
    server: Server,
}

impl std::ops::Deref for Scene {
    type Target = Project;

    fn deref(&self) -> &Project {
        &self.project
    }
}

/// A project with one model `m` for this provider, pinned.
fn scene(provider: &str) -> Scene {
    let (server, file) = (Server::start().unwrap(), file_name(provider));
    server.put(&format!("/{file}"), GGUF.to_vec());
    let project = Project::new("");
    std::fs::create_dir_all(project.dir().join("files/m")).unwrap();
    std::fs::write(project.dir().join("files/m").join(file), GGUF).unwrap();
    let source = match provider {
        "ort" => format!("urls = [\"{}/{file}\"]\nsha256 = \"{}\"", server.url(), Sha256Digest::of(GGUF)),
        _ => "path = \"files/m\"".to_owned(),
    };
    let needs_id = hub_folder(&project, provider).is_some() || matches!(provider, "whisperkit" | "llama-cpp-flat");
    let hub_id = if needs_id { "hub_id = \"owner/m\"\n" } else { "" };
    project.write("cache-harness.toml", &format!("[models.m]\n{source}\nprovider = \"{provider}\"\n{hub_id}"));
    project.run(&["lock", "m"]).succeeded();
    Scene { project, server }
}

/// Where the consumers that read a Hub cache look for it, with no variable but `HOME` and those of XDG.
fn hub_folder(project: &Project, provider: &str) -> Option<PathBuf> {
    match provider {
        "huggingface" | "faster-whisper" | "mlx" | "sentence-transformers" | "llama-cpp" => {
            Some(project.home().join(".cache/huggingface/hub"))
        }
        "fastembed" => Some(project.root().join("tmp/fastembed_cache")),
        "fastembed-rs" => Some(project.dir().join(".fastembed_cache")),
        _ => None,
    }
}

/// `try_to_load_from_cache` (`huggingface_hub/file_download.py`), and `CacheRepo::get` (hf-hub 0.4).
fn hub_finds(hub: &Path, file: &str) -> Option<PathBuf> {
    let repository = hub.join("models--owner--m");
    let commit = std::fs::read_to_string(repository.join("refs/main")).ok()?;
    let pointer = repository.join("snapshots").join(commit).join(file);
    pointer.is_file().then_some(pointer)
}

/// What the consumer of this provider opens.
fn finds(project: &Scene, provider: &str) -> Option<PathBuf> {
    let (home, file) = (project.home(), file_name(provider));
    if let Some(hub) = hub_folder(project, provider) {
        return hub_finds(&hub, file);
    }
    let path = match provider {
        "directory" => project.cache().join("models/m").join(file),
        "llama-cpp-flat" => home.join(".cache/llama.cpp").join(format!("owner_m_{file}")),
        "ollama" => return ollama_finds(&home.join(".ollama/models")),
        "openai-whisper" => home.join(".cache/whisper").join(file),
        // `ort-sys` adds no folder of its own to XDG_CACHE_HOME.
        "ort" => {
            let address = format!("{}/{file}", project.server.url());
            home.join(".cache/models").join(Sha256Digest::of(address.as_bytes()).to_string())
        }
        "torch-hub" => home.join(".cache/torch/hub/checkpoints").join(file),
        "whisper-cpp" => project.cache().join("models/whisper.cpp").join(file),
        "whisperkit" => return whisperkit_finds(&home.join("Documents/huggingface/models/owner/m"), file),
        other => panic!("no rule for {other}"),
    };
    path.is_file().then_some(path)
}

/// `ParseNamedManifest` and `GetModel` (Ollama): the manifest, its configuration and its layers, each of its digest.
fn ollama_finds(models: &Path) -> Option<PathBuf> {
    let manifest = models.join("manifests/registry.ollama.ai/library/m/latest");
    let manifest: Value = serde_json::from_slice(&std::fs::read(manifest).ok()?).ok()?;
    let blob = |layer: &Value| {
        let named = layer["digest"].as_str().unwrap();
        let path = models.join("blobs").join(named.replace(':', "-"));
        assert_eq!(format!("sha256:{}", digest(&path)), named);
        assert_eq!(path.metadata().unwrap().len(), layer["size"].as_u64().unwrap());
        path
    };
    let config: Value = serde_json::from_slice(&std::fs::read(blob(&manifest["config"])).unwrap()).unwrap();
    assert_eq!((&config["model_format"], manifest["schemaVersion"].as_u64()), (&"gguf".into(), Some(2)));
    let layers = manifest["layers"].as_array().unwrap();
    layers.iter().find(|layer| layer["mediaType"] == "application/vnd.ollama.image.model").map(blob)
}

/// `HubApi.snapshot` without a network (swift-transformers): every visible file has its sidecar of three lines, and the
/// bytes that it says if its etag has 64 digits.
fn whisperkit_finds(repository: &Path, file: &str) -> Option<PathBuf> {
    let is_hidden = |path: &Path| path.strip_prefix(repository).unwrap().to_string_lossy().starts_with('.');
    let files = walk(repository)
        .into_iter()
        .filter(|path| path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) && !is_hidden(path));
    for path in files {
        let inside = path.strip_prefix(repository).unwrap().display();
        let sidecar = repository.join(format!(".cache/huggingface/download/{inside}.metadata"));
        let text = std::fs::read_to_string(sidecar).ok()?;
        let lines: Vec<&str> = text.split('\n').collect();
        assert!(lines.len() >= 3 && lines[0].len() == 40 && lines[2].parse::<f64>().is_ok(), "{text}");
        assert!(lines[1].len() != 64 || digest(&path) == lines[1], "{text}");
    }
    Some(repository.join(file)).filter(|path| path.is_file())
}

fn every_provider() -> impl Iterator<Item = &'static str> {
    ProviderKind::ALL.into_iter().map(ProviderKind::as_str)
}

/// All that stands outside the store.
fn outside(project: &Project) -> Vec<PathBuf> {
    let store = project.cache().join("v1");
    let own = ["CACHEDIR.TAG", ".gitignore"].map(|name| project.cache().join(name));
    let inside = [store, project.home().join(".local"), project.home().join(".config")];
    let ours = |path: &PathBuf| !inside.iter().any(|folder| path.starts_with(folder)) && !own.contains(path);
    let (home, tmp, fastembed) = (project.home(), project.root().join("tmp"), project.dir().join(".fastembed_cache"));
    [home, tmp, fastembed].iter().flat_map(|folder| walk(folder)).filter(|path| !path.is_dir()).filter(ours).collect()
}

#[track_caller]
fn restored(project: &Project) -> PathBuf {
    let report = project.json(&["restore", "m"]);
    PathBuf::from(report["models"][0]["files"][0]["path"].as_str().unwrap_or_else(|| panic!("{report}")))
}

#[test]
fn every_consumer_finds_the_model_by_its_own_rules_and_eviction_takes_all_of_it_back() {
    for provider in every_provider() {
        let project = scene(provider);
        let before = outside(&project);
        let path = restored(&project);
        assert_eq!(finds(&project, provider).as_ref(), Some(&path), "{provider}");
        assert_eq!(std::fs::read(&path).unwrap(), GGUF, "{provider}");
        assert_eq!(project.json(&["restore", "m"])["models"][0]["outcome"], "hit", "{provider}");
        project.run(&["evict", "m", "--yes"]).succeeded();
        assert_eq!(outside(&project), before, "{provider}");
    }
}

#[test]
fn what_drifted_is_repaired() {
    for provider in every_provider() {
        let project = scene(provider);
        let path = restored(&project);
        for placed in outside(&project) {
            std::fs::remove_file(placed).unwrap();
        }
        assert_eq!(project.json(&["restore", "m"])["models"][0]["outcome"], "repaired", "{provider}");
        assert_eq!(finds(&project, provider).as_ref(), Some(&path), "{provider}");
    }
}

#[track_caller]
fn assert_names(provider: &str, ended: &Ended, path: &Path) {
    assert_eq!(ended.code, Some(1), "{provider}: {ended:?}");
    assert!(ended.stderr.contains(path.to_str().unwrap()), "{provider}: {}", ended.stderr);
}

#[test]
fn a_users_own_file_is_adopted_or_named_and_never_changed() {
    for provider in every_provider() {
        let project = scene(provider);
        let path = restored(&project);
        project.run(&["evict", "m", "--yes"]).succeeded();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();

        std::fs::write(&path, "the user's work").unwrap();
        assert_names(provider, &project.run(&["restore", "m"]), &path);
        assert_eq!(std::fs::read(&path).unwrap(), b"the user's work", "{provider}");

        std::fs::write(&path, GGUF).unwrap();
        let inode = path.metadata().unwrap().ino();
        project.run(&["restore", "m"]).succeeded();
        project.run(&["evict", "m", "--yes"]).succeeded();
        assert_eq!(
            (std::fs::read(&path).unwrap().as_slice(), path.metadata().unwrap().ino()),
            (GGUF, inode),
            "{provider}"
        );

        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir_all(path.join("inside")).unwrap();
        assert_names(provider, &project.run(&["restore", "m"]), &path);
        assert!(path.join("inside").is_dir(), "{provider}");

        std::fs::remove_dir_all(&path).unwrap();
        let nowhere = project.root().join("nowhere");
        symlink(&nowhere, &path).unwrap();
        assert_names(provider, &project.run(&["restore", "m"]), &path);
        assert!(!nowhere.exists() && std::fs::read_link(&path).unwrap() == nowhere, "{provider}");
    }
}

#[test]
fn links_are_what_the_consumer_tolerates_and_the_catalog_chooses() {
    for provider in every_provider() {
        let mode = |project: &Project| project.json(&["restore", "m"])["models"][0]["files"][0]["link_mode"].clone();
        let blob = |project: &Project| project.blob(&Sha256Digest::of(GGUF).to_string());
        let project = scene(provider);
        let expected = if provider == "openai-whisper" { "copy" } else { "hardlink" };
        assert_eq!(mode(&project), expected, "{provider}");
        let shares = restored(&project).metadata().unwrap().ino() == blob(&project).metadata().unwrap().ino();
        assert_eq!(shares, expected == "hardlink", "{provider}");

        // Another choice takes effect on what is there.
        let catalog = std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
        project.write("cache-harness.toml", &format!("{catalog}links = \"copy\"\n"));
        assert_eq!(mode(&project), "copy", "{provider}");
        assert_ne!(
            restored(&project).metadata().unwrap().ino(),
            blob(&project).metadata().unwrap().ino(),
            "{provider}"
        );
        project.write("cache-harness.toml", &format!("{catalog}links = \"symlink\"\n"));
        if matches!(provider, "openai-whisper" | "whisperkit") {
            let ended = project.run(&["restore", "m"]);
            assert_eq!(ended.code, Some(2), "{ended:?}");
            assert!(
                ended.stderr.contains(&format!("`links` in [models.m]: not for provider `{provider}`: ")),
                "{ended:?}"
            );
            continue;
        }
        assert_eq!(mode(&project), "symlink", "{provider}");
        assert_eq!(restored(&project).canonicalize().unwrap(), blob(&project).canonicalize().unwrap(), "{provider}");
        assert_eq!(project.json(&["restore", "m"])["models"][0]["outcome"], "hit", "{provider}");
        project.run(&["evict", "m", "--yes"]).succeeded();
        assert_eq!(finds(&project, provider), None, "{provider}");
    }
}

#[test]
fn a_private_copy_has_the_layout_of_its_consumer_is_writable_and_goes_with_the_test() {
    for provider in every_provider() {
        let project = scene(provider);
        let before = outside(&project);
        let mut command = project.program(env!("CARGO_BIN_EXE_annotated-test"));
        command.args(["m", "private"]).env("CACHE_HARNESS_CONFIG", project.dir().join("cache-harness.toml"));
        let ended = Ended::of(&command.output().unwrap()).succeeded();
        let tmp = project.root().join("tmp");
        let lines: Vec<&str> = ended.stdout.lines().collect();
        assert!(Path::new(lines[0]).starts_with(&tmp), "{provider}: {lines:?}");
        let variables = lines.iter().filter_map(|line| line.split_once('=')).map(|(_, value)| Path::new(value));
        assert!(variables.clone().all(|value| value.starts_with(&tmp)), "{provider}: {lines:?}");
        let has_variables = !matches!(provider, "directory" | "whisper-cpp" | "whisperkit");
        assert_eq!(variables.count() > 0, has_variables, "{provider}: {lines:?}");
        assert!(lines.last().unwrap().contains(" Ok(()) "), "{provider}: {lines:?}");
        assert_eq!(outside(&project), before, "{provider}");
        assert_eq!(digest(&project.blob(&Sha256Digest::of(GGUF).to_string())), Sha256Digest::of(GGUF).to_string());
    }
}

#[test]
fn the_compiler_knows_the_same_providers_as_the_library() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cache-harness-macros/src/provider.rs");
    let text = std::fs::read_to_string(source).unwrap();
    let list = text.split("KNOWN: &[&str] = &[").nth(1).unwrap().split("];").next().unwrap();
    let known: Vec<&str> =
        list.split(',').map(|name| name.trim().trim_matches('"')).filter(|name| !name.is_empty()).collect();
    assert_eq!(known, every_provider().collect::<Vec<_>>());
}
