//! Faults of parts and of what tells versions apart.

use cache_harness::testkit::{ContentRange, Fault, Validator};

use super::{Client, serving};

#[test]
fn a_cut_at_an_offset_in_the_file_hits_the_part_that_holds_it() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::CutInFile { at: 5, times: 1 });
    assert_eq!(client.part("/file", "0-4").body, b"01234");
    assert_eq!(client.part("/file", "6-9").body, b"6789");
    assert_eq!(client.ask("HEAD", "/file", "").status, 200);
    let cut = client.part("/file", "3-8");
    assert_eq!((cut.header("Content-Length"), &*cut.body), (Some("6"), &b"34"[..]));
    assert!(client.is_closed());
    assert_eq!(Client::of(&server).get("/file").body, b"0123456789");
}

#[test]
fn a_cut_of_the_body_counts_from_where_the_part_begins() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::CutAt { byte: 2, times: 1 });
    assert_eq!(client.ask("HEAD", "/file", "").status, 200);
    assert_eq!(client.part("/file", "5-9").body, b"56");
    assert!(client.is_closed());
}

#[test]
fn a_wrong_byte_once_waits_for_the_part_that_holds_it() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::WrongByte { at: 7, times: 1 });
    assert_eq!(client.part("/file", "0-4").body, b"01234");
    assert_eq!(client.part("/file", "5-9").body, [&b"56"[..], &[!b'7'], b"89"].concat());
    assert_eq!(client.part("/file", "5-9").body, b"56789");
}

#[test]
fn a_fault_for_a_byte_hits_one_part_of_many() {
    let (server, mut client) = serving(b"0123456789");
    let busy = Fault::Status { code: 503, retry_after: None, times: 1 };
    server.fault("/file", Fault::ForByte { byte: 4, fault: Box::new(busy) });
    let statuses = ["0-2", "6-9", "3-5", "3-5"].map(|range| client.part("/file", range).status);
    assert_eq!(statuses, [206, 206, 503, 206]);
}

#[test]
fn an_ignored_range_gets_the_whole() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::IgnoreRange { times: 1 });
    let whole = client.part("/file", "4-5");
    assert_eq!((whole.status, &*whole.body, whole.header("Content-Range")), (200, &b"0123456789"[..], None));
    assert_eq!(client.part("/file", "4-5").status, 206);
}

#[test]
fn a_content_range_can_say_anything_or_nothing() {
    let (server, mut client) = serving(b"0123456789");
    for (said, expected) in [
        (ContentRange::Shifted(1), Some("bytes 5-6/10")),
        (ContentRange::Shifted(-3), Some("bytes 1-2/10")),
        (ContentRange::Total(5), Some("bytes 4-5/15")),
        (ContentRange::TotalUnknown, Some("bytes 4-5/*")),
        (ContentRange::Missing, None),
    ] {
        server.fault("/file", Fault::ContentRange { said, times: 1 });
        assert_eq!(client.get("/file").status, 200, "{said:?}");
        let part = client.part("/file", "4-5");
        assert_eq!((part.status, &*part.body), (206, &b"45"[..]), "{said:?}");
        assert_eq!(part.header("Content-Range"), expected);
    }
}

#[test]
fn a_part_can_be_shorter_than_asked_and_says_so() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::ShortPart { bytes: 3, times: 1 });
    let part = client.part("/file", "4-8");
    assert_eq!((part.header("Content-Range"), &*part.body), (Some("bytes 4-6/10"), &b"456"[..]));
    assert_eq!(client.part("/file", "4-8").body, b"45678");
}

#[test]
fn validators_can_be_weak_changing_missing_or_dates() {
    let (server, mut client) = serving(b"0123456789");
    for (sent, etags, dates, holds) in [
        (Validator::Strong, 1, 0, 206),
        (Validator::None, 0, 0, 200),
        (Validator::Weak, 1, 0, 200),
        (Validator::LastModified, 0, 1, 206),
        (Validator::Both, 1, 1, 206),
        (Validator::Changing, 1, 0, 200),
    ] {
        server.fault("/file", Fault::Validator { sent, times: 2 });
        let first = client.get("/file");
        assert_eq!((first.all("ETag").len(), first.all("Last-Modified").len()), (etags, dates), "{sent:?}");
        assert_eq!(first.header("ETag").is_some_and(|etag| etag.starts_with("W/")), sent == Validator::Weak);
        let validator = first.header("ETag").or(first.header("Last-Modified")).unwrap_or("\"any\"");
        let second = client.ask("GET", "/file", &format!("Range: bytes=4-\r\nIf-Range: {validator}\r\n"));
        assert_eq!(second.status, holds, "{sent:?}");
        assert_eq!(second.header("ETag") == first.header("ETag"), sent != Validator::Changing);
        assert_eq!(second.header("Last-Modified"), first.header("Last-Modified"));
    }
}

#[test]
fn a_date_changes_with_the_content() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::Validator { sent: Validator::LastModified, times: Fault::ALWAYS });
    let before = client.get("/file").header("Last-Modified").unwrap().to_owned();
    server.put("/file", b"abcdefghij");
    assert_ne!(client.get("/file").header("Last-Modified"), Some(&*before));
    assert_eq!(client.ask("GET", "/file", &format!("Range: bytes=4-\r\nIf-Range: {before}\r\n")).status, 200);
}

#[test]
fn an_ignored_if_range_gets_a_part_of_another_version() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::IgnoreIfRange { times: 1 });
    let mut ask = || client.ask("GET", "/file", "Range: bytes=4-\r\nIf-Range: \"other\"\r\n");
    assert_eq!([ask().status, ask().status], [206, 200]);
}

#[test]
fn faults_together_end_together() {
    let (server, mut client) = serving(b"0123456789");
    let changing = Fault::Validator { sent: Validator::Changing, times: Fault::ALWAYS };
    let faults = vec![changing, Fault::IgnoreIfRange { times: 9 }, Fault::ShortPart { bytes: 2, times: 9 }];
    server.fault("/file", Fault::Together { faults, times: 2 });
    let mut ask = || client.ask("GET", "/file", "Range: bytes=4-\r\nIf-Range: \"other\"\r\n");
    let (first, second, third) = (ask(), ask(), ask());
    assert_eq!((&*first.body, &*second.body, &*third.body), (&b"45"[..], &b"45"[..], &b"0123456789"[..]));
    assert_ne!(first.header("ETag"), second.header("ETag"));
}

#[test]
fn a_fault_without_times_ends_when_it_is_together_with_nothing() {
    let (server, mut client) = serving(b"0123456789");
    server.fault("/file", Fault::Together { faults: vec![Fault::Empty], times: 1 });
    assert_eq!([client.get("/file").body.len(), client.get("/file").body.len()], [0, 10]);
}
