//! What other programs' caches have is taken from there: nothing is fetched twice, and nothing of theirs is changed.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use cache_harness::testkit::{Body, Server, generated};
use serde_json::Value;

use crate::inspect::{assert_blobs_are_right, digest};
use crate::pinned::{COMMIT, Pinned, project};
use crate::project::{Project, left_out};

const SIZE: usize = 50_000;

/// A project with a model of one file, whose bytes nobody has placed yet.
fn scene(provider: &str) -> (Server, Project, Pinned) {
    let server = Server::start().unwrap();
    let model = Pinned::weights("m", 1, SIZE as u64);
    let project = project("", &[&model], &server);
    project.write("cache-harness.toml", &model.catalog_for(provider));
    (server, project, model)
}

/// Somebody's file with the bytes of this seed.
fn put(path: &Path, seed: u64) -> PathBuf {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, generated(seed, SIZE)).unwrap();
    path.to_owned()
}

/// What shows that a file was not touched.
fn traits(path: &Path) -> (u64, u64, i64, i64, u32, u64) {
    let facts = path.symlink_metadata().unwrap();
    (facts.ino(), facts.size(), facts.mtime(), facts.mtime_nsec(), facts.mode(), facts.nlink())
}

fn requests(project: &Project) -> Vec<Value> {
    let runs = crate::inspect::walk(&project.home().join(".local/state/cache-harness/runs"));
    let lines = runs.iter().filter(|path| path.is_file()).flat_map(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    });
    lines.filter(|line| line["event"] == "request").collect()
}

#[test]
fn a_miss_takes_what_a_known_cache_has_and_asks_no_server() {
    let digest_of = Pinned::weights("m", 1, SIZE as u64).digest(0);
    let home_of = |place: &str| place.replace("DIGEST", &digest_of).replace("COMMIT", COMMIT);
    for place in [
        ".cache/huggingface/hub/models--owner--m/blobs/DIGEST",
        ".cache/huggingface/hub/models--owner--m/snapshots/COMMIT/model.safetensors",
        ".ollama/models/blobs/sha256-DIGEST",
        ".cache/whisper/model.safetensors",
        ".cache/torch/hub/checkpoints/model.safetensors",
        ".cache/llama.cpp/owner_m_model.safetensors",
        ".lmstudio/models/owner/m/model.safetensors",
        ".cache/lm-studio/models/owner/m/model.safetensors",
    ] {
        let (server, project, _) = scene("directory");
        let theirs = put(&project.home().join(home_of(place)), 1);
        let before = traits(&theirs);
        let ended = project.run(&["restore", "m"]).succeeded();
        assert_eq!(server.requests(), [], "{place}");
        assert!(ended.stderr.contains("m: took 1 file (50.0 kB) from `"), "{place}: {}", ended.stderr);
        assert_eq!(traits(&theirs), before, "{place}");
        let told = &requests(&project)[0];
        assert_eq!((&told["outcome"], &told["adopted_bytes"]), (&"miss".into(), &SIZE.into()), "{told}");
        assert!(told["fetched_bytes"].is_null(), "{told}");
        assert!(told["reason"].as_str().unwrap().starts_with("not in the cache, but in `"), "{told}");
        assert_eq!(project.json(&["report"])["bytes_saved"], SIZE);
        let again = project.json(&["restore", "m"]);
        assert_eq!(again["models"][0]["outcome"], "hit");
        assert_blobs_are_right(&project);
    }
}

#[test]
fn a_miss_takes_it_offline_too_and_not_where_adopt_is_off() {
    let (server, mut project, model) = scene("directory");
    let theirs = put(&project.home().join(".cache/whisper/model.safetensors"), 1);
    project.write("cache-harness.toml", &format!("[cache]\nadopt = false\n{}", model.catalog_for("directory")));
    project.set("CACHE_HARNESS_OFFLINE", "1");
    assert_eq!(project.run(&["restore", "m"]).code, Some(1));
    project.write("cache-harness.toml", &model.catalog_for("directory"));
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(server.requests(), []);
    assert_eq!(std::fs::read(theirs).unwrap(), generated(1, SIZE));
}

#[test]
fn a_file_of_the_right_size_with_other_bytes_is_passed_over_silently() {
    let (server, project, _) = scene("directory");
    let theirs = put(&project.home().join(".cache/whisper/model.safetensors"), 2);
    let before = traits(&theirs);
    let ended = project.run(&["restore", "m"]).succeeded();
    assert_eq!((server.requests().len(), ended.stderr.as_str()), (1, ""));
    assert_eq!(traits(&theirs), before);
    project.run(&["evict", "m", "--yes"]).succeeded();
    let told = project.run(&["restore", "m", "-v"]).succeeded().stderr;
    assert!(told.contains("whisper/model.safetensors` was not taken: its sha256 is "), "{told}");
}

