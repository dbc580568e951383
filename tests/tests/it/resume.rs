//! A download that was cut or killed goes on where it was, and what went wrong meanwhile is found out.

use std::path::PathBuf;
use std::time::Duration;

use cache_harness::testkit::{Body, Fault, Line, Received, Server, Validator};

use crate::inspect::assert_blobs_are_right;
use crate::pinned::{Pinned, project};
use crate::project::Project;

const SIZE: u64 = 4_000_000;
const FILE: &str = "model.safetensors";

fn partial(project: &Project, model: &Pinned) -> PathBuf {
    project.cache().join("v1/partial").join(format!("{}.part", model.digest(0)))
}

/// A project in which a download of `SIZE` bytes was killed half way; the partial, and what was asked so far is
/// forgotten.
fn killed_half_way(server: &Server) -> (Project, Pinned, PathBuf) {
    killed_while_it_had(server, &Body::Generated { seed: 1, size: SIZE })
}

/// The same, of a server that until then had this at the file's address.
fn killed_while_it_had(server: &Server, body: &Body) -> (Project, Pinned, PathBuf) {
    let model = Pinned::weights("large", 1, SIZE);
    let project = project("", &[&model], server);
    server.put(&model.address(FILE), body.clone());
    let part = partial(&project, &model);
    server.limit(Line { bytes_per_second: Some(2_000_000), ..Line::default() });
    let mut child = project.start(&["restore", "large"]);
    while part.metadata().map_or(0, |metadata| metadata.len()) < SIZE / 2 {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it was killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    server.limit(Line::default());
    server.clear_log();
    model.serve(server);
    (project, model, part)
}

fn ranges(requests: &[Received]) -> Vec<Option<String>> {
    requests.iter().map(|request| request.range.clone()).collect()
}

#[test]
fn a_killed_download_goes_on_where_it_was() {
    let server = Server::start().unwrap();
    let (project, _, part) = killed_half_way(&server);
    let there = part.metadata().unwrap().len();
    let report = project.json(&["--json", "restore", "large"]);
    assert_eq!(report["models"][0]["fetched_bytes"], SIZE - there);
    let requests = server.requests();
    assert_eq!(ranges(&requests), [Some(format!("bytes={there}-"))]);
    assert_eq!((requests[0].status, requests[0].bytes_sent), (206, SIZE - there));
    assert!(requests[0].header("if-range").is_some(), "{:?}", requests[0]);
    assert_blobs_are_right(&project);
    assert!(!part.exists() && !part.with_extension("json").exists());
}

#[test]
fn a_partial_that_went_wrong_meanwhile_is_fetched_once_more_from_its_first_byte() {
    let server = Server::start().unwrap();
    let (project, _, part) = killed_half_way(&server);
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&part, bytes).unwrap();
    project.run(&["restore", "large"]).succeeded();
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "{:?}", ranges(&requests));
    assert_eq!((requests[1].range.clone(), requests[1].bytes_sent), (None, SIZE));
    assert_blobs_are_right(&project);
}

#[test]
fn a_partial_that_is_whole_is_verified_without_a_request() {
    let server = Server::start().unwrap();
    let model = Pinned::weights("large", 1, SIZE);
    let project = project("", &[&model], &server);
    let part = partial(&project, &model);
    project.run(&["restore", "large"]).succeeded();
    project.run(&["evict", "large", "--yes"]).succeeded();
    std::fs::write(&part, cache_harness::testkit::generated(1, usize::try_from(SIZE).unwrap())).unwrap();
    server.clear_log();
    project.run(&["restore", "large"]).succeeded();
    assert_eq!(server.requests().len(), 0);
    assert_blobs_are_right(&project);
}

#[test]
fn a_file_that_changed_meanwhile_comes_right_whether_the_server_says_so_or_not() {
    let sends = |sent| Fault::Validator { sent, times: Fault::ALWAYS };
    let ignores = || Fault::IgnoreIfRange { times: Fault::ALWAYS };
    let in_spite = |sent| Fault::Together { faults: vec![sends(sent), ignores()], times: Fault::ALWAYS };
    // The digest tells where the server does not: then all of the second half came for nothing.
    for (fault, is_told) in [
        (sends(Validator::Strong), true),
        (sends(Validator::LastModified), true),
        (in_spite(Validator::Strong), true),
        (in_spite(Validator::LastModified), true),
        (sends(Validator::None), false),
        (in_spite(Validator::None), false),
        (in_spite(Validator::Weak), false),
    ] {
        let server = Server::start().unwrap();
        server.fault(&Pinned::weights("large", 1, SIZE).address(FILE), fault.clone());
        let (project, _, part) = killed_while_it_had(&server, &Body::Generated { seed: 2, size: SIZE });
        let there = part.metadata().unwrap().len();
        project.run(&["restore", "large"]).succeeded();
        let requests = server.requests();
        assert_eq!(ranges(&requests), [Some(format!("bytes={there}-")), None], "{fault:?}");
        assert_eq!(requests[1].bytes_sent, SIZE, "{fault:?}");
        assert!(is_told || requests[0].bytes_sent == SIZE - there, "{fault:?}: {requests:?}");
        assert_blobs_are_right(&project);
    }
}
