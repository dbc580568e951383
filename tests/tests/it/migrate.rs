//! An old folder of models moves into the store, and nothing is lost on the way.

use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cache_harness::testkit::{Body, Server, generated};
use serde_json::Value;

use crate::inspect::{assert_blobs_are_right, digest};
use crate::pinned::{COMMIT, Pinned, project};
use crate::project::Project;

/// Large enough to be a model's file by its bytes alone.
const SIZE: usize = 70_000;

fn put(path: &Path, seed: u64) -> PathBuf {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, generated(seed, SIZE)).unwrap();
    path.to_owned()
}

/// A project with two models, and a folder `models` with the files of both, one of them twice, and a stranger.
fn scene() -> (Server, Project, PathBuf) {
    let server = Server::start().unwrap();
    let (one, two) = (Pinned::weights("one", 1, SIZE as u64), Pinned::weights("two", 2, SIZE as u64));
    let project = project("", &[&one, &two], &server);
    let models = project.dir().join("models");
    for (name, seed) in [("one.bin", 1), ("again/one.bin", 1), ("two/weights", 2), ("stranger.bin", 3)] {
        put(&models.join(name), seed);
    }
    (server, project, models)
}

fn files(folder: &Path) -> Vec<String> {
    let below = crate::inspect::walk(folder).into_iter().filter(|path| !path.is_dir());
    let mut names: Vec<_> = below.map(|path| path.strip_prefix(folder).unwrap().display().to_string()).collect();
    names.sort();
    names
}

fn left(told: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let left = told["left"].as_array().unwrap().iter();
    left.map(|left| (text(&left["path"]).rsplit('/').next().unwrap().to_owned(), text(&left["reason"]))).collect()
}

#[test]
fn what_is_pinned_moves_and_what_is_not_stays() {
    let (server, project, models) = scene();
    let all = files(&models);
    let dry = project.json(&["migrate", "models", "--dry-run"]);
    assert_eq!((dry["moved"].as_array().unwrap().len(), &dry["moved_bytes"]), (3, &(3 * SIZE).into()), "{dry}");
    assert_eq!(files(&models), all);
    let unasked = project.run(&["migrate", "models"]);
    assert_eq!(unasked.code, Some(2), "{unasked:?}");
    assert_eq!(files(&models), all);
    let told = project.json(&["migrate", "models", "--yes"]);
    assert_eq!(told["moved"].as_array().unwrap().len(), 3, "{told}");
    assert_eq!(left(&told), [("stranger.bin".to_owned(), "no pinned file has its bytes".to_owned())]);
    assert_eq!(files(&models), ["stranger.bin"]);
    assert!(!models.join("again").exists() && !models.join("two").exists());
    project.run(&["restore", "one", "two"]).succeeded();
    assert_eq!(server.requests(), []);
    assert_blobs_are_right(&project);
}

#[test]
fn links_that_are_left_serve_and_go_with_the_model() {
    let (server, project, models) = scene();
    project.run(&["migrate", "models", "--yes", "--leave-links"]).succeeded();
    let blob = project.blob(&Pinned::weights("one", 1, SIZE as u64).digest(0));
    for name in ["one.bin", "again/one.bin"] {
        assert_eq!(models.join(name).metadata().unwrap().ino(), blob.metadata().unwrap().ino());
        assert_eq!(std::fs::read(models.join(name)).unwrap(), generated(1, SIZE));
    }
    // Again: everything is where it belongs.
    let again = project.json(&["migrate", "models", "--yes", "--leave-links"]);
    assert_eq!(again["moved"].as_array().unwrap().len(), 0, "{again}");
    assert_eq!(project.json(&["restore", "one"])["models"][0]["outcome"], "hit");
    project.run(&["evict", "one", "--yes"]).succeeded();
    assert_eq!(files(&models), ["stranger.bin", "two/weights"]);
    assert_eq!(server.requests(), []);
}

