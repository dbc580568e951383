//! What each fault of a server comes to for a file over one connection: the right bytes or one clear error, the
//! requests made, the bytes sent, and what is left.

use std::ops::RangeInclusive;
use std::time::Duration;

use cache_harness::testkit::{Body, ContentRange, Fault, RetryHeader, Server, Validator, generated};

use crate::outcome::{Case, each};
use crate::pinned::COMMIT;

const ALWAYS: u32 = Fault::ALWAYS;
const SIZES: [u64; 2] = [1_000, 4_000_000];
/// Longer than any pause between two attempts, and five times the patience of [`Case`].
const SLOWNESS: u64 = 2_000;

fn status(code: u16, times: u32) -> Fault {
    Fault::Status { code, retry_after: None, times }
}

fn cut(byte: u64) -> Fault {
    Fault::CutAt { byte, times: 1 }
}

/// A request for a part is answered with this status.
fn no_parts(code: u16) -> Fault {
    let of_a_part = Fault::ShortPart { bytes: u64::MAX, times: ALWAYS };
    Fault::Together { faults: vec![of_a_part, status(code, ALWAYS)], times: ALWAYS }
}

fn both(one: Fault, other: Fault) -> Fault {
    Fault::Together { faults: vec![one, other], times: 1 }
}

fn header(name: &str, value: impl Into<String>, times: u32) -> Fault {
    Fault::Header { name: name.to_owned(), value: value.into(), times }
}

/// Faults that end in the right bytes, after so many requests and bytes.
#[derive(Debug)]
struct Right(Vec<Fault>, usize, RangeInclusive<u64>);

fn assert_right(rows: impl Fn(u64) -> Vec<Right>) {
    let rows: Vec<_> = SIZES.into_iter().flat_map(|size| rows(size).into_iter().map(move |row| (size, row))).collect();
    each(&rows, |(size, Right(faults, requests, bytes))| {
        let outcome = Case::new(*size, faults).restore();
        assert_eq!(outcome.ended.code, Some(0), "{:?}", outcome.ended);
        let seen = (outcome.requests.len(), outcome.sent());
        assert!(seen.0 == *requests && bytes.contains(&seen.1), "{seen:?} {:?} {:?}", outcome.answers(), outcome.ended);
    });
}

#[test]
fn a_body_that_breaks_off_is_gone_on_with_where_it_was() {
    assert_right(|size| {
        let (half, exactly) = (size / 2, size..=size);
        vec![
            Right(vec![], 1, exactly.clone()),
            Right(vec![cut(half)], 2, exactly.clone()),
            Right(vec![cut(0)], 2, exactly.clone()),
            Right(vec![cut(size - 1)], 2, exactly.clone()),
            Right(vec![Fault::CutInFile { at: half, times: 1 }], 2, exactly.clone()),
            Right(vec![Fault::CutAt { byte: size / 4, times: 3 }], 4, exactly.clone()),
            // A reset overtakes bytes that were sent.
            Right(vec![Fault::Reset { after: half, times: 1 }], 2, size..=size + half),
            Right(vec![Fault::Stall { after: half, times: 1 }], 2, exactly.clone()),
            Right(vec![Fault::Stall { after: 0, times: 1 }], 2, exactly.clone()),
            Right(vec![Fault::Trickle { after: half, bytes_per_second: 64, times: 1 }], 2, size..=size + SLOWNESS),
        ]
    });
}

#[test]
fn the_end_of_a_body_of_untold_length_is_known_by_the_pin() {
    assert_right(|size| {
        let (half, exactly) = (size / 2, size..=size);
        let no_length = Fault::NoLength { times: 1 };
        vec![
            Right(vec![no_length.clone()], 1, exactly.clone()),
            Right(vec![both(no_length, cut(half))], 2, exactly.clone()),
            Right(vec![Fault::Chunked], 1, exactly.clone()),
            Right(vec![both(Fault::Chunked, cut(half))], 2, exactly),
        ]
    });
}

#[test]
fn a_server_that_sends_the_whole_for_a_part_costs_no_byte_that_was_there() {
    assert_right(|size| {
        let (half, most) = (size / 2, size / 4 * 3);
        let whole = |times| Fault::IgnoreRange { times };
        vec![
            Right(vec![whole(ALWAYS)], 1, size..=size),
            Right(vec![cut(half), whole(ALWAYS)], 2, half + size..=half + size),
            // What is asked for last begins where the longest of the answers ended.
            Right(vec![cut(half), both(whole(1), cut(most))], 3, half + size..=half + size),
            Right(vec![cut(most), both(whole(1), cut(half))], 3, half + size..=half + size),
        ]
    });
}

