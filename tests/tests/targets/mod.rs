//! One annotated test for each way to make a test.

mod asynchronous;
mod composed;
mod plain;
mod skips;
mod variants;

use std::env;
use std::fs::OpenOptions;
use std::io::Write;

use cache_harness::CachedModel;

/// What [`ran`] is told by the bodies that are to run.
pub(crate) const BODIES: &[&str] = &[
    "async owned",
    "async shared, several threads",
    "async several, result",
    "async, tokio above",
    "async, tokio above, several threads",
    "async, no parameter",
    "cases 1",
    "cases 2",
    "cases, annotated below",
    "cases of a pattern",
    "cases, async 1",
    "cases, async 2",
    "fixture",
    "log",
    "log, annotated below",
    "log, async",
    "log and tokio",
    "options",
    "owned",
    "panics",
    "raw",
    "result",
    "serial, annotated above",
    "serial, annotated below",
    "serial, async",
    "several",
    "shared",
    "variant by name: noise@small Some(\"small\")",
    "variant by option: noise Some(\"small\")",
    "variant itself: noise None",
    "variant open: noise None",
    "without parameter",
];

/// Notes that a body ran.
#[expect(clippy::disallowed_methods, reason = "the variable tells a child which file to append to")]
fn ran(body: &str) {
    let Some(log) = env::var_os("ANNOTATED_TEST_LOG") else {
        return;
    };
    let mut log = OpenOptions::new().create(true).append(true).open(log).expect("the log can be opened");
    // One write, so that the lines of parallel tests don't mix.
    log.write_all(format!("{body}\n").as_bytes()).expect("the log can be written");
}

/// Notes that a body ran, and that it found its model in place.
#[track_caller]
fn ran_with(body: &str, model: &CachedModel) {
    assert!(model.path().exists(), "`{}` is not there", model.path().display());
    ran(body);
}
