//! Whatever makes the test, and in whatever order: an annotated test runs exactly once, with its models.
//!
//! Every body in [`targets`] appends a line to the file that `ANNOTATED_TEST_LOG` names, and is an ordinary test as
//! well. The tests here run them once more in a child of this binary, and count the lines from outside.

mod targets;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::process::Command;

/// Runs the tests whose path starts with `filter` in a child; gives how often each body ran.
fn runs(filter: &str) -> BTreeMap<String, usize> {
    runs_with("", filter)
}

/// The same where the environment chooses this variant.
fn runs_with(variant: &str, filter: &str) -> BTreeMap<String, usize> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("log");
    let output = Command::new(env::current_exe().expect("this test has a path"))
        .args([filter, "--test-threads=4"])
        .env("ANNOTATED_TEST_LOG", &log)
        .env("CACHE_HARNESS_VARIANT", variant)
        .output()
        .expect("this test can be started again");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let mut runs = BTreeMap::new();
    for line in fs::read_to_string(&log).unwrap_or_default().lines() {
        *runs.entry(line.to_owned()).or_default() += 1;
    }
    runs
}

#[test]
fn every_annotated_test_runs_exactly_once() {
    let expected: BTreeMap<String, usize> = targets::BODIES.iter().map(|body| ((*body).to_owned(), 1)).collect();
    assert_eq!(runs("targets::"), expected);
}

#[test]
fn a_body_whose_model_is_missing_does_not_run() {
    assert_eq!(runs("targets::skips::"), BTreeMap::new());
}

#[test]
fn the_environment_chooses_the_variant_where_the_annotation_does_not() {
    let bodies = runs_with("small", "targets::variants::").into_keys().collect::<Vec<_>>();
    let small = |test: &str, name: &str| format!("variant {test}: {name} Some(\"small\")");
    let itself = "variant itself: noise None".to_owned();
    assert_eq!(bodies, [small("by name", "noise@small"), small("by option", "noise"), itself, small("open", "noise")]);
}
