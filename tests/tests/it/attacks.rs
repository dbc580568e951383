//! What others may have put into the store or the variables: nothing outside the store is harmed, nothing leaks.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use cache_harness::Sha256Digest;
use cache_harness::testkit::Server;
use serde_json::{Value, json};

use crate::pinned::Pinned;
use crate::project::Project;

/// A project with the model `a`, two files from a folder of its own, restored for this provider.
fn project(provider: &str) -> Project {
    let project = Project::new(&format!("[models.a]\npath = \"data\"\nprovider = \"{provider}\"\n"));
    if provider == "huggingface" {
        project
            .write("cache-harness.toml", "[models.a]\npath = \"data\"\nprovider = \"huggingface\"\nhub_id = \"o/n\"\n");
    }
    fs::create_dir(project.dir().join("data")).unwrap();
    project.write("data/config.json", "{}");
    project.write("data/model.bin", "weights");
    project.run(&["lock"]).succeeded();
    project
}

#[test]
fn a_symbolic_link_in_the_stores_trash_empties_nothing() {
    let project = project("directory");
    project.run(&["restore", "a"]).succeeded();
    let (trash, victim) = (project.cache().join("v1/trash"), project.root().join("victim"));
    fs::create_dir_all(victim.join("photos")).unwrap();
    fs::write(victim.join("photos/one"), "precious").unwrap();
    fs::remove_dir(&trash).unwrap();
    symlink(&victim, &trash).unwrap();
    for command in [&["evict", "a", "--yes"][..], &["clean", "--models", "--yes"], &["optimize", "--yes"]] {
        let ended = project.run(command);
        assert!(victim.join("photos/one").is_file(), "{command:?}: {ended:?}");
    }
    let ended = project.run(&["evict", "a", "--yes"]);
    assert!(ended.code == Some(1) && ended.stderr.contains("is a symbolic link"), "{ended:?}");
}

#[test]
fn plain_http_to_this_machine_takes_no_proxy() {
    let (server, proxy) = (Server::start().unwrap(), Server::start().unwrap());
    let model = Pinned::weights("w", 1, 10_000);
    model.serve(&server);
    let mut project = Project::new(&model.catalog());
    project.lock(&model.lock());
    for (name, value) in [("HF_ENDPOINT", server.url()), ("HF_TOKEN", "hf_secret".into())] {
        project.set(name, value);
    }
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        project.set(name, proxy.url());
    }
    project.run(&["restore", "w"]).succeeded();
    assert_eq!((server.requests().len(), proxy.requests().len()), (1, 0));
}

#[test]
fn a_pointer_that_leads_elsewhere_is_no_model_in_place() {
    let project = project("huggingface");
    let (hub, elsewhere) = (project.home().join(".cache/huggingface/hub/models--o--n"), project.root().join("x/y"));
    fs::create_dir_all(&hub).unwrap();
    fs::create_dir_all(&elsewhere).unwrap();
    symlink(&elsewhere, hub.join("snapshots")).unwrap();
    let ended = project.run(&["restore", "a"]);
    assert!(ended.code == Some(1) && ended.stderr.contains("hub/models--o--n/snapshots"), "{ended:?}");
    fs::remove_file(hub.join("snapshots")).unwrap();
    project.run(&["restore", "a"]).succeeded();
}

/// Adds these places to the only record of the store, as somebody could who hands on a store of theirs.
fn claim(project: &Project, claims: &[(&Path, Value)]) {
    let records = fs::read_dir(project.cache().join("v1/entries")).unwrap().map(|entry| entry.unwrap().path());
    let path = records.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "json")).unwrap();
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (place, content) in claims {
        let claim = json!({"path": place, "content": content, "owner": "ours", "proof": null});
        record["placed"].as_array_mut().unwrap().push(claim);
    }
    fs::write(path, record.to_string()).unwrap();
}

#[test]
fn no_record_makes_the_users_own_files_ours() {
    let digest = Sha256Digest::of(b"weights");
    let blob = json!({"blob": {"sha256": digest, "mode": "copy"}});
    for (content, claimed) in [
        ("weights", &blob),
        ("alias x=y", &json!({"text": "alias x=y"})),
        ("link", &json!({"pointer": {"sha256": digest, "target": "../victim"}})),
    ] {
        let project = project("directory");
        let (victim, link) = (project.root().join("victim"), project.root().join("tmp/link"));
        fs::write(&victim, content).unwrap();
        symlink("../victim", &link).unwrap();
        project.run(&["restore", "a"]).succeeded();
        claim(&project, &[(&victim, claimed.clone()), (&link, claimed.clone())]);
        project.run(&["evict", "a", "--yes"]);
        project.run(&["clean", "--models", "--yes"]).succeeded();
        assert_eq!(fs::read_to_string(&link).unwrap(), content);
    }
}

#[test]
fn numbers_that_no_file_has_end_no_command() {
    let project = project("directory");
    project.run(&["restore", "a"]).succeeded();
    let records = fs::read_dir(project.cache().join("v1/entries")).unwrap().map(|entry| entry.unwrap().path());
    for path in records.filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("\"size\":7", &format!("\"size\":{}", u64::MAX))).unwrap();
    }
    for command in [&["status"][..], &["prune", "--dry-run"], &["restore", "a"], &["clean", "--models", "--yes"]] {
        project.run(command).succeeded();
    }
}
