//! What damage comes to in the store and in the consumers' folders: caught at the next hit, repaired, reported.

use std::fs::{File, FileTimes, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use cache_harness::testkit::{Body, Server, generated};
use serde_json::Value;

use crate::inspect::{digest, lease, record};
use crate::pinned::{COMMIT, Pinned, project};
use crate::project::Project;

const SIZE: usize = 100_000;

/// A warm model of two files, its server and its project.
struct Scene {
    server: Server,
    project: Project,
    model: Pinned,
}

impl Scene {
    fn new(provider: &str) -> Self {
        let server = Server::start().unwrap();
        let weights = Body::Generated { seed: 1, size: SIZE as u64 };
        let model = Pinned::new("m", &[("config.json", b"{}".into()), ("weights.bin", weights)]);
        let project = project("", &[&model], &server);
        // The model's table is the catalog's last.
        project.write("cache-harness.toml", &model.catalog_for(provider));
        let scene = Self { server, project, model };
        scene.assert_restored("miss");
        scene.assert_restored("hit");
        scene.server.clear_log();
        scene
    }

    fn hub() -> Self {
        Self::new("huggingface")
    }

    fn weights(&self) -> PathBuf {
        self.project.blob(&self.model.digest(1))
    }

    /// The weights where the consumer has them, hard-linked.
    fn hub_blob(&self) -> PathBuf {
        self.hub_folder().join("blobs").join(self.model.digest(1))
    }

    fn hub_folder(&self) -> PathBuf {
        self.project.home().join(".cache/huggingface/hub/models--owner--m")
    }

    /// Restores the model, which must then be right, byte by byte.
    #[track_caller]
    fn assert_restored(&self, outcome: &str) -> Value {
        let document = self.project.json(&["restore", "m"]);
        let model = &document["models"][0];
        assert_eq!(model["outcome"], outcome, "{document}");
        for file in model["files"].as_array().unwrap() {
            assert_eq!(digest(file["path"].as_str().unwrap().as_ref()), file["sha256"], "{file}");
        }
        document
    }

    /// The next use repairs it with so many requests and reports it; the one after it is a plain hit.
    #[track_caller]
    fn assert_repaired(mut self, requests: usize) {
        self.project.set("CACHE_HARNESS_RUN", "repairing");
        self.assert_restored("repaired");
        assert_eq!(self.server.requests().len(), requests, "{:?}", self.server.requests());
        let report = self.project.json(&["report", "--run", "repairing"]);
        assert!(report["repairs"].as_u64().unwrap() >= 1, "{report}");
        assert!(report.to_string().contains("weights.bin") || report.to_string().contains("models--owner--m"));
        self.assert_restored("hit");
        assert_eq!(self.server.requests().len(), requests, "{:?}", self.server.requests());
    }

    /// What was lost was not the model's bytes: all is in order again without asking anybody.
    #[track_caller]
    fn assert_in_order(&self) {
        let document = self.project.json(&["restore", "m"]);
        assert_eq!(document["models"][0]["fetched_bytes"], 0, "{document}");
        self.assert_restored("hit");
        assert_eq!(self.server.requests(), []);
    }

    /// Offline, where the bytes cannot be had again.
    #[track_caller]
    fn assert_told_offline(&self, actual: Option<&str>) {
        let ended = self.project.run(&["--offline", "restore", "m"]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let expected = self.model.digest(1);
        for part in ["weights.bin", &expected].into_iter().chain(actual) {
            assert!(ended.stderr.contains(part), "no `{part}` in {}", ended.stderr);
        }
        assert_eq!(self.server.requests(), []);
    }
}

/// Writes through whatever the path leads to, in place, as root could.
fn write_at(path: &Path, offset: u64, bytes: &[u8]) {
    std::fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    File::options().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o444)).unwrap();
}

fn flip_bit(path: &Path) {
    let byte = generated(1, SIZE)[5000];
    write_at(path, 5000, &[byte ^ 4]);
}

/// Does something to a file and puts its mtime back.
fn behind_its_back(path: &Path, change: impl FnOnce(&Path)) {
    let times = FileTimes::new().set_modified(path.metadata().unwrap().modified().unwrap());
    change(path);
    File::open(path).unwrap().set_times(times).unwrap();
}

fn replace(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    File::create_new(path).unwrap().write_all(bytes).unwrap();
}

#[test]
fn a_flipped_bit_is_repaired() {
    let scene = Scene::hub();
    flip_bit(&scene.weights());
    let actual = digest(&scene.weights());
    scene.assert_told_offline(Some(&actual));
    scene.assert_repaired(1);
}

