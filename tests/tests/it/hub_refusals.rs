//! What a Hub refuses, and what is refused of a Hub.

use cache_harness::testkit::Fault;
use serde_json::{Value, json};
use tests::hub::{Hub, Repository};

use crate::project::Project;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn repository() -> Repository {
    Repository::new("owner/tiny", COMMIT).small("config.json", "{}").large("model.safetensors", 1, 1_000)
}

fn project(hub: &Hub) -> Project {
    let mut project = Project::new("");
    project.set("HF_ENDPOINT", hub.server.url());
    project
}

/// What `add tiny` with these arguments says when it fails with this code; nothing is written then.
#[track_caller]
fn told(project: &Project, arguments: &[&str], code: i32) -> String {
    let ended = project.run(&[&["add", "tiny"], arguments].concat());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{}", ended.stderr);
    assert!(!project.dir().join("cache-harness.lock").exists());
    assert_eq!(std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap(), "");
    ended.stderr.trim_end().to_owned()
}

#[test]
fn gated_missing_and_private_repositories_are_told_apart_as_far_as_the_hub_does() {
    let (hub, repository) = (Hub::start(), repository());
    hub.put(&repository, "main");
    let revision = repository.revision("main");
    let (anonymous, mut known) = (project(&hub), project(&hub));
    known.set("HF_TOKEN", "hf_token");
    let gated = [("X-Error-Code", "GatedRepo"), ("X-Error-Message", "Access to model owner/tiny is restricted.")];
    let invalid = [("X-Error-Message", "Invalid credentials in Authorization header")];
    let no_revision = [("X-Error-Code", "RevisionNotFound")];
    for (project, code, said, message, hint) in [
        (&anonymous, 401, &gated[..], "`owner/tiny` is gated", "accept the terms on"),
        (&known, 403, &gated, "`owner/tiny` is gated, and the token may not read it", "ask for access on"),
        (
            &anonymous,
            401,
            &[],
            "`owner/tiny` is gated or private, or does not exist",
            "check its spelling, or set HF_TOKEN",
        ),
        (
            &known,
            404,
            &[],
            "`owner/tiny` does not exist, or is hidden from the token",
            "check its spelling, or use a token",
        ),
        (&known, 401, &invalid, "the Hub does not know the token", "correct HF_TOKEN"),
        (&anonymous, 404, &no_revision, "`owner/tiny` has no revision `main`", "name a branch, tag or commit"),
    ] {
        hub.refuse(&revision, code, said);
        let told = told(project, &["hf:owner/tiny"], 1);
        assert!(told.starts_with(&format!("error: {message}\nhint: {hint}")), "{told}");
        assert!(!told.contains("hf_token"));
    }
    // Listings of gated repositories are public; what is refused are the files.
    hub.server.clear_faults(&revision);
    hub.refuse(&repository.resolve("config.json"), 401, &gated);
    let told = told(&anonymous, &["hf:owner/tiny"], 1);
    assert!(told.contains("answered 401 (GatedRepo)\nhint: accept the terms on"), "{told}");
    assert_eq!(known.run(&["add", "t", "hf:owner/none"]).code, Some(1));
}

#[test]
fn a_bad_repository_revision_or_pattern_is_named_without_a_request() {
    let hub = Hub::start();
    let project = project(&hub);
    for id in ["../x", "a/../b", "a--b/c", "a b/c", "ä/b", "a/b/c", "", "a/", "-a/b"] {
        let told = told(&project, &[&format!("hf:{id}")], 2);
        assert!(told.starts_with("error: `hub` in [models.tiny]: `") && told.contains("is no repository id"), "{told}");
    }
    for revision in ["", "../x", "a b", "/a"] {
        let told = told(&project, &[&format!("hf:a/b@{revision}")], 2);
        assert!(told.starts_with("error: `revision` in [models.tiny]: `"), "{told}");
    }
    assert!(told(&project, &["hf:a/b", "--files", "../*"], 2).starts_with("error: `files` in [models.tiny]: `../*`"));
    assert!(told(&project, &["hf:a/b", "https://a.example/x"], 2).starts_with("error: a repository is one source"));
    assert!(told(&project, &["hf:a/b", "--unpack"], 2).starts_with("error: only what is downloaded"));
    assert!(told(&project, &["https://a.example/x", "--files", "x"], 2).starts_with("error: `--files` chooses"));
    let offline = told(&project, &["hf:a/b", "--offline"], 1);
    assert!(offline.ends_with("what it has is not known, and the network is off (--offline)"), "{offline}");
    assert_eq!(hub.server.requests(), []);
}

