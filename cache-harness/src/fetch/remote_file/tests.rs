//! Claims about reading parts of a file, against the loopback server.

use std::sync::OnceLock;

use super::*;
use crate::address::PlainHttp;
use crate::fetch::Fetcher;
use crate::model::FilePath;
use crate::testkit::{Body, ContentRange, Fault, Server, generated};

const SIZE: usize = 20 << 20;

fn content() -> &'static [u8] {
    static CONTENT: OnceLock<Vec<u8>> = OnceLock::new();
    CONTENT.get_or_init(|| generated(7, SIZE))
}

/// What reading does with a file, as `each` reads it from these paths of the server.
fn read<T>(server: &Server, paths: &[&str], each: impl FnOnce(&mut RemoteFile<'_>) -> io::Result<T>) -> Result<T> {
    server.put("/m.onnx", Body::from(content().to_vec()));
    let state = tempfile::tempdir().unwrap();
    let fetcher = Fetcher { line: once_cell::sync::OnceCell::new(), hosts: state.path().join("hosts"), connections: 8 };
    let url = |path: &&str| Source::Url(Address::of_other(&format!("{}{path}", server.url()), PlainHttp::Loopback));
    let sources: Vec<_> = paths.iter().map(url).collect();
    let file: FilePath = "m.onnx".parse().unwrap();
    let patience = std::time::Duration::from_secs(10);
    let job = Job { model: "m", file: &file, sources: &sources, patience };
    let progress = Progress::default();
    let mut remote = fetcher.open(job, SIZE as u64, &progress).unwrap();
    each(&mut remote).map_err(|error| error.downcast::<Error>().unwrap())
}

/// Reads so many bytes at each of these places, and compares them.
fn places(places: &[(usize, usize)]) -> impl FnOnce(&mut RemoteFile<'_>) -> io::Result<()> {
    move |remote| {
        for (at, count) in places {
            let mut bytes = vec![0; *count];
            remote.seek(SeekFrom::Start(*at as u64))?;
            remote.read_exact(&mut bytes)?;
            assert!(bytes == content()[*at..at + count], "{count} bytes at {at} are others");
        }
        Ok(())
    }
}

#[test]
fn a_header_takes_one_request_or_two_and_no_more_bytes_than_they_ask_for() {
    for (count, requests, most) in [(100_000, 1, FIRST), (1_000_000, 2, FIRST + FIRST * GROWTH)] {
        let server = Server::start().unwrap();
        read(&server, &["/m.onnx"], places(&[(0, 8), (8, count)])).unwrap();
        let seen = server.requests();
        assert_eq!(seen.len(), requests);
        assert!(seen.iter().map(|request| request.bytes_sent).sum::<u64>() <= most);
    }
}

#[test]
fn what_is_in_pieces_takes_a_small_request_for_each_and_none_for_what_is_here() {
    let server = Server::start().unwrap();
    read(&server, &["/m.onnx"], places(&[(0, 10), (5 << 20, 10), ((5 << 20) + 50_000, 10), (19 << 20, 10)])).unwrap();
    let seen = server.requests();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|request| request.bytes_sent <= FIRST));
}

#[test]
fn the_end_of_the_file_takes_no_request_and_what_is_behind_it_is_empty() {
    let server = Server::start().unwrap();
    let end = read(&server, &["/m.onnx"], |remote| {
        let end = remote.seek(SeekFrom::End(0))?;
        assert_eq!(remote.read(&mut [0; 9])?, 0);
        remote.seek(SeekFrom::Start(u64::MAX))?;
        assert_eq!(remote.read(&mut [0; 9])?, 0);
        assert!(remote.seek(SeekFrom::End(-21 << 20)).is_err());
        Ok(end)
    });
    assert_eq!((end.unwrap(), server.requests().len()), (SIZE as u64, 0));
}

#[test]
fn a_server_without_ranges_is_read_from_the_beginning_once_and_left() {
    let server = Server::start().unwrap();
    server.fault("/m.onnx", Fault::IgnoreRange { times: Fault::ALWAYS });
    read(&server, &["/m.onnx"], places(&[(0, 8), (8, 300_000), (600_000, 8), (3 << 20, 8)])).unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_breaks_off_is_asked_for_again_and_what_fails_gives_way_to_the_next_source() {
    let server = Server::start().unwrap();
    server.fault("/m.onnx", Fault::CutAt { byte: 1000, times: 1 });
    read(&server, &["/none", "/m.onnx"], places(&[(0, 100_000)])).unwrap();
    let seen: Vec<_> = server.requests().iter().map(|request| (request.path.clone(), request.status)).collect();
    assert_eq!(seen, [("/none".to_owned(), 404), ("/m.onnx".to_owned(), 206), ("/m.onnx".to_owned(), 206)]);
}

#[test]
fn a_redirect_is_followed_once_and_asked_about_again_when_it_leads_nowhere() {
    let server = Server::start().unwrap();
    server.fault("/hub", Fault::RedirectTo("/m.onnx".to_owned()));
    read(&server, &["/hub"], |remote| {
        places(&[(0, 10), (5 << 20, 10)])(remote)?;
        server.fault("/m.onnx", Fault::Status { code: 403, retry_after: None, times: 1 });
        places(&[(9 << 20, 10)])(remote)
    })
    .unwrap();
    let seen: Vec<_> = server.requests().iter().map(|request| (request.path.clone(), request.status)).collect();
    let expected =
        [("/hub", 302), ("/m.onnx", 206), ("/m.onnx", 206), ("/m.onnx", 403), ("/hub", 302), ("/m.onnx", 206)];
    assert_eq!(seen, expected.map(|(path, status)| (path.to_owned(), status)));
}

#[test]
fn an_answer_that_is_not_the_part_or_not_the_file_is_refused() {
    for (fault, expected) in [
        (Fault::ContentRange { said: ContentRange::Shifted(1), times: Fault::ALWAYS }, "it sent another part"),
        (Fault::HtmlOk, "bytes, but 20971520 are pinned"),
        (Fault::Gzip { times: Fault::ALWAYS }, "encoded as `gzip`"),
    ] {
        let server = Server::start().unwrap();
        server.fault("/m.onnx", fault);
        let error = read(&server, &["/m.onnx"], places(&[(0, 10)])).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