#[test]
fn a_bit_flipped_with_the_mtime_put_back_is_repaired() {
    let scene = Scene::hub();
    behind_its_back(&scene.weights(), flip_bit);
    scene.assert_repaired(1);
}

#[test]
fn a_truncation_is_repaired() {
    let scene = Scene::hub();
    File::options().write(true).open(scene.weights()).unwrap().set_len(70_000).unwrap();
    let actual = digest(&scene.weights());
    scene.assert_told_offline(Some(&actual));
    scene.assert_repaired(1);
}

#[test]
fn another_file_of_the_same_size_and_mtime_is_repaired() {
    let scene = Scene::hub();
    behind_its_back(&scene.weights(), |path| replace(path, &generated(2, SIZE)));
    std::fs::remove_file(scene.hub_blob()).unwrap();
    let actual = digest(&scene.weights());
    scene.assert_told_offline(Some(&actual));
    scene.assert_repaired(1);
}

#[test]
fn a_deleted_blob_is_repaired() {
    let scene = Scene::hub();
    std::fs::remove_file(scene.weights()).unwrap();
    std::fs::remove_file(scene.hub_blob()).unwrap();
    scene.assert_repaired(1);
}

#[test]
fn a_deleted_blob_is_linked_back_from_where_it_was_placed() {
    let scene = Scene::hub();
    let inode = |path: PathBuf| std::os::unix::fs::MetadataExt::ino(&path.metadata().unwrap());
    let before = inode(scene.weights());
    std::fs::remove_file(scene.weights()).unwrap();
    scene.assert_restored("repaired");
    assert_eq!((inode(scene.weights()), inode(scene.hub_blob())), (before, before));
    assert_eq!(scene.server.requests(), []);
}

