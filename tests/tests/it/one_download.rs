//! One download, whoever asks: threads and processes on a cold store, fast lines, slow lines and dead ones.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::process::Stdio;
use std::time::Duration;

use cache_harness::Sha256Digest;
use cache_harness::testkit::{Body, Fault, Line, Server};

use crate::pinned::{Pinned, project};
use crate::project::{Ended, Project};
use crate::suite::nextest;

const MANY: usize = 64;

/// A model of several files: one is empty, two are the same bytes, one is in a folder.
fn several_files() -> Pinned {
    let generated = |seed, size| Body::Generated { seed, size };
    Pinned::new(
        "several",
        &[
            ("config.json", b"{}".into()),
            ("empty.txt", b"".into()),
            ("model.safetensors", generated(1, 2_000_000)),
            ("onnx/model.onnx", generated(2, 500_000)),
            ("vocab.txt", generated(3, 10_000)),
            ("vocab-again.txt", generated(3, 10_000)),
        ],
    )
}

/// A model of one file that the catalog alone pins, by its URL.
fn by_url(server: &Server) -> String {
    let body = Body::Generated { seed: 4, size: 300_000 };
    let digest = body.digest().unwrap();
    server.put("/by-url.bin", body);
    format!("[models.by-url]\nurls = [\"{}/by-url.bin\"]\nsha256 = \"{digest}\"\n", server.url())
}

/// How often each path was asked for; any other method than GET is a mistake.
fn gets(server: &Server) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in server.requests() {
        assert_eq!(request.method, "GET", "{request:?}");
        *counts.entry(request.path).or_default() += 1;
    }
    counts
}

#[track_caller]
fn assert_each_file_was_asked_for_once(server: &Server, files: usize) {
    let gets = gets(server);
    assert_eq!(gets.len(), files, "{gets:?}");
    assert!(gets.values().all(|count| *count == 1), "{gets:?}");
}

/// Hashes what stands in the Hub's layout.
#[track_caller]
fn assert_in_place(project: &Project, model: &Pinned) {
    for (file, body) in &model.files {
        let path = project.snapshot(&model.name).join(file);
        let found = Sha256Digest::of_reader(File::open(path).unwrap()).unwrap();
        assert_eq!(found, (body.digest().unwrap(), body.size().unwrap()), "{file}");
    }
}

#[track_caller]
fn assert_counts(project: &Project, requests: u64, misses: u64) {
    let report = project.json(&["report"]);
    let counts = [&report["requests"], &report["hits"], &report["misses"], &report["failures"], &report["unreadable"]];
    assert_eq!(counts.map(|count| count.as_u64().unwrap()), [requests, requests - misses, misses, 0, 0], "{report}");
}

/// Starts so many `restore` at once and waits for all.
fn at_once(project: &Project, count: usize, names: &[&str]) -> Vec<Ended> {
    let arguments: Vec<&str> = ["restore"].iter().chain(names).copied().collect();
    let started: Vec<_> = (0..count).map(|_| project.start(&arguments)).collect();
    started.into_iter().map(|child| Ended::of(&child.wait_with_output().unwrap())).collect()
}

#[test]
fn many_threads_of_one_process_download_each_file_once() {
    let server = Server::start().unwrap();
    let model = several_files();
    let project = project(&by_url(&server), &[&model], &server);
    let mut threads = project.program(env!("CARGO_BIN_EXE_many-threads"));
    threads.args([MANY.to_string().as_str(), "several", "by-url"]).stderr(Stdio::piped());
    let ended = Ended::of(&threads.output().unwrap()).succeeded();
    assert_eq!(ended.stdout.lines().filter(|line| line.starts_with("Miss")).count(), 2, "{}", ended.stdout);
    assert_eq!(ended.stdout.lines().filter(|line| line.starts_with("Hit")).count(), 2 * MANY - 2, "{}", ended.stdout);
    // The two files that are the same bytes are one blob, fetched from where it is named first; the empty one is known.
    assert_each_file_was_asked_for_once(&server, model.files.len() - 2 + 1);
    assert_in_place(&project, &model);
    assert_counts(&project, 2 * MANY as u64, 2);
}

#[test]
fn many_processes_at_once_download_each_file_once() {
    let server = Server::start().unwrap();
    let model = several_files();
    let project = project(&by_url(&server), &[&model], &server);
    for ended in at_once(&project, MANY, &["several", "by-url"]) {
        assert_eq!(ended.succeeded().stderr, "");
    }
    assert_each_file_was_asked_for_once(&server, model.files.len() - 2 + 1);
    assert_in_place(&project, &model);
    assert_counts(&project, 2 * MANY as u64, 2);
}

