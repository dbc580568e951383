//! What each fault of a server comes to for a large file that comes in parts: as [`crate::faults`], and no byte that
//! was right comes twice but for what was under way.

use std::time::Duration;

use cache_harness::testkit::{ContentRange, Fault, Line, RetryHeader, Server, Validator};

use crate::outcome::{Case, Outcome, each};

const ALWAYS: u32 = Fault::ALWAYS;
const SIZE: u64 = 48_000_000;
/// What connections that are closed early may have under way, together; on a busy machine it is not read at once.
const UNDER_WAY: u64 = SIZE / 4;
/// More parts than it takes.
const PARTS: usize = 80;
/// How many are tried at the same time: more would keep the machine busy, not the line.
const AT_ONCE: usize = 3;

/// A server that gives each connection six million bytes a second.
fn limited(faults: &[Fault]) -> Case {
    let case = Case::new(SIZE, faults);
    case.server.limit(Line { per_connection: Some(6_000_000), ..Line::default() });
    case
}

/// Faults that only requests for a part suffer.
fn of_parts(faults: Vec<Fault>, times: u32) -> Fault {
    let of_a_part = Fault::ShortPart { bytes: u64::MAX, times };
    Fault::Together { faults: [vec![of_a_part], faults].concat(), times }
}

/// A fault that the part with the middle byte suffers.
fn in_the_middle(fault: Fault, times: u32) -> Fault {
    Fault::ForByte { byte: SIZE / 2, fault: Box::new(of_parts(vec![fault], times)) }
}

fn status(code: u16) -> Fault {
    Fault::Status { code, retry_after: None, times: ALWAYS }
}

fn header(name: &str, value: impl Into<String>) -> Fault {
    Fault::Header { name: name.to_owned(), value: value.into(), times: ALWAYS }
}

/// That each of these ends in the right bytes, and that no more than `most` were sent.
fn assert_right(faults: &[Fault], most: u64) {
    faults.chunks(AT_ONCE).for_each(|few| assert_right_at_once(few, most));
}

fn assert_right_at_once(faults: &[Fault], most: u64) {
    each(faults, |fault| {
        let case = limited(std::slice::from_ref(fault));
        let outcome = case.restore();
        assert_eq!(outcome.ended.code, Some(0), "{:?}", outcome.ended);
        let seen = (outcome.requests.len(), outcome.sent());
        assert!(seen.0 <= PARTS && (SIZE..=most).contains(&seen.1), "{seen:?} {}", list(&outcome));
    });
}

fn list(outcome: &Outcome) -> String {
    let lines = outcome.ranges().into_iter().zip(outcome.answers());
    lines.map(|(range, answer)| format!("\n{range:?} {answer:?}")).collect::<String>() + "\n" + &outcome.ended.stderr
}

#[test]
fn a_part_that_breaks_off_is_brought_to_its_end_by_another_request() {
    let after = 100_000;
    assert_right(
        &[
            in_the_middle(Fault::CutAt { byte: after, times: 1 }, 1),
            of_parts(vec![Fault::CutAt { byte: after, times: 1 }], 3),
            Fault::CutInFile { at: SIZE / 2, times: 1 },
            in_the_middle(Fault::Reset { after, times: 1 }, 1),
            in_the_middle(Fault::Stall { after, times: 1 }, 1),
            in_the_middle(Fault::Trickle { after, bytes_per_second: 64, times: 1 }, 1),
            in_the_middle(Fault::NoAnswer { times: 1 }, 1),
            in_the_middle(Fault::Silence { times: 1 }, 1),
            in_the_middle(Fault::Garbage { times: 1 }, 1),
            in_the_middle(status(500), 1),
            in_the_middle(status(503), 1),
            in_the_middle(header("X-Large", "x".repeat(1 << 20)), 1),
            in_the_middle(header("Content-Length", "7"), 1),
            in_the_middle(Fault::LengthLie(1), 1),
            in_the_middle(Fault::LengthLie(-1), 1),
        ],
        SIZE + UNDER_WAY,
    );
}

#[test]
fn what_is_odd_but_right_costs_parts_nothing() {
    assert_right(
        &[
            Fault::Informational { codes: vec![103], times: ALWAYS },
            Fault::NoLength { times: ALWAYS },
            Fault::Validator { sent: Validator::None, times: ALWAYS },
            Fault::Validator { sent: Validator::Weak, times: ALWAYS },
            Fault::Validator { sent: Validator::LastModified, times: ALWAYS },
            Fault::IgnoreIfRange { times: ALWAYS },
            header("ETag", "\"another\""),
            Fault::ContentRange { said: ContentRange::TotalUnknown, times: ALWAYS },
            Fault::ShortPart { bytes: 2_000_000, times: ALWAYS },
            Fault::RedirectChain { hops: 5 },
        ],
        SIZE + UNDER_WAY,
    );
}

#[test]
fn a_server_that_serves_no_parts_is_asked_for_the_whole_over_one_connection() {
    let wrong = |said| Fault::ContentRange { said, times: ALWAYS };
    assert_right_at_once(
        &[
            Fault::Chunked,
            Fault::IgnoreRange { times: ALWAYS },
            wrong(ContentRange::Shifted(1)),
            wrong(ContentRange::Total(1)),
            wrong(ContentRange::Missing),
            of_parts(vec![status(416)], ALWAYS),
        ],
        SIZE + UNDER_WAY,
    );
}