#[test]
fn a_symlink_in_a_blobs_place_is_not_followed_but_repaired() {
    let scene = Scene::hub();
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::write(&elsewhere, generated(1, SIZE)).unwrap();
    std::fs::remove_file(scene.weights()).unwrap();
    symlink(&elsewhere, scene.weights()).unwrap();
    std::fs::remove_file(scene.hub_blob()).unwrap();
    let ended = scene.project.run(&["--offline", "restore", "m"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    scene.assert_repaired(1);
    assert_eq!(std::fs::read(&elsewhere).unwrap(), generated(1, SIZE));
}

#[test]
fn a_folder_in_a_blobs_place_is_repaired_and_stops_no_later_removal() {
    let scene = Scene::hub();
    std::fs::remove_file(scene.weights()).unwrap();
    std::fs::create_dir(scene.weights()).unwrap();
    std::fs::write(scene.weights().join("inside"), "something").unwrap();
    scene.assert_restored("repaired");
    scene.project.run(&["optimize", "--yes"]).succeeded();
    scene.assert_restored("hit");
}

#[test]
fn writing_through_a_hard_link_of_the_consumer_is_repaired() {
    let scene = Scene::hub();
    flip_bit(&scene.hub_blob());
    scene.assert_repaired(1);
}

#[test]
fn a_consumers_copy_that_was_changed_is_repaired_from_the_store() {
    let scene = Scene::new("openai-whisper");
    let copy = scene.project.home().join(".cache/whisper/weights.bin");
    behind_its_back(&copy, flip_bit);
    scene.assert_repaired(0);
}

#[test]
fn a_consumers_link_that_was_replaced_is_named_and_untouched() {
    let scene = Scene::hub();
    behind_its_back(&scene.hub_blob(), |path| replace(path, &generated(3, SIZE)));
    let ended = scene.project.run(&["restore", "m"]);
    assert!(ended.code == Some(1) && ended.stderr.contains(&scene.model.digest(1)), "{ended:?}");
    assert_eq!(std::fs::read(scene.hub_blob()).unwrap(), generated(3, SIZE));
    std::fs::remove_file(scene.hub_blob()).unwrap();
    scene.assert_repaired(0);
}

#[test]
fn a_pointer_that_is_gone_is_repaired_and_one_that_leads_elsewhere_is_named() {
    let scene = Scene::hub();
    let pointer = scene.hub_folder().join("snapshots").join(COMMIT).join("weights.bin");
    std::fs::remove_file(&pointer).unwrap();
    scene.assert_restored("repaired");
    std::fs::remove_file(&pointer).unwrap();
    symlink("/dev/null", &pointer).unwrap();
    let ended = scene.project.run(&["restore", "m"]);
    assert!(ended.code == Some(1) && ended.stderr.contains(pointer.to_str().unwrap()), "{ended:?}");
    assert_eq!(std::fs::read_link(&pointer).unwrap(), Path::new("/dev/null"));
    std::fs::remove_file(&pointer).unwrap();
    scene.assert_repaired(0);
}

#[test]
fn a_branch_that_is_gone_is_repaired_without_a_request() {
    let scene = Scene::hub();
    let branch = scene.hub_folder().join("refs/main");
    std::fs::remove_file(&branch).unwrap();
    scene.assert_restored("repaired");
    assert_eq!(std::fs::read_to_string(&branch).unwrap(), COMMIT);
    assert_eq!(scene.server.requests(), []);
}

#[test]
fn a_record_that_is_cut_garbled_or_gone_is_made_anew_from_the_blobs() {
    let scene = Scene::hub();
    let (path, _) = record(&scene.project, "m");
    let text = std::fs::read(&path).unwrap();
    for damaged in [Some(&text[..text.len() / 2]), Some(b"{}"), Some(b"\xff\xfe\x00"), Some(b""), None] {
        std::fs::remove_file(&path).unwrap();
        if let Some(damaged) = damaged {
            std::fs::write(&path, damaged).unwrap();
        }
        scene.assert_in_order();
    }
    // And it still names all that was placed, but for the branch, which says nothing about who wrote it.
    scene.project.run(&["evict", "m", "--yes"]).succeeded();
    let left: Vec<_> = crate::inspect::placed(&scene.project);
    assert_eq!(left, [scene.hub_folder().join("refs/main")]);
}

#[test]
fn a_record_of_a_newer_version_is_left_alone_and_its_blobs_serve() {
    let scene = Scene::hub();
    let (path, mut newer) = record(&scene.project, "m");
    newer["version"] = 99.into();
    newer["wisdom"] = "of later days".into();
    std::fs::write(&path, newer.to_string()).unwrap();
    for _use in 0..2 {
        let document = scene.project.json(&["restore", "m"]);
        assert_eq!(document["models"][0]["fetched_bytes"], 0, "{document}");
    }
    let ended = scene.project.run(&["restore", "m"]).succeeded();
    assert!(ended.stderr.contains("newer cache-harness"), "{}", ended.stderr);
    scene.project.run(&["clean", "--models", "--yes"]);
    scene.project.run(&["optimize", "--yes"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), newer.to_string());
    assert_eq!(digest(&scene.weights()), scene.model.digest(1));
    assert_eq!(scene.server.requests(), []);
}

#[test]
fn a_lease_file_that_is_gone_costs_nothing() {
    let scene = Scene::hub();
    std::fs::remove_file(lease(&scene.project, "m")).unwrap();
    scene.assert_in_order();
    std::fs::remove_dir_all(scene.project.cache().join("v1/leases")).unwrap();
    scene.assert_in_order();
}

#[test]
fn a_consumers_whole_folder_that_is_gone_is_repaired_from_the_store() {
    let scene = Scene::hub();
    std::fs::remove_dir_all(scene.project.home().join(".cache/huggingface")).unwrap();
    scene.assert_repaired(0);
}

#[test]
fn all_blobs_gone_are_repaired() {
    let scene = Scene::hub();
    std::fs::remove_dir_all(scene.project.cache().join("v1/blobs")).unwrap();
    std::fs::remove_dir_all(scene.hub_folder().join("blobs")).unwrap();
    scene.assert_repaired(2);
}

#[test]
fn a_whole_cache_folder_that_is_gone_is_a_cold_start_not_a_failure() {
    let scene = Scene::hub();
    std::fs::remove_dir_all(scene.project.cache()).unwrap();
    scene.assert_restored("miss");
    scene.assert_restored("hit");
}

#[test]
fn a_source_that_serves_other_bytes_is_refused_and_leaves_nothing_behind() {
    let scene = Scene::hub();
    std::fs::remove_file(scene.weights()).unwrap();
    std::fs::remove_file(scene.hub_blob()).unwrap();
    scene.server.put(&scene.model.address("weights.bin"), Body::Generated { seed: 9, size: SIZE as u64 });
    let ended = scene.project.run(&["restore", "m"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains(&scene.model.digest(1)), "{}", ended.stderr);
    assert!(!scene.weights().exists());
    assert_eq!(crate::inspect::walk(&scene.project.cache().join("v1/partial")).len(), 1, "only the folder itself");
}
