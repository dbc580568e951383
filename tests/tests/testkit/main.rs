//! The loopback server does what its documentation says, seen through a bare TCP connection.

mod client;
mod connections;
mod headers;
mod ranges;

use std::net::TcpStream;
use std::time::Duration;

use cache_harness::Sha256Digest;
use cache_harness::testkit::{Body, Fault, Line, Server, generated};

use client::Client;

fn serving(body: impl Into<Body>) -> (Server, Client) {
    let server = Server::start().unwrap();
    server.put("/file", body);
    let client = Client::of(&server);
    (server, client)
}

#[test]
fn one_connection_serves_many_requests_and_the_log_has_them_all() {
    let (server, mut client) = serving(b"0123456789");
    assert_eq!(client.get("/file").body, b"0123456789");
    assert_eq!(client.ask("GET", "/file?download=true", "X-Test: yes\r\n").body, b"0123456789");
    assert_eq!(client.get("/other").status, 404);
    assert_eq!(client.ask("POST", "/file", "").status, 405);
    assert!(client.is_closed());
    let log = server.requests();
    let seen: Vec<_> = log.iter().map(|one| (&*one.method, &*one.path, one.status, one.bytes_sent)).collect();
    assert_eq!(
        seen,
        [
            ("GET", "/file", 200, 10),
            ("GET", "/file?download=true", 200, 10),
            ("GET", "/other", 404, 0),
            ("POST", "/file", 405, 0)
        ]
    );
    assert_eq!(log[1].header("x-test"), Some("yes"));
    server.clear_log();
    assert!(server.requests().is_empty());
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let (server, mut client) = serving(b"0123456789");
    let head = client.ask("HEAD", "/file", "");
    let get = client.get("/file");
    assert_eq!((head.status, head.headers), (get.status, get.headers));
    assert_eq!(server.requests()[0].bytes_sent, 0);
}

#[test]
fn ranges_select_what_the_rfc_says() {
    let (server, mut client) = serving(b"0123456789");
    for (range, status, body, content_range) in [
        ("bytes=0-3", 206, &b"0123"[..], Some("bytes 0-3/10")),
        ("bytes=4-", 206, b"456789", Some("bytes 4-9/10")),
        ("bytes=4-400", 206, b"456789", Some("bytes 4-9/10")),
        ("bytes=-3", 206, b"789", Some("bytes 7-9/10")),
        ("bytes=-30", 206, b"0123456789", Some("bytes 0-9/10")),
        ("bytes=10-", 416, b"", Some("bytes */10")),
        ("bytes=5-4", 416, b"", Some("bytes */10")),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ] {
        let response = client.ask("GET", "/file", &format!("Range: {range}\r\n"));
        assert_eq!((response.status, &*response.body), (status, body), "{range}");
        assert_eq!(response.header("Content-Range"), content_range, "{range}");
        assert_eq!(server.requests().last().unwrap().range.as_deref(), Some(range));
    }
}

#[test]
fn a_range_holds_only_while_its_validator_does() {
    let (server, mut client) = serving(b"0123456789");
    let etag = client.get("/file").header("ETag").unwrap().to_owned();
    let headers = format!("Range: bytes=4-\r\nIf-Range: {etag}\r\n");
    assert_eq!(client.ask("GET", "/file", &headers).status, 206);
    server.put("/file", b"abcdefghij");
    let whole = client.ask("GET", "/file", &headers);
    assert_eq!((whole.status, &*whole.body), (200, &b"abcdefghij"[..]));
    assert_ne!(whole.header("ETag"), Some(&*etag));
}

#[test]
fn generated_bytes_are_the_same_in_memory_and_on_the_line_from_any_offset() {
    let size = 200_000;
    let bytes = generated(42, size);
    let body = Body::Generated { seed: 42, size: size as u64 };
    assert_eq!(body.digest().unwrap(), Sha256Digest::of(&bytes));
    let (_server, mut client) = serving(body);
    assert_eq!(client.get("/file").body, bytes);
    for first in [1, 7, 8, 65_535, 65_536, 65_540, 131_073, 199_999] {
        assert!(client.ask("GET", "/file", &format!("Range: bytes={first}-\r\n")).body == bytes[first..], "{first}");
    }
}

#[test]
fn generated_bytes_never_change() {
    let digest = Body::Generated { seed: 1, size: 100_000 }.digest().unwrap();
    assert_eq!(digest.to_string(), "a55c7218ac7041935a40ac216bc361db10b2d741320c9fe5d049428890c9add2");
}