#[test]
fn one_part_that_is_another_than_it_says_costs_the_whole_once_more_at_most() {
    let wrong = |said| in_the_middle(Fault::ContentRange { said, times: 1 }, 1);
    assert_right(
        &[
            wrong(ContentRange::Shifted(1)),
            wrong(ContentRange::Total(-1)),
            wrong(ContentRange::Missing),
            in_the_middle(Fault::IgnoreRange { times: 1 }, 1),
            in_the_middle(status(416), 1),
            // Once it is believed.
            Fault::Validator { sent: Validator::Changing, times: ALWAYS },
            // The digest finds it when all is there.
            Fault::WrongByte { at: SIZE / 2, times: 1 },
        ],
        2 * SIZE + UNDER_WAY,
    );
}

#[test]
fn a_server_that_refuses_a_part_for_a_time_is_not_asked_before() {
    let second = Duration::from_secs(1);
    each(&[RetryHeader::Seconds, RetryHeader::Date, RetryHeader::RateLimit], |header| {
        let busy = Fault::Busy { code: 429, header: *header, wait: second, times: 1 };
        let outcome = limited(&[in_the_middle(busy, 1)]).restore();
        assert_eq!(outcome.ended.code, Some(0), "{:?}", outcome.ended);
        assert!(outcome.sent() <= SIZE + UNDER_WAY, "{}", list(&outcome));
        let refused = outcome.requests.iter().find(|request| request.status == 429).unwrap();
        let early = outcome.requests.iter().filter(|one| one.at > refused.at && one.at < refused.at + second);
        assert_eq!(early.count(), 0, "{}", list(&outcome));
    });
}

#[test]
fn a_part_that_trickles_or_stands_still_is_taken_over_long_before_patience_ends() {
    let after = 100_000;
    let trickle = Fault::Trickle { after, bytes_per_second: 2_000, times: 1 };
    each(&[trickle, Fault::Stall { after, times: 1 }, Fault::Silence { times: 1 }], |fault| {
        let mut case = limited(&[in_the_middle(fault.clone(), 1)]);
        case.project.set("CACHE_HARNESS_PATIENCE", "600s");
        let outcome = case.restore();
        assert!(outcome.ended.code == Some(0) && outcome.sent() <= SIZE + UNDER_WAY, "{}", list(&outcome));
    });
}

#[test]
fn a_part_that_is_never_to_be_had_is_given_up_and_the_others_stay() {
    let faults = [
        Fault::CutInFile { at: SIZE / 2, times: ALWAYS },
        in_the_middle(Fault::Stall { after: 0, times: 1 }, ALWAYS),
        in_the_middle(Fault::Trickle { after: 0, bytes_per_second: 64, times: 1 }, ALWAYS),
        in_the_middle(Fault::Silence { times: 1 }, ALWAYS),
        in_the_middle(status(500), ALWAYS),
        in_the_middle(status(404), ALWAYS),
        in_the_middle(status(403), ALWAYS),
        in_the_middle(Fault::Gzip { times: 1 }, ALWAYS),
    ];
    for few in faults.chunks(4) {
        each(few, |fault| {
            let case = limited(std::slice::from_ref(fault));
            let broken = case.restore();
            assert!(broken.told(&case).starts_with("URL"), "{}", list(&broken));
            assert!(broken.requests.len() <= PARTS && broken.left > 0, "{} {}", broken.left, list(&broken));
            case.server.clear_faults(&case.path());
            let whole = case.restore();
            assert_eq!(whole.ended.code, Some(0), "{:?}", whole.ended);
            let sent = broken.sent() + whole.sent();
            assert!(sent <= SIZE + UNDER_WAY && whole.sent() < SIZE, "{} {}", list(&broken), list(&whole));
        });
    }
}

#[test]
fn a_part_that_was_moved_is_asked_for_where_the_first_host_says_now() {
    let storage = Server::start().unwrap();
    storage.limit(Line { per_connection: Some(6_000_000), ..Line::default() });
    let case = limited(&[Fault::RedirectTo(format!("{}/blob", storage.url()))]);
    storage.put("/blob", case.model.files[0].1.clone());
    // A signature that is no longer valid.
    storage.fault("/blob", in_the_middle(status(403), 1));
    let outcome = case.restore();
    // Parts that were on their way to the first host by then are asked for there too.
    assert!(outcome.ended.code == Some(0) && (2..=8).contains(&outcome.requests.len()), "{}", list(&outcome));
    let sent: u64 = storage.requests().iter().map(|request| request.bytes_sent).sum();
    assert!(storage.peak() >= 4 && sent <= SIZE + UNDER_WAY, "{sent}");
}

#[test]
fn answers_that_begin_to_take_longer_than_a_slow_part_may_are_waited_for() {
    let mut case = limited(&[]);
    case.project.set("CACHE_HARNESS_PATIENCE", "600s");
    let mut child = case.project.start(&["restore", "m"]);
    let sent = || case.server.requests().iter().map(|request| request.bytes_sent).sum::<u64>();
    while sent() < SIZE * 7 / 10 {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before");
        std::thread::sleep(Duration::from_millis(5));
    }
    let latency = Duration::from_millis(2_500);
    case.server.limit(Line { latency, per_connection: Some(6_000_000), ..Line::default() });
    assert!(child.wait().unwrap().success());
    assert!(case.server.requests().len() <= PARTS, "{}", case.server.requests().len());
}