#[test]
fn a_hub_cache_moves_with_its_pointers_and_keeps_what_no_model_has() {
    let server = Server::start().unwrap();
    let files_of = [("a.bin", Body::Generated { seed: 1, size: SIZE as u64 })];
    let model = Pinned::new("m", &files_of);
    let project = project("", &[&model], &server);
    let repository = project.root().join("old/models--owner--m");
    let blob = put(&repository.join("blobs").join(model.digest(0)), 1);
    let snapshot = repository.join("snapshots").join(COMMIT);
    std::fs::create_dir_all(&snapshot).unwrap();
    symlink(format!("../../blobs/{}", model.digest(0)), snapshot.join("a.bin")).unwrap();
    std::fs::create_dir_all(repository.join("refs")).unwrap();
    std::fs::write(repository.join("refs/main"), COMMIT).unwrap();
    project.run(&["migrate", project.root().join("old").to_str().unwrap(), "--yes"]).succeeded();
    assert!(!blob.exists());
    assert_eq!(files(&project.root().join("old")), ["models--owner--m/refs/main"]);
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(server.requests(), []);
}

#[test]
fn what_the_catalog_names_as_a_path_is_its_source_and_stays() {
    let server = Server::start().unwrap();
    let model = Pinned::weights("m", 1, SIZE as u64);
    let project = project("", &[&model], &server);
    let source = put(&project.dir().join("models/source.bin"), 1);
    project.run(&["add", "local", "models/source.bin"]).succeeded();
    put(&project.dir().join("models/copy.bin"), 1);
    let told = project.json(&["migrate", "models", "--yes"]);
    assert_eq!(left(&told), [("source.bin".to_owned(), "it is the `path` of a model of the catalog".to_owned())]);
    assert_eq!(std::fs::read(source).unwrap(), generated(1, SIZE));
}

