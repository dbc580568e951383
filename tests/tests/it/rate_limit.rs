//! A server that allows so many requests a second is asked no more often, however many processes wait for it.

use std::time::Duration;

use cache_harness::testkit::{Body, Received, RetryHeader, Server};

use crate::inspect::assert_blobs_are_right;
use crate::pinned::{Pinned, project};
use crate::project::Ended;

const PROCESSES: usize = 16;
const FILES: usize = 8;
const SECOND: Duration = Duration::from_secs(1);

/// Models of eight files, all different.
fn models(count: usize) -> Vec<Pinned> {
    let file = |model: usize, file: usize| {
        let seed = (model * FILES + file) as u64;
        (format!("file-{file}.bin"), Body::Generated { seed, size: 20_000 + seed })
    };
    let model = |model| Pinned { name: format!("m{model}"), files: (0..FILES).map(|name| file(model, name)).collect() };
    (0..count).map(model).collect()
}

/// Has every model restored by a process of its own, all at once; returns what the server saw.
fn restored_at_once(header: RetryHeader) -> Vec<Received> {
    let server = Server::start().unwrap();
    let models = models(PROCESSES);
    let project = project("", &models.iter().collect::<Vec<_>>(), &server);
    server.quota(10, SECOND, header);
    let started: Vec<_> = models.iter().map(|model| project.start(&["restore", &model.name])).collect();
    for child in started {
        Ended::of(&child.wait_with_output().unwrap()).succeeded();
    }
    assert_blobs_are_right(&project);
    server.requests()
}

#[track_caller]
fn assert_few_were_refused(requests: &[Received]) {
    let needed = PROCESSES * FILES;
    let refused = requests.iter().filter(|request| request.status == 429).count();
    assert_eq!(requests.len(), needed + refused);
    assert!(requests.len() <= needed + needed / 10, "{refused} of {} were refused", requests.len());
}

#[test]
fn sixteen_processes_share_ten_requests_a_second_and_wait_as_told() {
    let requests = restored_at_once(RetryHeader::Seconds);
    assert_few_were_refused(&requests);
    for refused in requests.iter().filter(|request| request.status == 429) {
        let pause = SECOND;
        let early = requests.iter().filter(|request| request.at > refused.at && request.at < refused.at + pause);
        assert_eq!(early.count(), 0, "within the pause after a refusal");
    }
}

#[test]
fn what_the_server_says_is_left_is_shared_too() {
    let requests = restored_at_once(RetryHeader::RateLimit);
    assert_few_were_refused(&requests);
}
