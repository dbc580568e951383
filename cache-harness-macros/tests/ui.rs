//! Every mistake in an annotation is an error on its token.
//!
//! The macro reads `CACHE_HARNESS_CONFIG` from the compiler's environment. Setting a variable in this process would be
//! racy, so each group of cases runs in a child of this test binary that has the variable from its start. The cases
//! build against this crate alone: the runtime isn't needed to be told of a mistake.

use std::env;
use std::path::Path;
use std::process::Command;

/// Runs the ignored test `cases` where the compiler finds the catalog in `tests/ui/catalogs/<catalog>`.
#[track_caller]
fn run(cases: &str, catalog: &str) {
    let catalogs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui/catalogs");
    let status = Command::new(env::current_exe().expect("this test has a path"))
        .args(["--ignored", "--exact", "--nocapture", cases])
        .env("CACHE_HARNESS_CONFIG", catalogs.join(catalog).join("cache-harness.toml"))
        .status()
        .expect("this test can be started again");
    assert!(status.success(), "see the cases of `{cases}` above");
}

/// One test, because the cases share a target directory.
#[test]
fn every_mistake_is_an_error_on_its_token() {
    run("mistakes_in_annotations", "sound");
    run("mistakes_in_the_catalog", "malformed");
    run("mistakes_in_the_lock_file", "malformed_lock_file");
}

#[test]
#[ignore = "run by every_mistake_is_an_error_on_its_token"]
fn mistakes_in_annotations() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}

#[test]
#[ignore = "run by every_mistake_is_an_error_on_its_token"]
fn mistakes_in_the_catalog() {
    trybuild::TestCases::new().compile_fail("tests/ui/malformed_catalog/*.rs");
}

#[test]
#[ignore = "run by every_mistake_is_an_error_on_its_token"]
fn mistakes_in_the_lock_file() {
    trybuild::TestCases::new().compile_fail("tests/ui/malformed_lock_file/*.rs");
}