#[test]
fn what_finds_no_room_stays_where_it_is() {
    let (_server, project, models) = scene();
    let catalog = std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    project.write("cache-harness.toml", &format!("[cache]\nmax_size = \"150kB\"\n{catalog}"));
    let ended = project.run(&["migrate", "models", "--yes"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("error: "), "{ended:?}");
    assert_eq!(files(&models), ["stranger.bin", "two/weights"]);
    assert!(project.blob(&Pinned::weights("one", 1, SIZE as u64).digest(0)).exists());
}

#[test]
fn the_store_does_not_move_into_itself() {
    let (_server, project, _) = scene();
    project.run(&["restore", "one"]).succeeded();
    let ended = project.run(&["migrate", project.cache().to_str().unwrap(), "--yes"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    // The Hub's cache, in which the model was placed.
    let hub = project.home().join(".cache/huggingface");
    let told = project.run(&["migrate", hub.to_str().unwrap(), "--yes"]).succeeded();
    assert!(told.stdout.contains("cache-harness placed it"), "{told:?}");
    assert_eq!(project.json(&["restore", "one"])["models"][0]["outcome"], "hit");
}

#[test]
fn what_is_no_folder_of_models_is_refused() {
    let (_server, project, models) = scene();
    let all = files(&models);
    let at = |path: PathBuf| path.to_str().unwrap().to_owned();
    std::fs::create_dir_all(project.dir().join(".git/lfs")).unwrap();
    std::fs::create_dir_all(project.root().join("crate")).unwrap();
    std::fs::write(project.root().join("crate/Cargo.toml"), "").unwrap();
    for (from, why) in [
        ("/".to_owned(), "is the whole disk"),
        (at(project.home()), "is a home folder"),
        (at(project.root().to_owned()), "holds a home folder"),
        (".".to_owned(), "is this project"),
        (".git/lfs".to_owned(), "is in a `.git`"),
        ("/etc".to_owned(), "is a folder of the system"),
        (at(project.root().join("crate")), "holds somebody's work"),
    ] {
        let ended = project.run(&["migrate", &from, "--yes"]);
        assert_eq!(ended.code, Some(2), "{from}: {ended:?}");
        assert!(ended.stderr.contains(why) && ended.stderr.contains("nothing is moved out of it"), "{from}: {ended:?}");
        assert_eq!(files(&models), all, "{from}");
    }
}

#[test]
fn a_small_file_moves_only_with_its_model_and_work_stays() {
    let server = Server::start().unwrap();
    let text = |text: &str| Body::Bytes(text.as_bytes().to_vec().into());
    let weights = || Body::Generated { seed: 1, size: SIZE as u64 };
    let model = [("onnx/model.onnx", weights()), ("config.json", text("{}")), ("pkg/__init__.py", text(""))];
    let (model, tiny) =
        (Pinned::new("m", &model), Pinned::new("tiny", &[("a.json", text("1")), ("b.json", text("2"))]));
    let project = project("", &[&model, &tiny], &server);
    let old = project.root().join("old");
    let write = |name: &str, text: &str| {
        std::fs::create_dir_all(old.join(name).parent().unwrap()).unwrap();
        std::fs::write(old.join(name), text).unwrap();
    };
    put(&old.join("m/onnx/model.onnx"), 1);
    put(&old.join("repo/model.onnx"), 1);
    for (name, text) in [
        ("m/config.json", "{}"),
        ("m/pkg/__init__.py", ""),
        ("m/.hushlogin", ""),
        ("python/pkg/__init__.py", ""),
        ("app/config.json", "{}"),
        ("m/other.json", "{}"),
        ("repo/.git/cfg", "{}"),
        ("half/a.json", "1"),
        ("whole/a.json", "1"),
        ("whole/b.json", "2"),
    ] {
        write(name, text);
    }
    std::fs::create_dir_all(old.join("m/empty")).unwrap();
    let told = project.json(&["migrate", old.to_str().unwrap(), "--yes"]);
    let stay = [
        "app/config.json",
        "half/a.json",
        "m/.hushlogin",
        "m/other.json",
        "python/pkg/__init__.py",
        "repo/.git/cfg",
        "repo/model.onnx",
    ];
    assert_eq!(files(&old), stay, "{told}");
    assert!(old.join("m/empty").is_dir() && !old.join("m/onnx").exists() && !old.join("whole").exists());
    assert!(told["warnings"].to_string().contains("it holds `.git`"), "{told}");
    assert_eq!(left(&told)[0].1, "it is small, and not beside the rest of its model");
    project.run(&["restore", "m", "tiny"]).succeeded();
    assert_eq!(server.requests(), []);
}

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    let server = Server::start().unwrap();
    let size = 400_000;
    let models: Vec<_> = (1..9).map(|seed| Pinned::weights(&format!("m{seed}"), seed, size)).collect();
    let project = project("", &models.iter().collect::<Vec<_>>(), &server);
    let folder = project.dir().join("models");
    let mut killed = 0;
    for (round, links) in (0..40_u64).zip([false, true].into_iter().cycle()) {
        let _ = std::fs::remove_dir_all(&folder);
        project.run(&["clean", "--models", "--yes"]).succeeded();
        std::fs::create_dir_all(&folder).unwrap();
        for (seed, model) in (1..).zip(&models) {
            std::fs::write(folder.join(&model.name), generated(seed, usize::try_from(size).unwrap())).unwrap();
        }
        let mut command = project.command(&["migrate", "models", "--yes"]);
        command.args(links.then_some("--leave-links"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(5 + round * 3));
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().code().is_none());
        assert_blobs_are_right(&project);
        for model in &models {
            let (digest_of, old) = (model.digest(0), folder.join(&model.name));
            let there = old.exists() && digest(&old) == digest_of;
            assert!(there || project.blob(&digest_of).exists(), "{} is lost", model.name);
        }
        // The next one goes on, and nothing has to be fetched.
        project.run(&["migrate", "models", "--yes"]).succeeded();
        let names: Vec<_> = models.iter().map(|model| model.name.as_str()).collect();
        project.run(&[&["restore"], names.as_slice()].concat()).succeeded();
        assert_eq!(server.requests(), []);
    }
    assert!(killed > 5, "only {killed} kills came before the end");
}
