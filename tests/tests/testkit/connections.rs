//! Faults of connections, and how many there are.

use std::io;
use std::sync::Barrier;

use cache_harness::testkit::{Body, Fault, Server, generated};

use super::{Client, serving};

#[test]
fn a_reset_is_an_error_and_no_end() {
    let (server, _) = serving(generated(1, 100_000));
    server.fault("/file", Fault::Reset { after: 1_000, times: 2 });
    for _ in 0..2 {
        let response = Client::of(&server).get("/file");
        assert_eq!(response.error, Some(io::ErrorKind::ConnectionReset));
        assert!(response.body.len() <= 1_000);
    }
    assert_eq!(Client::of(&server).get("/file").body.len(), 100_000);
    let sent: Vec<_> = server.requests().iter().map(|one| one.bytes_sent).collect();
    assert_eq!(sent, [1_000, 1_000, 100_000]);
}

#[test]
fn a_trickle_arrives_in_the_end() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::Trickle { after: 6, bytes_per_second: 100, times: 1 });
    assert_eq!(client.get("/file").body, b"0123456789");
    assert_eq!(server.requests()[0].bytes_sent, 10);
}

#[test]
fn a_body_without_length_ends_with_the_connection() {
    let (server, mut client) = serving(b"0123456789");
    let faults = vec![Fault::NoLength { times: 1 }, Fault::CutAt { byte: 4, times: 1 }];
    server.fault("/file", Fault::Together { faults, times: 1 });
    server.fault("/file", Fault::NoLength { times: 1 });
    for expected in [&b"0123"[..], b"0123456789"] {
        let response = client.get("/file");
        assert_eq!((response.header("Content-Length"), response.header("Transfer-Encoding")), (None, None));
        assert_eq!(client.rest(), expected);
        client = Client::of(&server);
    }
}

#[test]
fn garbage_and_nothing_come_in_place_of_an_answer() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::Garbage { times: 1 });
    server.fault("/file", Fault::NoAnswer { times: 1 });
    client.request("GET", "/file", "");
    let garbage = client.rest();
    assert!(!garbage.is_empty() && !garbage.starts_with(b"HTTP"));
    let mut client = Client::of(&server);
    client.request("GET", "/file", "");
    assert!(client.rest().is_empty());
    assert_eq!(Client::of(&server).get("/file").status, 200);
    let statuses: Vec<_> = server.requests().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [0, 0, 200]);
}

#[test]
fn silence_lasts_until_the_server_ends() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::Silence { times: 1 });
    client.request("GET", "/file", "");
    while server.requests().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(Client::of(&server).get("/file").status, 200);
    drop(server);
    assert!(client.rest().is_empty());
}

#[test]
fn requests_know_their_connection_and_their_order_in_time() {
    let (server, mut first) = serving(b"0123456789");
    first.get("/file");
    let mut second = Client::of(&server);
    second.get("/file");
    first.get("/file");
    let log = server.requests();
    assert_eq!([log[0].connection, log[1].connection, log[2].connection], [1, 2, 1]);
    assert!(log.is_sorted_by_key(|one| one.at));
    assert_eq!(server.connections(), 2);
}

#[test]
fn the_peak_is_one_to_a_client_that_waits_for_its_answers() {
    let server = Server::start().unwrap();
    assert_eq!((server.peak(), server.connections()), (0, 0));
    server.put("/file", generated(1, 300_000));
    server.fault("/file", Fault::CutAt { byte: 1_000, times: 50 });
    for _ in 0..100 {
        Client::of(&server).get("/file");
    }
    assert_eq!((server.peak(), server.connections()), (1, 100));
}

#[test]
fn the_peak_counts_answers_side_by_side() {
    let (server, _) = serving(Body::Generated { seed: 1, size: 1 << 30 });
    let together = Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = Client::of(&server);
                client.request("GET", "/file", "");
                // The answer is larger than what the system holds, so it is under way until this client goes.
                client.line();
                together.wait();
            });
        }
    });
    assert_eq!(server.peak(), 3);
}
