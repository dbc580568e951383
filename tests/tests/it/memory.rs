//! What a download holds in memory does not depend on how large the file is.
//!
//! Counted is what the process itself asked for. On top comes as much of the program as was looked at, which the
//! kernel drops when it is short: 17 MiB of this unoptimised one, 7 MiB where it is optimised.

use std::process::{Child, Stdio};
use std::time::Duration;

use cache_harness::testkit::{Line, Server};

use crate::inspect::assert_blobs_are_right;
use crate::pinned::{Pinned, project};

const MIB: u64 = 1 << 20;

/// The most that a download may hold, besides what is for each connection.
const BASE: u64 = 4 * MIB;
/// The most for each connection: where bytes come faster than they are taken, the HTTP library lets its buffer grow to
/// 0.9 MiB, and the allocator does not give all of it back.
const FOR_EACH: u64 = 2 * MIB;

/// The most bytes of memory that a process held until it ended, which must be well; without what is mapped from files.
fn peak_of(mut child: Child) -> u64 {
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let held = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let held = held.and_then(|held| held.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(held.unwrap_or(0) << 10);
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "{ended:?}");
            return peak;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Downloads so many bytes over so many connections.
#[track_caller]
fn assert_memory_is_flat(size: u64, connections: usize) {
    let server = Server::start().unwrap();
    if connections > 1 {
        server.limit(Line { per_connection: Some(16_000_000), ..Line::default() });
    }
    let model = Pinned::weights("large", 1, size);
    let settings = format!("[cache]\nmax_size = \"8GiB\"\nconnections = {connections}");
    let project = project(&settings, &[&model], &server);
    let mut command = project.command(&["restore", "large"]);
    let peak = peak_of(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    assert!(server.peak() > connections / 2, "{} of {connections} connections were used", server.peak());
    let most = BASE + connections as u64 * FOR_EACH;
    assert!((1..=most).contains(&peak), "{peak} bytes of memory for {size} over {connections} connections");
    assert_blobs_are_right(&project);
}

#[test]
fn memory_is_flat_over_one_connection_and_over_eight() {
    for connections in [1, 8] {
        assert_memory_is_flat(100 * MIB, connections);
        assert_memory_is_flat(256 * MIB, connections);
    }
}

#[test]
#[ignore = "takes two minutes and four gibibytes of disk"]
fn large_memory_is_flat_over_one_connection_and_over_eight() {
    for connections in [1, 8] {
        assert_memory_is_flat(1024 * MIB, connections);
        assert_memory_is_flat(4096 * MIB, connections);
    }
}
