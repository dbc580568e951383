//! What others may have put into the store or the variables: nothing outside the store is harmed, nothing leaks.

use std::fs;
use std::os::unix::fs::symlink;

use cache_harness::testkit::Server;

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
