//! The user's own files in the consumers' folders: adopted or named, never changed, never removed.

use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use cache_harness::testkit::{Server, generated};

use crate::inspect::{Holder, digest, placed};
use crate::pinned::{COMMIT, Pinned};
use crate::project::{Ended, Project};

const SIZE: usize = 50_000;

/// A project with one model for torch hub, whose files have plain names.
fn scene(seed: u64) -> (Server, Project) {
    let server = Server::start().unwrap();
    let mut project = Project::new("");
    project.set("HF_ENDPOINT", server.url());
    pin(&server, &project, seed);
    (server, project)
}

/// Pins other bytes under the same name.
fn pin(server: &Server, project: &Project, seed: u64) {
    let model = Pinned::weights("m", seed, SIZE as u64);
    model.serve(server);
    project.write("cache-harness.toml", &model.catalog_for("torch-hub"));
    project.lock(&model.lock());
}

fn target(project: &Project) -> PathBuf {
    project.home().join(".cache/torch/hub/checkpoints/model.safetensors")
}

fn occupy(project: &Project, bytes: &[u8]) -> PathBuf {
    let target = target(project);
    std::fs::create_dir_all(target.parent().unwrap()).unwrap();
    std::fs::write(&target, bytes).unwrap();
    target
}

#[track_caller]
fn assert_names(ended: &Ended, path: &Path) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(path.to_str().unwrap()), "{}", ended.stderr);
}

#[test]
fn other_content_at_the_path_is_named_and_untouched() {
    let (_server, project) = scene(1);
    let target = occupy(&project, b"the user's work");
    let before = target.metadata().unwrap();
    for _attempt in 0..2 {
        assert_names(&project.run(&["restore", "m"]), &target);
    }
    project.run(&["clean", "--models", "--yes"]).succeeded();
    let after = target.metadata().unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"the user's work");
    assert_eq!((before.ino(), before.ctime_nsec()), (after.ino(), after.ctime_nsec()));
}

#[test]
fn the_same_content_is_adopted_and_survives_eviction() {
    let (_server, project) = scene(1);
    let target = occupy(&project, &generated(1, SIZE));
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(project.json(&["restore", "m"])["models"][0]["outcome"], "hit");
    project.run(&["evict", "m", "--yes"]).succeeded();
    assert_eq!(std::fs::read(&target).unwrap(), generated(1, SIZE));
}

#[test]
fn an_adopted_file_that_its_owner_changes_is_named_and_untouched() {
    let (_server, project) = scene(1);
    let target = occupy(&project, &generated(1, SIZE));
    project.run(&["restore", "m"]).succeeded();
    std::fs::write(&target, b"fine-tuned").unwrap();
    assert_names(&project.run(&["restore", "m"]), &target);
    assert_eq!(std::fs::read(&target).unwrap(), b"fine-tuned");
}

#[test]
fn a_folder_where_a_file_belongs_is_named_and_untouched() {
    let (_server, project) = scene(1);
    let target = target(&project);
    std::fs::create_dir_all(target.join("inside")).unwrap();
    assert_names(&project.run(&["restore", "m"]), &target);
    assert!(target.join("inside").is_dir());
}

#[test]
fn a_file_where_a_folder_belongs_is_named_and_untouched() {
    let (_server, project) = scene(1);
    let folder = project.home().join(".cache/torch/hub");
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    std::fs::write(&folder, "a file").unwrap();
    assert_names(&project.run(&["restore", "m"]), &folder);
    assert_eq!(std::fs::read_to_string(&folder).unwrap(), "a file");
}

#[test]
fn a_dangling_symlink_is_named_and_nothing_is_written_through_it() {
    let (_server, project) = scene(1);
    let target = target(&project);
    std::fs::create_dir_all(target.parent().unwrap()).unwrap();
    let nowhere = project.root().join("nowhere");
    symlink(&nowhere, &target).unwrap();
    assert_names(&project.run(&["restore", "m"]), &target);
    assert!(!nowhere.exists());
    assert_eq!(std::fs::read_link(&target).unwrap(), nowhere);
}

#[test]
fn a_branch_at_the_users_own_commit_stays_there() {
    let (server, project) = scene(1);
    let model = Pinned::weights("m", 1, SIZE as u64);
    model.serve(&server);
    project.write("cache-harness.toml", &model.catalog());
    let repository = project.home().join(".cache/huggingface/hub/models--owner--m");
    let branch = repository.join("refs/main");
    let theirs = COMMIT.replace('0', "f");
    std::fs::create_dir_all(branch.parent().unwrap()).unwrap();
    std::fs::write(&branch, &theirs).unwrap();
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(project.json(&["restore", "m"])["models"][0]["outcome"], "hit");
    assert_eq!(std::fs::read_to_string(&branch).unwrap(), theirs);
    project.run(&["evict", "m", "--yes"]).succeeded();
    assert_eq!(std::fs::read_to_string(&branch).unwrap(), theirs);
    assert!(!repository.join("snapshots").exists() && !repository.join("blobs").exists());
}

#[test]
fn a_new_pin_replaces_the_old_pins_file_once_that_is_not_in_use() {
    let (server, project) = scene(1);
    let holder = Holder::hold(&project, &["m"]);
    let old = digest(&target(&project));
    pin(&server, &project, 2);
    assert_names(&project.run(&["restore", "m"]), &target(&project));
    assert_eq!(digest(&target(&project)), old);
    holder.release();
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(std::fs::read(target(&project)).unwrap(), generated(2, SIZE));
    // And back: each is a plain switch, which neither repairs nor fetches again.
    pin(&server, &project, 1);
    server.clear_log();
    let back = project.json(&["restore", "m"]);
    assert_eq!((&back["models"][0]["outcome"], server.requests().len()), (&"hit".into(), 0), "{back}");
    assert_eq!(digest(&target(&project)), old);
    project.run(&["clean", "--models", "--yes"]).succeeded();
    assert_eq!(placed(&project), Vec::<PathBuf>::new());
}

#[test]
fn a_file_that_appears_where_an_interrupted_process_meant_to_place_one_is_its_owners() {
    let (_server, project) = scene(1);
    project.run(&["restore", "m"]).succeeded();
    // As a kill right before the link leaves it: announced in the record, absent on the disk.
    let (path, mut record) = crate::inspect::record(&project, "m");
    for placed in record["placed"].as_array_mut().unwrap() {
        placed["content"]["blob"]["mode"] = "copy".into();
        placed["proof"] = serde_json::Value::Null;
    }
    std::fs::write(&path, record.to_string()).unwrap();
    std::fs::remove_file(target(&project)).unwrap();
    let target = occupy(&project, b"the user's work");
    assert_names(&project.run(&["restore", "m"]), &target);
    assert_eq!(std::fs::read(&target).unwrap(), b"the user's work");
}