#[test]
fn a_part_that_is_another_than_it_says_is_not_used() {
    assert_right(|size| {
        let half = size / 2;
        let wrong = |said| vec![cut(half), Fault::ContentRange { said, times: ALWAYS }];
        // A body that is not read: how much of it was sent is the system's business.
        let once_more = half + size..=half + half + size;
        vec![
            Right(wrong(ContentRange::Shifted(1)), 3, once_more.clone()),
            Right(wrong(ContentRange::Shifted(-1)), 3, once_more.clone()),
            Right(wrong(ContentRange::Total(1)), 3, once_more.clone()),
            Right(wrong(ContentRange::Total(-1)), 3, once_more.clone()),
            Right(wrong(ContentRange::Missing), 3, once_more.clone()),
            // Nor is one that is not to be had.
            Right(vec![cut(half), no_parts(416)], 3, size + half..=size + half),
            Right(wrong(ContentRange::TotalUnknown), 2, size..=size),
            Right(vec![cut(half), Fault::ShortPart { bytes: size / 8, times: ALWAYS }], 5, size..=size),
        ]
    });
}

#[test]
fn whatever_a_server_says_of_the_version_a_download_goes_on_and_ends() {
    assert_right(|size| {
        let (half, exactly) = (size / 2, size..=size);
        let then = |sent| {
            let says = Fault::Validator { sent, times: ALWAYS };
            vec![both(says.clone(), cut(half)), says]
        };
        vec![
            Right(then(Validator::Strong), 2, exactly.clone()),
            Right(then(Validator::Both), 2, exactly.clone()),
            Right(then(Validator::LastModified), 2, exactly.clone()),
            Right(then(Validator::Weak), 2, exactly.clone()),
            Right(then(Validator::None), 2, exactly.clone()),
            Right(vec![cut(half), Fault::IgnoreIfRange { times: ALWAYS }], 2, exactly),
            // Once it is believed, and the body of the second answer not read.
            Right(then(Validator::Changing), 3, half + size..=half + size + size),
        ]
    });
}

#[test]
fn what_may_pass_is_asked_again() {
    assert_right(|size| {
        let exactly = size..=size;
        let mut rows: Vec<_> =
            [408, 425, 429, 500, 502, 503, 504].map(|code| Right(vec![status(code, 1)], 2, exactly.clone())).into();
        rows.extend([
            Right(vec![status(500, 1), cut(size / 2)], 3, exactly.clone()),
            Right(vec![Fault::Garbage { times: 1 }], 2, exactly.clone()),
            Right(vec![Fault::NoAnswer { times: 1 }], 2, exactly.clone()),
            Right(vec![Fault::Silence { times: 1 }], 2, exactly),
            Right(vec![header("X-Large", "x".repeat(1 << 20), 1)], 2, size..=2 * size),
            Right(vec![header("Content-Length", "7", 1)], 2, size..=2 * size),
            // The digest finds it when all is there.
            Right(vec![Fault::WrongByte { at: size / 2, times: 1 }], 2, 2 * size..=2 * size),
        ]);
        rows
    });
}

#[test]
fn what_is_odd_but_right_costs_nothing() {
    assert_right(|size| {
        let exactly = size..=size;
        vec![
            Right(vec![Fault::Informational { codes: vec![103], times: 1 }], 1, exactly.clone()),
            Right(vec![Fault::Informational { codes: vec![102, 103, 103], times: 1 }], 1, exactly.clone()),
            Right(vec![header("ETag", "\"another\"", ALWAYS)], 1, exactly.clone()),
            Right(vec![header("Content-Length", size.to_string(), ALWAYS)], 1, exactly.clone()),
            Right(vec![header("Content-Encoding", "identity", ALWAYS)], 1, exactly.clone()),
            Right(vec![Fault::RedirectChain { hops: 5 }], 6, exactly.clone()),
            Right(vec![Fault::RedirectChain { hops: 10 }], 11, exactly),
        ]
    });
}