#[test]
fn fifty_annotated_tests_in_as_many_processes_download_each_file_once() {
    let server = Server::start().unwrap();
    // Named like the model that `fifty` is annotated with; the catalog is another one than it was compiled with.
    let model = Pinned { name: "minilm".to_owned(), ..several_files() };
    let project = project("", &[&model], &server);
    let Some(mut nextest) = nextest(&project) else { return };
    let ended = Ended::of(&nextest.output().unwrap()).succeeded();
    assert!(ended.stderr.contains("50 tests run: 50 passed"), "{}", ended.stderr);
    assert_each_file_was_asked_for_once(&server, model.files.len() - 2);
    assert_in_place(&project, &model);
    let report = project.json(&["report", "--last", "1"]);
    let counts = ["tests", "requests", "hits", "misses", "failures"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(counts, [50, 50, 49, 1, 0], "{report}");
    assert_ne!(report["run"], "it", "nextest gives the run its name");
}

#[test]
fn models_that_share_a_file_download_it_once() {
    let server = Server::start().unwrap();
    let shared = Body::Generated { seed: 5, size: 1_000_000 };
    let one = Pinned::new("one", &[("config.json", b"1".into()), ("model.safetensors", shared.clone())]);
    let two = Pinned::new("two", &[("config.json", b"2".into()), ("weights.bin", shared)]);
    let project = project("", &[&one, &two], &server);
    let started: Vec<_> = (0..16).map(|index| project.start(&["restore", ["one", "two"][index % 2]])).collect();
    for child in started {
        Ended::of(&child.wait_with_output().unwrap()).succeeded();
    }
    assert_each_file_was_asked_for_once(&server, 3);
    assert_in_place(&project, &one);
    assert_in_place(&project, &two);
}

#[test]
fn nobody_gives_up_while_bytes_move_however_long_it_takes() {
    let server = Server::start().unwrap();
    server.limit(Line { bytes_per_second: Some(1_000_000), ..Line::default() });
    let model = Pinned::weights("slow", 6, 3_000_000);
    let mut project = project("", &[&model], &server);
    project.set("CACHE_HARNESS_PATIENCE", "1s");
    for ended in at_once(&project, 16, &["slow"]) {
        ended.succeeded();
    }
    assert_each_file_was_asked_for_once(&server, 1);
    assert_in_place(&project, &model);
    assert_counts(&project, 16, 1);
}

#[test]
fn on_a_dead_line_everybody_ends_in_an_error_and_nothing_stays_locked() {
    let server = Server::start().unwrap();
    let model = Pinned::weights("dead", 7, 200_000);
    let mut project = project("", &[&model], &server);
    project.set("CACHE_HARNESS_PATIENCE", "1s");
    let address = model.address("model.safetensors");
    server.fault(&address, Fault::Stall { after: 1_000, times: Fault::ALWAYS });
    for ended in at_once(&project, 8, &["dead"]) {
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let told = ended.stderr.contains("no byte arrived for 1 s") || ended.stderr.contains("nothing moved for 1 s");
        assert!(told && !ended.stderr.contains("panicked"), "{ended:?}");
    }
    for partial in project.cache().join("v1/partial").read_dir().unwrap() {
        let file = File::open(partial.unwrap().path()).unwrap();
        assert!(!matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
    }
    server.clear_faults(&address);
    server.clear_log();
    project.run(&["restore", "dead"]).succeeded();
    assert_each_file_was_asked_for_once(&server, 1);
    assert_in_place(&project, &model);
}

#[test]
fn who_waits_for_a_process_that_a_server_told_to_wait_does_not_give_up() {
    let server = Server::start().unwrap();
    let model = Pinned::weights("patient", 8, 200_000);
    let mut project = project("", &[&model], &server);
    project.set("CACHE_HARNESS_PATIENCE", "1s");
    let busy = Fault::Status { code: 429, retry_after: Some(3), times: 1 };
    server.fault(&model.address("model.safetensors"), busy);
    for ended in at_once(&project, 8, &["patient"]) {
        ended.succeeded();
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn those_who_wait_for_a_fetch_that_fails_do_not_ask_the_sources_again() {
    let server = Server::start().unwrap();
    let model = Pinned::weights("broken", 9, 200_000);
    let project = project("", &[&model], &server);
    // The first answer takes long enough for all to be waiting.
    server.limit(Line { latency: Duration::from_secs(2), ..Line::default() });
    server.fault(
        &model.address("model.safetensors"),
        Fault::Status { code: 404, retry_after: None, times: Fault::ALWAYS },
    );
    for ended in at_once(&project, 16, &["broken"]) {
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains("answered 404"), "{ended:?}");
    }
    assert_eq!(server.requests().len(), 1);
}
