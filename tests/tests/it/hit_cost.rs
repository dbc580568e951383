//! A hit costs stats, not bytes: counted, so that a slow machine judges like a fast one.

use cache_harness::testkit::{Body, Server};

use crate::pinned::{Pinned, project};
use crate::project::Project;
use crate::traced::{Traced, can_trace};

const READS: &str = "read,pread64,readv,sendfile,copy_file_range";

/// Bytes of blobs that `restore NAME` reads; it must be a hit.
#[track_caller]
fn blob_bytes_of_hit(project: &Project, name: &str) -> u64 {
    let traced = Traced::run(project, READS, &["--json", "restore", name]);
    let ended = traced.ended.succeeded();
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["models"][0]["outcome"], "hit", "{}", ended.stdout);
    Traced { ended, calls: traced.calls }.bytes_read("/blobs/")
}

/// The names of the calls that the command itself decides on: not those of memory and of the loader.
fn own_calls(traced: &Traced) -> Vec<&str> {
    let foreign = ["mmap", "munmap", "mremap", "mprotect", "brk", "madvise", "futex", "getrandom", "sched_yield"];
    let calls = traced.calls.iter().filter(|call| !call.contains("/proc/"));
    let names = calls.filter_map(|call| call.split('(').next());
    names.filter(|name| !foreign.contains(name)).collect()
}

#[test]
fn a_hit_makes_the_same_calls_whatever_the_models_size() {
    if !can_trace("a hit's calls do not depend on the model's size") {
        return;
    }
    let server = Server::start().unwrap();
    let small = Pinned::weights("small", 1, 1_000_000);
    let large = Pinned::weights("large", 2, 64_000_000);
    let project = project("", &[&small, &large], &server);
    project.run(&["restore", "small", "large"]).succeeded();
    server.clear_log();
    let [small, large] = ["small", "large"].map(|name| Traced::run(&project, "all", &["restore", name]));
    assert_eq!(own_calls(&small), own_calls(&large));
    for traced in [&small, &large] {
        assert_eq!(traced.ended.code, Some(0), "{:?}", traced.ended);
        assert_eq!(traced.bytes_read("/blobs/") + traced.bytes_read("/snapshots/"), 0);
        let opened = |call: &&String| call.starts_with("open") && call.contains("model.safetensors");
        assert_eq!(traced.calls.iter().find(opened), None);
    }
    // The records tell sizes and durations in decimals: a few digits more or less.
    let root = project.root().to_str().unwrap();
    assert!(small.bytes_read(root).abs_diff(large.bytes_read(root)) < 100);
    assert_eq!(server.requests(), []);
}

#[test]
fn no_hit_hashes_again_after_our_own_links() {
    if !can_trace("no hit hashes again") {
        return;
    }
    let server = Server::start().unwrap();
    let model = Pinned::weights("m", 3, 1_000_000);
    let mut project = project("", &[&model], &server);
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(blob_bytes_of_hit(&project, "m"), 0, "right after the fetch");
    project.set("HF_HOME", project.root().join("second").to_str().unwrap());
    assert_eq!(blob_bytes_of_hit(&project, "m"), 0, "into a second root");
    assert_eq!(blob_bytes_of_hit(&project, "m"), 0, "in the second root");
    project.set("HF_HOME", project.home().join(".cache/huggingface").to_str().unwrap());
    assert_eq!(blob_bytes_of_hit(&project, "m"), 0, "back in the first root, after the link in the second");
}

#[test]
fn linking_for_one_model_does_not_make_another_that_shares_the_blob_hash_again() {
    if !can_trace("models that share a blob do not make each other hash") {
        return;
    }
    let server = Server::start().unwrap();
    let shared = Body::Generated { seed: 4, size: 1_000_000 };
    let one = Pinned::new("one", &[("config.json", b"1".into()), ("model.safetensors", shared.clone())]);
    let two = Pinned::new("two", &[("config.json", b"2".into()), ("weights.bin", shared)]);
    let project = project("", &[&one, &two], &server);
    project.run(&["restore", "one"]).succeeded();
    let linking = Traced::run(&project, READS, &["restore", "two"]);
    assert_eq!((linking.ended.code, linking.bytes_read("/blobs/")), (Some(0), 0), "what `one` proved holds for `two`");
    for name in ["one", "two", "one", "two"] {
        assert_eq!(blob_bytes_of_hit(&project, name), 0, "{name}");
    }
    project.run(&["evict", "two", "--yes"]).succeeded();
    assert_eq!(blob_bytes_of_hit(&project, "one"), 0, "after the links of `two` were taken back");
}

#[test]
fn a_link_that_somebody_else_makes_costs_one_hash_and_no_more() {
    if !can_trace("somebody else's link costs one hash") {
        return;
    }
    let server = Server::start().unwrap();
    let model = Pinned::weights("m", 5, 1_000_000);
    let project = project("", &[&model], &server);
    project.run(&["restore", "m"]).succeeded();
    std::fs::hard_link(project.blob(&model.digest(0)), project.root().join("theirs")).unwrap();
    let once = blob_bytes_of_hit(&project, "m");
    assert!((1..=model.bytes()).contains(&once), "{once}");
    assert_eq!(blob_bytes_of_hit(&project, "m"), 0);
}