#[test]
fn a_server_that_says_how_long_to_wait_is_not_asked_before() {
    let second = Duration::from_secs(1);
    let headers = [RetryHeader::None, RetryHeader::Seconds, RetryHeader::Date, RetryHeader::RateLimit];
    let rows: Vec<_> = headers.into_iter().flat_map(|header| [(429, header), (503, header)]).collect();
    each(&rows, |(code, header)| {
        let (code, header) = (*code, *header);
        let outcome = Case::new(1_000, &[Fault::Busy { code, header, wait: second, times: 2 }]).restore();
        assert_eq!(outcome.answers(), [(code, 0), (code, 0), (200, 1_000)], "{:?}", outcome.ended);
        let says = matches!(header, RetryHeader::Seconds | RetryHeader::Date)
            || (code, header) == (429, RetryHeader::RateLimit);
        if says {
            assert!(outcome.requests.is_sorted_by(|one, next| next.at >= one.at + second), "{:?}", outcome.requests);
        }
    });
}

#[test]
fn what_is_not_the_file_is_told_and_asked_for_once() {
    let of_bytes = |count| {
        format!(
            "`model.safetensors` from URL has {count} bytes, but 1000 are pinned\n\
             hint: if the file was meant to change, run `cache-harness lock` and review the new pin"
        )
    };
    let gone = "\nhint: the file or its commit may be gone upstream, or private: check the pin, or set HF_TOKEN";
    let gated = "\nhint: the file may be gated or private: set HF_TOKEN to a token that may read it";
    let plain_http =
        "is refused: plain http is allowed only to this machine (127.0.0.0/8, [::1], localhost): use https";
    let too_long = "URL is refused: more than 10 redirects";
    let rows = [
        (status(404, ALWAYS), format!("URL answered 404{gone}"), 1),
        (status(410, ALWAYS), format!("URL answered 410{gone}"), 1),
        (status(403, ALWAYS), format!("URL answered 403{gated}"), 1),
        (status(401, ALWAYS), format!("URL answered 401{gated}"), 1),
        (status(400, ALWAYS), "URL answered 400".to_owned(), 1),
        // A redirect that leads nowhere is no body.
        (status(302, ALWAYS), "URL answered 302".to_owned(), 1),
        (status(204, ALWAYS), "URL answered 204".to_owned(), 1),
        (Fault::HtmlOk, of_bytes(88), 1),
        (Fault::Empty, of_bytes(0), 1),
        (Fault::LengthLie(1), of_bytes(1_001), 1),
        (Fault::LengthLie(-1), of_bytes(999), 1),
        (
            Fault::Gzip { times: ALWAYS },
            "URL is refused: the answer is encoded as `gzip`, though identity was asked for".to_owned(),
            1,
        ),
        (Fault::RedirectTo(format!("/owner/m/resolve/{COMMIT}/model.safetensors")), too_long.to_owned(), 11),
        (Fault::RedirectChain { hops: 11 }, too_long.to_owned(), 11),
        (
            Fault::RedirectTo("http://a.example/x?signature=secret".to_owned()),
            format!("http://a.example/x {plain_http}"),
            1,
        ),
        (
            Fault::RedirectTo("file:///etc/passwd".to_owned()),
            "file:///etc/passwd is refused: `file` is not supported: use https".to_owned(),
            1,
        ),
    ];
    each(&rows, |(fault, words, requests)| {
        let case = Case::new(1_000, std::slice::from_ref(fault));
        let outcome = case.restore();
        assert_eq!((outcome.told(&case), outcome.requests.len(), outcome.left), (words.clone(), *requests, 0));
    });
}

#[test]
fn a_server_that_stays_broken_is_given_up_after_five_attempts_and_what_came_is_there_for_the_next_run() {
    let broke_off = "end of file before message length reached";
    let rows = [
        (status(500, ALWAYS), "answered 500", 0),
        (status(429, ALWAYS), "answered 429", 0),
        (Fault::CutAt { byte: 0, times: ALWAYS }, broke_off, 0),
        (Fault::CutAt { byte: 10, times: ALWAYS }, broke_off, 50),
        (Fault::CutInFile { at: 500, times: ALWAYS }, broke_off, 500),
        (Fault::Stall { after: 10, times: ALWAYS }, "no byte arrived for 1 s", 50),
        (Fault::Silence { times: ALWAYS }, "no byte arrived for 1 s", 0),
        (Fault::NoAnswer { times: ALWAYS }, "connection closed before message completed", 0),
        (Fault::Garbage { times: ALWAYS }, "invalid HTTP version parsed", 0),
        (header("X-Large", "x".repeat(1 << 20), ALWAYS), "message head is too large", 0),
        (header("Content-Length", "7", ALWAYS), "invalid content-length parsed", 0),
    ];
    each(&rows, |(fault, words, left)| {
        let case = Case::new(1_000, std::slice::from_ref(fault));
        let broken = case.restore();
        assert_eq!((broken.requests.len(), broken.left), (5, *left), "{:?}", broken.ended);
        let told = broken.told(&case).replace("URL answered", "URL: answered");
        assert_eq!(told, format!("URL: {words}"));
        case.server.clear_faults(&case.path());
        let whole = case.restore();
        assert_eq!((whole.ended.code, whole.requests.len(), whole.sent()), (Some(0), 1, 1_000 - left));
    });
}

