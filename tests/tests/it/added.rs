//! What `add` and `lock` fetched is the model's from then on, before any test asks for it.

use cache_harness::testkit::Server;
use serde_json::json;

use crate::inspect::walk;
use crate::project::Project;

/// A project to which the model `small` was just added, from a server.
fn added() -> (Server, Project) {
    let server = Server::start().unwrap();
    server.put("/small.bin", b"weights");
    let project = Project::new("");
    project.run(&["add", "small", &format!("{}/small.bin", server.url())]).succeeded();
    server.clear_log();
    (server, project)
}

#[test]
fn an_added_model_is_warm_and_verified_and_optimize_leaves_it() {
    let (server, project) = added();
    let model = &project.json(&["status"])["models"][0];
    assert_eq!((&model["state"], &model["restored"]), (&json!("warm"), &json!([])));
    assert_eq!(project.json(&["verify"])["checked"], 1);
    project.run(&["warm", "--check"]).succeeded();
    let planned = project.json(&["optimize", "--dry-run"]);
    assert_eq!((&planned["dry_run"], &planned["removed"]), (&json!(true), &json!([])));
    project.run(&["optimize", "--yes"]).succeeded();
    let restored = project.json(&["restore", "small"]);
    assert_eq!(restored["models"][0]["outcome"], "hit");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_damaged_blob_of_an_added_model_is_found() {
    let (_server, project) = added();
    let blobs = walk(&project.cache().join("v1/blobs"));
    let blob = blobs.into_iter().find(|path| path.is_file()).unwrap();
    std::fs::remove_file(&blob).unwrap();
    std::fs::write(&blob, "Weights").unwrap();
    assert_eq!(project.run(&["verify"]).code, Some(1));
    project.run(&["verify", "--repair"]).succeeded();
    project.run(&["verify"]).succeeded();
}

#[test]
fn an_added_model_can_be_evicted_also_after_it_was_removed() {
    let (_server, project) = added();
    let planned = project.json(&["evict", "small", "--dry-run"]);
    assert_eq!((&planned["dry_run"], &planned["removed"][0]["name"]), (&json!(true), &json!("small")));
    let refused = project.run(&["remove", "small"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--yes: needed where nobody can answer"), "{refused:?}");
    let planned = project.json(&["remove", "small", "--dry-run"]);
    assert!(planned["dry_run"] == true && planned["cached_bytes"].as_u64() > Some(0), "{planned}");
    let ended = project.run(&["remove", "small", "--yes"]).succeeded();
    assert!(ended.stderr.contains("or now by `cache-harness evict small`"), "{ended:?}");
    project.run(&["evict", "small", "--yes"]).succeeded();
    assert!(walk(&project.cache().join("v1/blobs")).iter().all(|path| path.is_dir()));
}

#[test]
fn a_model_that_never_was_here_leaves_nothing_to_evict() {
    let project = Project::new("[models.small]\npath = \"small.bin\"\n");
    project.write("small.bin", "weights");
    project.run(&["lock"]).succeeded();
    let ended = project.run(&["remove", "small", "--yes"]).succeeded();
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_misspelt_source_is_told_as_that() {
    for (wrong, right) in [("url", "urls"), ("hubs", "hub"), ("paths", "path"), ("built_in", "builtin")] {
        let project = Project::new(&format!("[models.small]\n{wrong} = \"x\"\n"));
        let ended = project.run(&["status"]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let catalog = project.dir().join("cache-harness.toml").display().to_string();
        let expected =
            format!("error: {catalog}:2:1: unknown key `{wrong}` in [models.small]\nhint: did you mean `{right}`?\n");
        assert_eq!(ended.stderr, expected);
    }
}