#[test]
fn a_file_is_served_from_the_disk() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let (_server, mut client) = serving(&*path);
    assert_eq!(client.get("/file").body, std::fs::read(&path).unwrap());
}

#[test]
fn a_cut_body_ends_early_as_often_as_asked() {
    let (server, _) = serving(generated(1, 300_000));
    server.fault("/file", Fault::CutAt { byte: 100_000, times: 2 });
    for expected in [100_000, 100_000, 300_000] {
        let response = Client::of(&server).get("/file");
        assert_eq!(response.header("Content-Length"), Some("300000"));
        assert_eq!(response.body.len(), expected);
    }
    let sent: Vec<_> = server.requests().iter().map(|one| one.bytes_sent).collect();
    assert_eq!(sent, [100_000, 100_000, 300_000]);
}

#[test]
fn faults_of_a_path_come_one_after_the_other() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::Status { code: 429, retry_after: Some(3), times: 2 });
    server.fault("/file", Fault::WrongByte { at: 5, times: 1 });
    server.fault("/file", Fault::Empty);
    for _ in 0..2 {
        let busy = client.get("/file");
        assert_eq!((busy.status, busy.header("Retry-After")), (429, Some("3")));
    }
    assert_eq!(client.get("/file").body, [b"01234", &[!b'5'][..], b"6789"].concat());
    for _ in 0..2 {
        assert!(client.get("/file").body.is_empty());
    }
    server.clear_faults("/file");
    assert_eq!(client.get("/file").body, b"0123456789");
}

#[test]
fn a_wrong_byte_is_wrong_in_ranges_too() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::WrongByte { at: 5, times: Fault::ALWAYS });
    assert_eq!(client.ask("GET", "/file", "Range: bytes=4-\r\n").body, [b"4", &[!b'5'][..], b"6789"].concat());
    assert_eq!(client.ask("GET", "/file", "Range: bytes=6-\r\n").body, b"6789");
}

#[test]
fn a_stalled_body_stops_and_the_connection_stays_open_until_the_server_ends() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::Stall { after: 4, times: 1 });
    let stalled = std::thread::spawn(move || client.get("/file").body);
    while server.requests().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(Client::of(&server).get("/file").body, b"0123456789");
    assert!(!stalled.is_finished());
    drop(server);
    assert_eq!(stalled.join().unwrap(), b"0123");
}

#[test]
fn the_length_can_lie_both_ways() {
    let (server, _) = serving(b"0123456789");
    for (lie, announced, received) in [(5, "15", &b"0123456789"[..]), (-4, "6", b"012345")] {
        server.clear_faults("/file");
        server.fault("/file", Fault::LengthLie(lie));
        let response = Client::of(&server).get("/file");
        assert_eq!((response.header("Content-Length"), &*response.body), (Some(announced), received));
    }
}

#[test]
fn a_chunked_body_has_no_length() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::Chunked);
    let response = client.get("/file");
    assert_eq!((response.header("Content-Length"), response.header("Transfer-Encoding")), (None, Some("chunked")));
    assert_eq!([client.line(), client.line(), client.line(), client.line()], ["a", "0123456789", "0", ""]);
    assert_eq!(client.get("/other").status, 404);
}

#[test]
fn a_login_page_and_a_redirect_stand_in_for_the_file() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::HtmlOk);
    let page = client.get("/file");
    assert_eq!((page.status, page.header("Content-Type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.body.starts_with(b"<!DOCTYPE html>"));
    server.fault("/elsewhere", Fault::RedirectTo("/file".into()));
    let redirect = client.get("/elsewhere");
    assert_eq!((redirect.status, redirect.header("Location")), (302, Some("/file")));
}

#[test]
fn a_limited_line_serves_everybody_at_once() {
    let (server, _) = serving(generated(1, 50_000));
    server.limit(Line {
        latency: Duration::from_millis(5),
        bytes_per_second: Some(2_000_000),
        per_connection: Some(1_000_000),
    });
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(Client::of(&server).get("/file").body.len(), 50_000));
        }
    });
}

#[test]
fn nothing_answers_after_the_server_is_dropped() {
    let (server, mut client) = serving(b"0123456789");
    let address = server.url().strip_prefix("http://").unwrap().to_owned();
    client.get("/file");
    drop(server);
    assert!(client.is_closed());
    assert!(TcpStream::connect(address).is_err());
}
