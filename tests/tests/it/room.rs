//! Who comes near to the limits is told in time: by `status`, by the report, and in the last lines of a run.

use cache_harness::testkit::Server;
use serde_json::{Value, json};

use crate::pinned::{Pinned, project};
use crate::project::Project;

const NEAR: &str = "more than 90 % of max_size (1.00 MB) is used: raise it, or models will be evicted for others";
const DISK: &str = "the cache's disk has less than min_free_disk (900 TB) free: free some, or models will be evicted";

/// A project whose model takes so many bytes of a budget of 1 MB.
fn of_bytes(bytes: u64, settings: &str) -> (Server, Project) {
    let server = Server::start().unwrap();
    let model = Pinned::weights("m", 1, bytes);
    let project = project(&format!("[cache]\nmax_size = \"1MB\"\n{settings}"), &[&model], &server);
    (server, project)
}

fn warnings(document: &Value) -> &Value {
    &document["warnings"]
}

#[test]
fn from_ninety_percent_of_the_budget_on_status_report_and_run_warn() {
    let (_server, project) = of_bytes(900_000, "");
    assert_eq!(warnings(&project.json(&["status"])), &json!([]));
    project.run(&["status", "--check"]).succeeded();
    // As tests do: without `run`, nobody but the report says it.
    let ended = project.run(&["restore", "m"]).succeeded();
    assert!(!ended.stderr.contains("90 %"), "{ended:?}");
    assert_eq!(warnings(&project.json(&["report"])), &json!([NEAR]));
    assert_eq!(warnings(&project.json(&["status"])), &json!([NEAR]));
    let checked = project.run(&["status", "--check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert_eq!(checked.stdout.lines().last(), Some(format!("warning: {NEAR}").as_str()));

    let ended = project.run(&["run", "--", "true"]).succeeded();
    assert_eq!(ended.stderr.matches(NEAR).count(), 1, "{ended:?}");
    assert_eq!(ended.stderr.lines().last(), Some(format!("warning: {NEAR}").as_str()));
    assert_eq!(project.run(&["run", "--", "false"]).code, Some(1));
}

#[test]
fn below_ninety_percent_nobody_is_bothered() {
    let (_server, project) = of_bytes(700_000, "");
    let ended = project.run(&["run", "--", "true"]).succeeded();
    project.run(&["restore", "m"]).succeeded();
    assert!(!ended.stderr.contains("warning"), "{ended:?}");
    assert_eq!(warnings(&project.json(&["report"])), &json!([]));
    project.run(&["status", "--check"]).succeeded();
}

#[test]
fn too_little_free_disk_is_told_the_same_way() {
    let (_server, project) = of_bytes(100_000, "min_free_disk = \"900TB\"\n");
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(warnings(&project.json(&["report"])), &json!([DISK]));
    let status = project.json(&["status"]);
    assert_eq!(warnings(&status), &json!([DISK]));
    assert!(status["free_bytes"].as_u64() < Some(900_000_000_000_000));
    assert_eq!(project.run(&["status", "--check"]).code, Some(1));
    let ended = project.run(&["run", "--", "true"]).succeeded();
    assert_eq!(ended.stderr.lines().last(), Some(format!("warning: {DISK}").as_str()));
}

#[test]
fn what_exceeds_the_budget_is_told_with_what_helps() {
    let (_server, mut project) = of_bytes(700_000, "");
    project.run(&["restore", "m"]).succeeded();
    project.set("CACHE_HARNESS_MAX_SIZE", "500kB");
    let told = "the cache exceeds max_size (500 kB): `cache-harness prune` evicts what is not in use, or raise it";
    assert_eq!(warnings(&project.json(&["status"])), &json!([told]));
    project.run(&["prune", "--yes"]).succeeded();
    assert_eq!(warnings(&project.json(&["status"])), &json!([]));
}