#[test]
fn offline_a_file_with_other_bytes_is_no_model() {
    let (_server, project, _) = scene("directory");
    put(&project.home().join(".cache/whisper/model.safetensors"), 2);
    let ended = project.run(&["restore", "m", "--offline"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("cannot be had offline"), "{}", ended.stderr);
}

#[test]
fn of_a_model_the_files_that_are_here_are_taken_and_only_the_others_fetched() {
    let server = Server::start().unwrap();
    let files =
        [("a.bin", Body::Generated { seed: 1, size: SIZE as u64 }), ("b.bin", Body::Bytes(b"b".to_vec().into()))];
    let model = Pinned::new("m", &files);
    let project = project("", &[&model], &server);
    put(&project.home().join(".cache/whisper/a.bin"), 1);
    let restored = project.json(&["restore", "m"]);
    assert_eq!(
        (&restored["models"][0]["outcome"], &restored["models"][0]["fetched_bytes"]),
        (&"miss".into(), &1.into())
    );
    let asked: Vec<_> = server.requests().iter().map(|request| request.path.clone()).collect();
    assert_eq!(asked, [model.address("b.bin")]);
}

#[test]
fn adopt_finds_files_under_any_name_and_a_restore_then_asks_no_server() {
    let (server, project, _) = scene("huggingface");
    let theirs = put(&project.root().join("downloads/deep/renamed.bin"), 1);
    let before = traits(&theirs);
    let folder = project.root().join("downloads");
    let folder = folder.to_str().unwrap();
    let dry = project.run(&["adopt", "--dry-run", folder]).succeeded();
    assert!(dry.stdout.starts_with("m: would take 1 of 1 files that lack (50.0 kB) from `"), "{dry:?}");
    assert!(!project.cache().join("v1/blobs").exists(), "a dry run that writes");
    let done = project.run(&["adopt", folder]).succeeded();
    assert!(done.stdout.starts_with("m: took 1 of 1 files that lack (50.0 kB) by "), "{done:?}");
    assert!(done.stderr.starts_with("50.0 kB need not be fetched"), "{done:?}");
    assert_eq!(project.json(&["status"])["models"][0]["state"], "warm");
    assert_eq!(project.json(&["restore", "m"])["models"][0]["outcome"], "hit");
    assert_eq!(server.requests(), []);
    assert_eq!(traits(&theirs), before);
    // What was taken is the cache's own: it goes without the file that it came from.
    project.run(&["evict", "m", "--yes"]).succeeded();
    assert_eq!(traits(&theirs), before);
    assert_eq!(std::fs::read(&theirs).unwrap(), generated(1, SIZE));
}

#[test]
fn two_names_of_the_same_bytes_are_taken_once_and_serve_two_models() {
    let server = Server::start().unwrap();
    let (one, two) = (Pinned::weights("one", 1, SIZE as u64), Pinned::weights("two", 1, SIZE as u64));
    let project = project("", &[&one, &two], &server);
    put(&project.root().join("downloads/x"), 1);
    put(&project.root().join("downloads/y"), 1);
    let told = project.json(&["adopt", project.root().join("downloads").to_str().unwrap()]);
    let adopted = |model: usize| told["models"][model]["adopted"].as_array().unwrap().len();
    assert_eq!((adopted(0), adopted(1), &told["adopted_bytes"]), (1, 0, &SIZE.into()), "{told}");
    project.run(&["restore", "one", "two"]).succeeded();
    assert_eq!(server.requests(), []);
}

#[test]
fn a_writable_file_is_never_linked_and_a_read_only_one_of_a_shared_store_is() {
    let (_server, project, model) = scene("huggingface");
    let digest = model.digest(0);
    let other = project.root().join("other/v1/blobs/sha256").join(&digest[..2]);
    let shared = put(&other.join(&digest), 1);
    let blob = project.blob(&digest);
    for (mode, linked) in [(0o644, false), (0o444, true)] {
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(mode)).unwrap();
        let told = project.json(&["adopt", other.to_str().unwrap()]);
        let link_mode = &told["models"][0]["adopted"][0]["link_mode"];
        if *link_mode == "reflink" {
            left_out("a hard link to a shared store", "this disk reflinks");
            return;
        }
        assert_eq!(*link_mode, if linked { "hardlink" } else { "copy" }, "{told}");
        assert_eq!(blob.metadata().unwrap().ino() == shared.metadata().unwrap().ino(), linked);
        assert_eq!(shared.metadata().unwrap().mode() & 0o777, mode);
        assert_eq!(blob.metadata().unwrap().mode() & 0o222, 0);
        project.run(&["restore", "m"]).succeeded();
        project.run(&["evict", "m", "--yes"]).succeeded();
        assert_eq!(std::fs::read(&shared).unwrap(), generated(1, SIZE));
    }
}

#[test]
fn a_hub_cache_of_the_users_own_serves_and_outlives_the_model() {
    let (server, project, model) = scene("huggingface");
    let repository = project.home().join(".cache/huggingface/hub/models--owner--m");
    let blob = put(&repository.join("blobs").join(model.digest(0)), 1);
    let snapshot = repository.join("snapshots").join(COMMIT);
    std::fs::create_dir_all(&snapshot).unwrap();
    symlink(format!("../../blobs/{}", model.digest(0)), snapshot.join("model.safetensors")).unwrap();
    let before = traits(&blob);
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(server.requests(), []);
    project.run(&["clean", "--models", "--yes"]).succeeded();
    assert_eq!(traits(&blob), before);
    assert_eq!(digest(&snapshot.join("model.safetensors")), model.digest(0));
}