#[test]
fn a_pattern_that_means_no_file_is_told_with_what_may_be_meant() {
    let (hub, repository) = (Hub::start(), repository());
    hub.put(&repository, "main");
    let told = told(&project(&hub), &["hf:owner/tiny", "--files", "*.json", "--files", "*.safetensor"], 2);
    let expected = "error: `owner/tiny`: no file in it is meant by `*.safetensor`: did you mean `*.safetensors`?";
    assert_eq!(told, expected);
}

/// What is said of a repository that is listed so.
fn listed(change: impl FnOnce(&mut Vec<Value>)) -> String {
    let (hub, repository) = (Hub::start(), repository());
    hub.put(&repository, "main");
    let mut entries = repository.entries();
    change(&mut entries);
    hub.list(&repository, &entries);
    told(&project(&hub), &["hf:owner/tiny"], 1)
}

#[test]
fn a_listing_that_cannot_be_is_refused() {
    let with = |key: &'static str, value: Value| listed(move |entries| entries[0][key] = value);
    let (oid, sha256) = ("b".repeat(40), "b".repeat(64));
    for path in ["/etc/passwd", "../up", "a/../../up", "a//b", "a:b", "a\\b"] {
        assert!(with("path", path.into()).contains("/owner/tiny is refused: `"), "{path}");
    }
    assert!(with("path", "a\u{1b}[2J".into()).contains("which has control characters"));
    assert!(with("path", "model.safetensors".into()).contains("it lists `model.safetensors` twice"));
    assert!(with("path", "Model.safetensors".into()).contains("are one path on some systems"));
    assert!(with("path", "model.safetensors/x".into()).contains("are one path on some systems"));
    assert!(with("size", 9_007_199_254_740_993_u64.into()).contains("more than any file has"));
    assert!(with("oid", "main".into()).contains("`main` is no git blob id"));
    assert!(with("lfs", json!({"oid": oid, "size": 2})).contains("is no SHA-256"));
    assert!(with("lfs", json!({"oid": sha256, "size": 3})).contains("with 2 bytes and with 3"));
    assert!(listed(Vec::clear).contains("it lists no file"));
}

#[test]
fn a_listing_that_disagrees_with_the_bytes_is_refused() {
    let told = listed(|entries| entries[0]["oid"] = "b".repeat(40).into());
    assert!(told.contains("/config.json is refused: its git blob id is "), "{told}");
    assert!(told.ends_with(&format!(", but the listing says {}", "b".repeat(40))), "{told}");
    let told = listed(|entries| entries[0]["size"] = 1.into());
    assert!(told.ends_with("is refused: it has 2 bytes, but the listing says 1"), "{told}");
    let told = listed(|entries| entries[0]["size"] = 3.into());
    assert!(told.ends_with("is refused: it has 2 bytes, but the listing says 3"), "{told}");
}

#[test]
fn a_listing_never_leads_to_another_host_nor_in_a_circle() {
    let (hub, elsewhere) = (Hub::start(), Hub::start());
    let repository = repository();
    hub.put(&repository, "main");
    let mut project = project(&hub);
    project.set("HF_TOKEN", "hf_token");
    let next = |url: &str| {
        hub.server.clear_faults(&repository.tree());
        hub.header(&repository.tree(), "Link", &format!("<{url}>; rel=\"next\""));
    };
    next(&format!("{}{}", elsewhere.server.url(), repository.tree()));
    assert!(told(&project, &["hf:owner/tiny"], 1).contains("its next page is said to be at another host"));
    assert_eq!(elsewhere.server.requests(), []);
    next(&repository.tree());
    assert!(told(&project, &["hf:owner/tiny"], 1).ends_with("its listing has no end"));
}

#[test]
fn what_is_no_answer_of_a_hub_is_told_as_that() {
    let (hub, repository) = (Hub::start(), repository());
    hub.put(&repository, "main");
    let project = project(&hub);
    let revision = repository.revision("main");
    hub.server.fault(&revision, Fault::HtmlOk);
    assert!(told(&project, &["hf:owner/tiny"], 1).contains("it names no commit: "));
    hub.server.clear_faults(&revision);
    hub.server.put(&revision, b"{\"sha\": \"main\"}");
    assert!(told(&project, &["hf:owner/tiny"], 1).contains("the commit `main` is not 40 hexadecimal digits"));
    hub.put(&repository, "main");
    hub.server.put(&repository.revision(COMMIT), format!("{{\"sha\": \"{}\"}}", "c".repeat(40)).into_bytes());
    assert!(told(&project, &[&format!("hf:owner/tiny@{COMMIT}")], 1).contains(" was asked for"));
    hub.server.put(&repository.tree(), vec![b' '; (16 << 20) + 1]);
    assert!(told(&project, &["hf:owner/tiny"], 1).ends_with("the listing has more than 16777216 bytes"));
}
