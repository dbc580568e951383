//! What the Hub's clients have in their cache beside files, and what they do there themselves.

use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::PathBuf;

use cache_harness::testkit::{Body, Server, generated};
use serde_json::Value;
use tests::hub::{Hub, Repository};

use crate::inspect::{placed, walk};
use crate::pinned::{COMMIT, Pinned, project};
use crate::project::Project;

fn repository(project: &Project) -> PathBuf {
    project.home().join(".cache/huggingface/hub/models--owner--m")
}

fn scene() -> (Server, Project) {
    let server = Server::start().unwrap();
    let body = |seed| Body::Generated { seed, size: 5_000 };
    let model =
        Pinned::new("m", &[("config.json", body(1)), ("sub/model.safetensors", body(2)), ("twin.json", body(1))]);
    let project = project("", &[&model], &server);
    (server, project)
}

/// `_tree_cache.py`: `read_tree_cache` and the check of `_raise_if_incomplete_snapshot`.
#[test]
fn a_complete_repository_has_its_listing_as_huggingface_hub_writes_it_and_a_partial_one_has_none() {
    let hub = Hub::start();
    let files = Repository::new("owner/m", COMMIT).small(".gitattributes", "").small("config.json", "{}");
    hub.put(&files.large("model.safetensors", 7, 1_000), "main");
    let mut project = Project::new("");
    project.set("HF_ENDPOINT", hub.server.url());
    project.run(&["add", "m", "hf:owner/m"]).succeeded();
    assert!(!project.pins().contains("complete"), "{}", project.pins());
    project.run(&["restore", "m"]).succeeded();
    let listing = repository(&project).join(format!("trees/{COMMIT}.json"));
    assert!(!listing.exists());

    project.run(&["remove", "m", "--yes"]).succeeded();
    project.run(&["add", "m", "hf:owner/m", "--files", "*"]).succeeded();
    assert!(project.pins().contains("\ncomplete = true\n"), "{}", project.pins());
    project.run(&["restore", "m"]).succeeded();
    let text = std::fs::read_to_string(&listing).unwrap();
    let sha256 = Body::Generated { seed: 7, size: 1_000 }.digest().unwrap();
    // `git hash-object` of the LFS pointer; the order of keys and the indent are those of `json.dump(data, f, indent=1)`.
    let lfs = "\"lfs_sha256\": \"";
    assert!(text.starts_with("{\n \"format_version\": 1,\n \"files\": {\n  \".gitattributes\": {\n   \"size\": 0,\n   \"blob_id\": \"e69de29"), "{text}");
    assert!(text.contains(&format!("   {lfs}{sha256}\",\n   \"lfs_size\": 1000\n")), "{text}");
    let tree: Value = serde_json::from_str(&text).unwrap();
    for (file, entry) in tree["files"].as_object().unwrap() {
        assert!(project.snapshot("m").join(file).is_file());
        assert_eq!((entry["blob_id"].as_str().unwrap().len(), entry["size"].is_u64()), (40, true));
    }
    // A line that says so of other pins is refused.
    let lock = std::fs::read_to_string(project.dir().join("cache-harness.lock")).unwrap();
    project.write("cache-harness.lock", &lock.replace("complete = true # m\n", ""));
    assert_eq!(project.run(&["restore", "m"]).code, Some(2));
    project.write("cache-harness.lock", &lock);
    project.run(&["evict", "m", "--yes"]).succeeded();
    assert_eq!(placed(&project), Vec::<PathBuf>::new());
}

#[test]
fn what_clients_note_and_share_stays_as_it_is() {
    let (_server, project) = scene();
    let (repository, hub) = (repository(&project), project.home().join(".cache/huggingface/hub"));
    let absent = repository.join(".no_exist").join(COMMIT).join("adapter_config.json");
    let listing = repository.join(format!("trees/{COMMIT}.json"));
    for (path, text) in [(&absent, ""), (&listing, "{}"), (&hub.join(".locks/x"), "")] {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    project.run(&["restore", "m"]).succeeded();
    assert!(!hub.join("blobs").exists(), "an unmarked shared store is refused by huggingface_hub");
    project.run(&["evict", "m", "--yes"]).succeeded();
    assert!(absent.is_file() && hub.join(".locks/x").is_file());
    assert_eq!(std::fs::read_to_string(&listing).unwrap(), "{}");
}

/// `huggingface_hub` ≥ 1.32: the repository's blob is a link into the store that repositories share.
#[test]
fn a_blob_in_the_shared_store_is_adopted_and_nothing_is_written_there() {
    let (server, project) = scene();
    let hub = project.home().join(".cache/huggingface/hub");
    let etag = Body::Generated { seed: 2, size: 5_000 }.digest().unwrap().to_string();
    let shared = hub.join("blobs/ab/abcdef");
    for folder in [shared.parent().unwrap().to_owned(), repository(&project).join("blobs")] {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(hub.join("blobs/.huggingface-shared-blobs"), "1\n").unwrap();
    std::fs::write(&shared, generated(2, 5_000)).unwrap();
    symlink("../../blobs/ab/abcdef", repository(&project).join("blobs").join(&etag)).unwrap();
    let before = (walk(&hub.join("blobs")), shared.metadata().unwrap().ctime_nsec());
    project.run(&["restore", "m"]).succeeded();
    let path = project.snapshot("m").join("sub/model.safetensors");
    assert_eq!(path.canonicalize().unwrap(), shared.canonicalize().unwrap());
    server.clear_log();
    assert_eq!(project.json(&["restore", "m"])["models"][0]["outcome"], "hit");
    project.run(&["evict", "m", "--yes"]).succeeded();
    assert_eq!((walk(&hub.join("blobs")), shared.metadata().unwrap().ctime_nsec()), before);
    assert!(repository(&project).join("blobs").join(&etag).is_symlink() && !path.exists());
}

/// `_create_symlink` (`huggingface_hub/file_download.py`) with `HF_HUB_DISABLE_SYMLINKS`.
#[test]
fn where_symlinks_are_switched_off_pointers_are_files_and_blobs_are_there_too() {
    let (_server, mut project) = scene();
    project.run(&["restore", "m"]).succeeded();
    project.set("HF_HUB_DISABLE_SYMLINKS", "1");
    for outcome in ["hit", "hit"] {
        // What stood there as a link becomes a file.
        assert_eq!(project.json(&["restore", "m"])["models"][0]["outcome"], outcome);
        let files: Vec<_> = walk(&repository(&project)).into_iter().filter(|path| !path.is_dir()).collect();
        assert_eq!(files.len(), 3 + 2 + 1, "{files:?}");
        assert!(files.iter().all(|path| !path.is_symlink()), "{files:?}");
    }
    assert_eq!(std::fs::read(project.snapshot("m").join("sub/model.safetensors")).unwrap(), generated(2, 5_000));
    project.run(&["evict", "m", "--yes"]).succeeded();
    assert_eq!(placed(&project), Vec::<PathBuf>::new());
}
