//! A large file comes in parts: over as many connections as help, from all its sources, and each byte once.

use std::time::Duration;

use cache_harness::testkit::{Body, Fault, Line, Server};

use crate::inspect::assert_blobs_are_right;
use crate::pinned::{Pinned, project};
use crate::project::Project;

const SIZE: u64 = 48_000_000;
const FILE: &str = "model.safetensors";
/// What connections that are closed early may have under way, together.
const UNDER_WAY: u64 = SIZE / 20;

fn weights() -> Pinned {
    Pinned::weights("large", 1, SIZE)
}

/// A server that gives each connection six million bytes a second.
fn limited() -> Server {
    let server = Server::start().unwrap();
    server.limit(Line { per_connection: Some(6_000_000), ..Line::default() });
    server
}

fn sent(server: &Server) -> u64 {
    server.requests().iter().map(|request| request.bytes_sent).sum()
}

/// A project whose model is one file of two servers.
fn two_sources(settings: &str, one: &Server, other: &Server) -> Project {
    let body = Body::Generated { seed: 1, size: SIZE };
    let digest = body.digest().unwrap();
    for server in [one, other] {
        server.put("/m.bin", body.clone());
    }
    let urls = format!("\"{}/m.bin\", \"{}/m.bin\"", one.url(), other.url());
    let project = Project::new(&format!("{settings}\n[models.m]\nurls = [{urls}]\nsha256 = \"{digest}\"\n"));
    project.lock(&format!(
        "[models.m]\nsource = \"urls:m.bin\"\nfiles = [\n{{ path = \"m.bin\", size = {SIZE}, sha256 = \"{digest}\" }},\n]\n"
    ));
    project
}

#[test]
fn a_server_that_limits_each_connection_is_asked_over_several_and_for_each_byte_once() {
    let server = limited();
    let project = project("", &[&weights()], &server);
    let report = project.json(&["restore", "large"]);
    assert!(server.peak() >= 4, "{}", server.peak());
    assert!(sent(&server) <= SIZE + UNDER_WAY, "{}", sent(&server));
    assert!(report["models"][0]["fetched_bytes"].as_u64().unwrap() <= SIZE + UNDER_WAY, "{report}");
    assert_blobs_are_right(&project);
}

#[test]
fn one_connection_is_what_a_project_gets_that_wants_no_more() {
    let server = limited();
    let project = project("[cache]\nconnections = 1\n", &[&weights()], &server);
    project.run(&["restore", "large"]).succeeded();
    assert_eq!((server.requests().len(), server.connections()), (1, 1));
    assert_blobs_are_right(&project);
}

#[test]
fn a_redirect_is_followed_once_and_the_parts_are_asked_for_where_it_led() {
    let (hub, storage) = (Server::start().unwrap(), limited());
    let model = weights();
    let project = project("", &[&model], &hub);
    storage.put("/blob", model.files[0].1.clone());
    hub.fault(&model.address(FILE), Fault::RedirectTo(format!("{}/blob?signature=secret", storage.url())));
    project.run(&["restore", "large"]).succeeded();
    assert_eq!(hub.requests().len(), 1);
    assert!(storage.peak() >= 4, "{}", storage.peak());
    assert_blobs_are_right(&project);
}

#[test]
fn a_part_that_stands_still_is_taken_over_by_the_others() {
    let server = limited();
    let model = weights();
    let mut project = project("", &[&model], &server);
    project.set("CACHE_HARNESS_PATIENCE", "600s");
    let stall = Fault::Stall { after: 100_000, times: 1 };
    server.fault(&model.address(FILE), Fault::ForByte { byte: SIZE / 2, fault: Box::new(stall) });
    project.run(&["restore", "large"]).succeeded();
    assert!(sent(&server) <= SIZE + UNDER_WAY, "{}", sent(&server));
    assert_blobs_are_right(&project);
}

#[test]
fn a_server_that_serves_no_parts_is_asked_for_the_whole_once() {
    let server = limited();
    let model = weights();
    let project = project("", &[&model], &server);
    server.fault(&model.address(FILE), Fault::IgnoreRange { times: Fault::ALWAYS });
    project.run(&["restore", "large"]).succeeded();
    let whole = server.requests().iter().filter(|request| request.bytes_sent == SIZE).count();
    assert_eq!(whole, 1, "{:?}", server.requests());
    assert!(sent(&server) <= SIZE + UNDER_WAY, "{}", sent(&server));
    assert_blobs_are_right(&project);
}

#[test]
fn parts_that_were_there_when_a_process_was_killed_are_not_fetched_again() {
    let server = limited();
    let model = weights();
    let project = project("", &[&model], &server);
    for kill in 1..=4 {
        let mut child = project.start(&["restore", "large"]);
        while sent(&server) < SIZE * 2 * kill / 10 {
            assert_eq!(child.try_wait().unwrap(), None, "it ended before it was killed");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let last = project.json(&["restore", "large"])["models"][0]["fetched_bytes"].as_u64().unwrap();
    assert!(last <= SIZE / 3, "{last}");
    assert!(server.peak() >= 4);
    assert!(sent(&server) <= SIZE + SIZE / 5, "{} of {SIZE}", sent(&server));
    assert_blobs_are_right(&project);
}

#[test]
fn parts_of_one_file_come_from_several_sources_at_once() {
    let (one, other) = (limited(), limited());
    let project = two_sources("[cache]\nconnections = 2\n", &one, &other);
    project.run(&["restore", "m"]).succeeded();
    assert!(sent(&one) > SIZE / 10 && sent(&other) > SIZE / 10, "{} {}", sent(&one), sent(&other));
    assert!(sent(&one) + sent(&other) <= SIZE + UNDER_WAY);
    assert_blobs_are_right(&project);
}

#[test]
fn a_source_that_sends_wrong_bytes_among_others_is_named_and_left_out() {
    for wrong in [0, 1] {
        let servers = [limited(), limited()];
        let project = two_sources("", &servers[0], &servers[1]);
        let mut bytes = cache_harness::testkit::generated(1, usize::try_from(SIZE).unwrap());
        bytes.iter_mut().step_by(1000).for_each(|byte| *byte ^= 1);
        servers[wrong].put("/m.bin", bytes);
        let ended = project.run(&["restore", "m"]).succeeded();
        let named = |server: &Server| ended.stderr.contains(&format!("{}/m.bin has ", server.url()));
        assert_eq!((named(&servers[wrong]), named(&servers[1 - wrong])), (true, false), "{wrong}: {}", ended.stderr);
        assert_blobs_are_right(&project);
    }
}

#[test]
fn where_a_source_breaks_off_for_good_the_next_one_goes_on() {
    let (one, other) = (Server::start().unwrap(), Server::start().unwrap());
    let project = two_sources("[cache]\nconnections = 1\n", &one, &other);
    one.fault("/m.bin", Fault::CutInFile { at: SIZE / 2, times: 1 });
    one.fault("/m.bin", Fault::Status { code: 404, retry_after: None, times: Fault::ALWAYS });
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(sent(&one) + sent(&other), SIZE);
    assert!(sent(&other) > 0);
    assert_blobs_are_right(&project);
}
