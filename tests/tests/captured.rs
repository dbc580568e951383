//! What a test says of its downloads belongs to its own captured output: nothing of it shows when the test passes, and
//! all of it when it fails, also when another test made the connections first.
//!
//! The annotated tests here are run by the ones below, in a child of this binary and a project of their own.

#![expect(clippy::disallowed_methods, reason = "the crate's doors are for its own code")]

#[path = "it/pinned.rs"]
#[expect(dead_code, reason = "shared with `it`")]
mod pinned;
#[path = "it/project.rs"]
#[expect(dead_code, reason = "shared with `it`")]
mod project;

use std::process::Command;

use cache_harness::testkit::{Fault, Server};

use crate::pinned::{Pinned, project};
use crate::project::{Ended, Project};

mod annotated {
    use cache_harness::{CachedModel, cached_model};

    #[cached_model("minilm")]
    #[test]
    #[ignore = "needs the server of a test below"]
    fn first_passes(model: CachedModel) {
        assert!(!model.files().is_empty());
    }

    #[cached_model("whisper-tiny")]
    #[test]
    #[ignore = "needs the server of a test below"]
    fn second_fails(model: CachedModel) {
        assert!(std::env::var_os("FAIL_ON_PURPOSE").is_none(), "on purpose, with {}", model.name());
    }
}

/// Two models on a server that is busy at each first request: that is told at once, however fast the download is.
fn busy() -> (Server, Project) {
    let server = Server::start().unwrap();
    let models = [("minilm", 40), ("whisper-tiny", 41)].map(|(name, seed)| Pinned::weights(name, seed, 100_000));
    for model in &models {
        let fault = Fault::Status { code: 503, retry_after: Some(1), times: 1 };
        server.fault(&model.address("model.safetensors"), fault);
    }
    let project = project("", &[&models[0], &models[1]], &server);
    (server, project)
}

/// Runs annotated tests of this binary, one after the other.
fn run(project: &Project, arguments: &[&str]) -> Ended {
    let mut command: Command = project.program(std::env::current_exe().unwrap());
    command.args(["--ignored", "--test-threads=1"]).args(arguments);
    command.env("FAIL_ON_PURPOSE", "1").env("CACHE_HARNESS_CONFIG", project.dir().join("cache-harness.toml"));
    Ended::of(&command.output().unwrap())
}

/// The text between the two, both left out.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start:?} in {text}"));
    rest.split_once(end).map_or(rest, |(inside, _)| inside)
}

#[test]
fn a_test_that_passes_shows_nothing_of_its_downloads() {
    let (server, project) = busy();
    let ended = run(&project, &["annotated::first_passes"]).succeeded();
    assert_eq!(server.requests().len(), 2);
    assert_eq!(ended.stderr, "");
    assert!(!ended.stdout.contains("trying again"), "{ended:?}");
}

#[test]
fn without_capture_all_is_shown() {
    let (_server, project) = busy();
    let ended = run(&project, &["annotated::first_passes", "--nocapture"]).succeeded();
    assert!(ended.stderr.starts_with("cache-harness: minilm/model.safetensors: "), "{ended:?}");
    assert!(ended.stderr.contains("answered 503") && ended.stderr.contains("; trying again in 1"), "{ended:?}");
}

#[test]
fn a_test_that_fails_shows_its_own_and_not_those_of_others() {
    let (_server, project) = busy();
    let ended = run(&project, &["annotated::"]);
    assert_eq!(ended.code, Some(101), "{ended:?}");
    let shown = between(&ended.stdout, "---- annotated::second_fails stdout ----", "\nfailures:");
    assert!(shown.contains("on purpose, with whisper-tiny"), "{ended:?}");
    assert!(shown.contains("cache-harness: whisper-tiny/model.safetensors: "), "{ended:?}");
    assert!(!ended.stdout.contains("minilm/model.safetensors") && ended.stderr.is_empty(), "{ended:?}");
}
