//! Offline: what is here serves, what is not is named, and no socket is opened either way.

use cache_harness::testkit::Server;

use crate::pinned::{Pinned, project};
use crate::project::Project;
use crate::traced::{Traced, can_trace};

/// A project with the model `here` in its cache and the model `away` only on the server.
fn half_warm(server: &Server) -> Project {
    let (here, away) = (Pinned::weights("here", 1, 100_000), Pinned::weights("away", 2, 100_000));
    let project = project("", &[&here, &away], server);
    project.run(&["restore", "here"]).succeeded();
    server.clear_log();
    project
}

#[test]
fn offline_a_hit_serves_and_a_miss_names_model_place_and_command() {
    let server = Server::start().unwrap();
    let mut project = half_warm(&server);
    for (variable, value) in [("HF_HUB_OFFLINE", "1"), ("CARGO_NET_OFFLINE", "true"), ("CACHE_HARNESS_OFFLINE", "1")] {
        project.set(variable, value);
        project.run(&["restore", "here"]).succeeded();
        let ended = project.run(&["restore", "away"]);
        let expected = format!(
            "error: model `away` cannot be had offline: `model.safetensors` is not in the cache (looked in `{}`)\n\
             hint: run `cache-harness warm away` where there is a network\n",
            project.cache().display()
        );
        assert_eq!((ended.code, ended.stderr), (Some(1), expected), "{variable}");
        project.set(variable, "");
    }
    assert_eq!(server.requests(), []);
    project.run(&["--offline", "restore", "here"]).succeeded();
    assert_eq!(project.run(&["restore", "away", "--offline"]).code, Some(1));
    assert_eq!(server.requests(), []);
}

#[test]
fn offline_no_socket_is_opened_and_a_hit_never_opens_one() {
    if !can_trace("offline opens no socket") {
        return;
    }
    let server = Server::start().unwrap();
    let mut project = half_warm(&server);
    let traced = |project: &Project, name, code| {
        let traced = Traced::run(project, "%network", &["restore", name]);
        assert_eq!(traced.ended.code, Some(code), "{:?}", traced.ended);
        traced.calls
    };
    assert_eq!(traced(&project, "here", 0), [""; 0], "a hit, online");
    project.set("CACHE_HARNESS_OFFLINE", "1");
    assert_eq!(traced(&project, "here", 0), [""; 0], "a hit, offline");
    assert_eq!(traced(&project, "away", 1), [""; 0], "a miss, offline");
    project.set("CACHE_HARNESS_OFFLINE", "");
    assert!(traced(&project, "away", 0).iter().any(|call| call.starts_with("socket(AF_INET")), "this would be seen");
}
