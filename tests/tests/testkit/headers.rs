//! Faults of heads, and the quota.

use std::time::Duration;

use cache_harness::testkit::{Fault, RetryHeader, generated};

use super::serving;

#[test]
fn a_busy_server_says_when_in_each_form() {
    let (server, mut client) = serving(b"0123456789");
    for header in [RetryHeader::None, RetryHeader::Seconds, RetryHeader::Date, RetryHeader::RateLimit] {
        let wait = Duration::from_millis(2_500);
        server.fault("/file", Fault::Busy { code: 429, header, wait, times: 1 });
        let busy = client.get("/file");
        assert_eq!(busy.status, 429);
        let expected = match header {
            RetryHeader::Seconds => Some("3"),
            RetryHeader::Date => busy.header("Retry-After").filter(|date| date.ends_with(" GMT")),
            _ => None,
        };
        assert_eq!(busy.header("Retry-After"), expected);
        assert_eq!(busy.header("Retry-After").is_some(), matches!(header, RetryHeader::Seconds | RetryHeader::Date));
        let limit =
            (header == RetryHeader::RateLimit).then_some(("\"api\";r=0;t=3", "\"fixed window\";\"api\";q=500;w=300"));
        assert_eq!(busy.header("RateLimit").zip(busy.header("RateLimit-Policy")), limit);
    }
    assert_eq!(client.get("/file").status, 200);
}

#[test]
fn a_quota_refuses_and_counts_what_is_too_much() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::Status { code: 503, retry_after: None, times: 3 });
    server.quota(2, Duration::from_secs(3_600), RetryHeader::RateLimit);
    let answers = [client.get("/file"), client.get("/other"), client.get("/file"), client.ask("HEAD", "/file", "")];
    assert_eq!(answers.each_ref().map(|answer| answer.status), [503, 404, 429, 429]);
    let left = answers.each_ref().map(|answer| answer.header("RateLimit").unwrap().split(';').nth(1).unwrap());
    assert_eq!(left, ["r=1", "r=0", "r=0", "r=0"]);
    assert_eq!(server.refused(), 2);
    server.quota(1, Duration::from_secs(3_600), RetryHeader::None);
    assert_eq!([client.get("/file").status, client.get("/file").status], [503, 429]);
    assert_eq!(server.refused(), 3);
}

#[test]
fn a_new_window_admits_again() {
    let (server, mut client) = serving(b"0123456789");
    server.quota(1, Duration::from_millis(50), RetryHeader::Seconds);
    let mut wait_for = |status| {
        loop {
            let response = client.get("/file");
            assert_eq!(response.header("Retry-After"), (response.status == 429).then_some("1"));
            if response.status == status {
                break;
            }
        }
    };
    wait_for(429);
    wait_for(200);
}

#[test]
fn a_chain_of_redirects_ends_at_the_file() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::RedirectChain { hops: 3 });
    let mut path = "/file?signature=x".to_owned();
    let mut hops = 0;
    let body = loop {
        let response = client.get(&path);
        match response.header("Location") {
            Some(location) => path = location.to_owned(),
            None => break response.body,
        }
        hops += 1;
    };
    assert_eq!((hops, &*path, &*body), (3, "/file?hop=3", &b"0123456789"[..]));
}

#[test]
fn headers_can_come_twice() {
    let (server, mut client) = serving(b"0123456789");
    let header = |name: &str, value: &str| Fault::Header { name: name.into(), value: value.into(), times: 1 };
    let faults = vec![header("Content-Length", "11"), header("ETag", "\"other\"")];
    server.fault("/file", Fault::Together { faults, times: 1 });
    let response = client.get("/file");
    assert_eq!(response.all("Content-Length"), ["10", "11"]);
    assert_eq!(response.all("ETag").len(), 2);
    assert_eq!(client.get("/file").all("ETag").len(), 1);
}

#[test]
fn a_header_can_be_huge() {
    let (server, mut client) = serving(b"0123456789");
    let value = "x".repeat(1 << 20);
    server.fault("/file", Fault::Header { name: "X-Huge".into(), value: value.clone(), times: 1 });
    let response = client.get("/file");
    assert!(response.header("X-Huge") == Some(&*value));
    assert_eq!(response.body, b"0123456789");
}

#[test]
fn informational_answers_come_before_the_final_one() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::Informational { codes: vec![102, 103, 103], times: 1 });
    let response = client.get("/file");
    assert_eq!((&*response.informational, response.status), (&[102, 103, 103][..], 200));
    assert_eq!(response.body, b"0123456789");
    assert!(client.get("/file").informational.is_empty());
    assert_eq!(server.requests()[0].status, 200);
}

#[test]
fn gzip_that_nobody_asked_for_is_gzip() {
    let content = generated(3, 150_000);
    let (server, mut client) = serving(content.clone());
    server.fault("/file", Fault::Gzip { times: 1 });
    let response = client.part("/file", "5-");
    assert_eq!((response.status, response.header("Content-Encoding")), (200, Some("gzip")));
    let (head, mut rest) = response.body.split_at(10);
    assert_eq!(head[..3], [0x1f, 0x8b, 8]);
    let mut unpacked: Vec<u8> = Vec::new();
    loop {
        let length = u16::from_le_bytes([rest[1], rest[2]]);
        assert_eq!(u16::from_le_bytes([rest[3], rest[4]]), !length);
        let (block, next) = rest[5..].split_at(length.into());
        unpacked.extend(block);
        let last = rest[0] == 1;
        rest = next;
        if last {
            break;
        }
    }
    assert!(unpacked == content);
    assert_eq!(rest[4..], 150_000_u32.to_le_bytes());
    assert!(client.get("/file").body == content);
}