#[test]
fn a_line_that_is_cut_again_and_again_is_gone_on_with_as_long_as_bytes_come() {
    let outcome = Case::new(8_000_000, &[Fault::CutAt { byte: 1_000_000, times: ALWAYS }]).restore();
    assert_eq!((outcome.ended.code, outcome.requests.len(), outcome.sent()), (Some(0), 8, 8_000_000));
}

#[test]
fn wrong_bytes_are_told_with_both_digests_when_they_came_twice() {
    each(&SIZES, |size| {
        let size = *size;
        let mut wrong = generated(1, usize::try_from(size).unwrap());
        wrong[500] ^= 0xff;
        let actual = Body::from(wrong).digest().unwrap();
        let case = Case::new(size, &[Fault::WrongByte { at: 500, times: ALWAYS }]);
        let outcome = case.restore();
        let expected =
            format!("`model.safetensors` from URL has sha256 {actual}, but {} is pinned", case.model.digest(0));
        assert_eq!(outcome.told(&case).lines().next(), Some(expected.as_str()));
        assert_eq!((outcome.requests.len(), outcome.sent(), outcome.left), (2, 2 * size, 0));
    });
}

#[test]
fn a_file_on_another_host_is_asked_for_there() {
    let storage = Server::start().unwrap();
    let case = Case::new(1_000, &[Fault::RedirectTo(format!("{}/blob", storage.url()))]);
    storage.put("/blob", case.model.files[0].1.clone());
    storage.fault("/blob", cut(500));
    let outcome = case.restore();
    // The way there is known by then.
    assert_eq!((outcome.ended.code, outcome.answers()), (Some(0), vec![(302, 0)]));
    assert_eq!(storage.requests().iter().map(|request| request.bytes_sent).collect::<Vec<_>>(), [500, 500]);
}

#[test]
fn where_the_other_host_is_gone_the_first_is_asked_where_the_file_is_now() {
    let storages = [Server::start().unwrap(), Server::start().unwrap()];
    let to = |index: usize| Fault::RedirectTo(format!("{}/blob", storages[index].url()));
    let case = Case::new(1_000, &[Fault::Together { faults: vec![to(0)], times: 1 }, to(1)]);
    storages.iter().for_each(|storage| storage.put("/blob", case.model.files[0].1.clone()));
    storages[0].fault("/blob", cut(500));
    storages[0].fault("/blob", Fault::NoAnswer { times: ALWAYS });
    let outcome = case.restore();
    let seen = |index: usize| storages[index].requests().iter().map(|request| request.bytes_sent).collect::<Vec<_>>();
    assert_eq!((outcome.requests.len(), seen(0), seen(1)), (2, vec![500, 0], vec![500]));
}

#[test]
fn a_file_that_is_another_size_with_every_answer_is_given_up() {
    let size = 4_000_000;
    let case = Case::new(size, &[]);
    let body = case.model.files[0].1.clone();
    // Without a pinned size.
    let url = format!("{}{}", case.server.url(), case.path());
    case.project.write(
        "cache-harness.toml",
        &format!("[models.m]\nurls = [\"{url}\"]\nsha256 = \"{}\"\n", body.digest().unwrap()),
    );
    let lies = (1..=40).map(|by| both(Fault::LengthLie(by), Fault::CutAt { byte: size / 2, times: 1 }));
    lies.for_each(|fault| case.fault(fault));
    let ended = case.project.run(&["restore", "m"]);
    assert!(ended.code == Some(1), "{ended:?}");
    assert!(case.server.requests().len() <= 12, "{}", case.server.requests().len());
}