#[test]
fn a_hostile_tree_is_told_and_harms_nothing() {
    let (server, project, _) = scene("huggingface");
    let tree = project.root().join("tree");
    for count in 0..100 {
        let folder = tree.join(format!("many/{count}"));
        std::fs::create_dir_all(&folder).unwrap();
        for file in 0..100 {
            std::fs::write(folder.join(file.to_string()), format!("{file}")).unwrap();
        }
    }
    symlink(&tree, tree.join("many/loop")).unwrap();
    symlink("/dev/zero", tree.join("zero")).unwrap();
    symlink(tree.join("itself"), tree.join("itself")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(tree.join("model.safetensors")).status();
    assert!(pipe.is_ok_and(|status| status.success()));
    // One that is linked to from the tree lies outside of it.
    symlink(put(&project.root().join("outside/x"), 1), tree.join("link")).unwrap();
    let told = project.json(&["adopt", tree.to_str().unwrap()]);
    assert_eq!((&told["adopted_bytes"], told["warnings"].as_array().unwrap().len()), (&0.into(), 0), "{told}");
    put(&tree.join("many/99/found"), 1);
    let locked = tree.join("aa-locked");
    std::fs::create_dir_all(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root may look anywhere, unless it gives that up.
    let mut command = project.program("setpriv");
    command.args(["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]);
    command.arg(env!("CARGO_BIN_EXE_cache-harness-cli")).args(["adopt", "--json"]).arg(&tree);
    let ended = command.output().map(|output| crate::project::Ended::of(&output));
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).unwrap();
    match ended {
        Ok(ended) if ended.code == Some(0) => {
            assert!(ended.stderr.contains("aa-locked` was left out: Permission denied"), "{ended:?}");
            assert!(ended.stdout.contains("/many/99/found"), "{ended:?}");
        }
        _ => left_out("a folder that may not be read", "this machine does not permit it"),
    }
    assert_eq!(server.requests(), []);
}

#[test]
fn a_file_that_is_written_while_it_is_read_never_becomes_a_wrong_blob() {
    let (_server, project, _) = scene("directory");
    let theirs = put(&project.home().join(".cache/whisper/model.safetensors"), 1);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::{Seek as _, Write as _};
            let mut file = std::fs::OpenOptions::new().write(true).open(&theirs).unwrap();
            for seed in (1..3).cycle() {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                file.rewind().unwrap();
                file.write_all(&generated(seed, SIZE)).unwrap();
            }
        });
        for _attempt in 0..20 {
            project.run(&["restore", "m"]).succeeded();
            assert_blobs_are_right(&project);
            project.run(&["evict", "m", "--yes"]).succeeded();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn what_does_not_fit_is_refused_and_costs_nothing_that_was_taken() {
    let server = Server::start().unwrap();
    let (one, two) = (Pinned::weights("one", 1, SIZE as u64), Pinned::weights("two", 2, SIZE as u64));
    let project = project("[cache]\nmax_size = \"120kB\"\n", &[&one, &two], &server);
    put(&project.root().join("downloads/x"), 1);
    put(&project.root().join("downloads/y"), 2);
    let ended = project.run(&["adopt", project.root().join("downloads").to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("one: took 1 of 1") && !ended.stdout.contains("two"), "{ended:?}");
    assert!(ended.stderr.contains("error: "), "{ended:?}");
    assert!(project.blob(&one.digest(0)).exists() && !project.blob(&two.digest(0)).exists());
}

#[test]
fn a_folder_that_is_not_there_is_wrong_usage() {
    let (_server, project, _) = scene("directory");
    let ended = project.run(&["adopt", "nowhere"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("`nowhere` does not exist"), "{ended:?}");
}

#[test]
fn where_the_disk_has_reflinks_nothing_is_copied_and_nothing_linked() {
    let (server, project, _) = scene("directory");
    let theirs = put(&project.root().join("theirs"), 1);
    // In a mount namespace of its own, which takes the disk with it when it ends.
    let script = "cd \"$1\"; shift; mkdir disk; truncate -s 320M image; mkfs.xfs -q -m reflink=1 image
        mount -o loop image disk; cp theirs disk/theirs; cd project; CACHE_HARNESS_DIR=../disk/cache \"$@\"
        stat -c '%h' ../disk/theirs";
    let mut command = project.program("unshare");
    command.args(["--mount", "sh", "-euc", script, "sh"]).arg(project.root());
    command.args([env!("CARGO_BIN_EXE_cache-harness-cli"), "adopt", "../disk", "-q", "--json"]);
    let ended = crate::project::Ended::of(&command.output().unwrap());
    if ended.code != Some(0) {
        left_out("taking by reflink", "this machine mounts no XFS image");
        return;
    }
    assert!(ended.stdout.contains("\"link_mode\": \"reflink\"") && ended.stdout.ends_with("}\n1\n"), "{ended:?}");
    assert_eq!((server.requests(), theirs.exists()), (vec![], true));
}
