//! The built-in catalogue: named without a catalog, declared in one, confirmed or refuted by what its source lists.

use serde_json::{Value, json};
use tests::hub::{Hub, Repository};

use crate::project::Project;

const TINY: &str = "65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9";
const GGML_TINY: &str = "be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21";
const COMMIT: &str = "5359861c739e955e79d9a303bcbc70fb988958b1";

/// A project without a catalog.
fn bare() -> Project {
    let project = Project::new("");
    std::fs::remove_file(project.dir().join("cache-harness.toml")).unwrap();
    project
}

/// A project whose Hub lists `ggml-tiny.bin` with this digest.
fn with_hub(sha256: &str) -> (Hub, Project) {
    let (hub, mut project) = (Hub::start(), bare());
    let repository = Repository::new("ggerganov/whisper.cpp", COMMIT);
    hub.put(&repository, "main");
    let file = |path: &str, sha256: &str| {
        let lfs = json!({"oid": sha256, "size": 77_691_713, "pointerSize": 133});
        json!({"type": "file", "oid": "1".repeat(40), "size": 77_691_713, "path": path, "lfs": lfs})
    };
    hub.list(&repository, &[file("ggml-tiny.bin", sha256), file("ggml-base.bin", TINY)]);
    project.set("HF_ENDPOINT", hub.server.url());
    (hub, project)
}

fn read(project: &Project, name: &str) -> String {
    std::fs::read_to_string(project.dir().join(name)).unwrap_or_default()
}

#[test]
fn a_project_without_a_catalog_asks_for_a_primary_model_by_its_name() {
    let mut project = bare();
    let ended = project.run(&["--offline", "restore", "openai-whisper/tiny"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("model `openai-whisper/tiny` cannot be had offline: `tiny.pt` is not in"),
        "{ended:?}"
    );

    let ended = project.run(&["restore", "whisper.cpp/tiny"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let hint = "`cache-harness add NAME builtin:whisper.cpp/tiny --accept-unconfirmed` asks its source";
    assert!(ended.stderr.contains("is unconfirmed") && ended.stderr.contains(hint), "{ended:?}");

    // Asked for by its digest; other bytes under that address are refused.
    let server = cache_harness::testkit::Server::start().unwrap();
    server.put(&format!("/cas/{TINY}"), b"other bytes".to_vec());
    project.set("CACHE_HARNESS_MIRRORS", format!("{}/cas/{{sha256}}", server.url()));
    project.set("HTTPS_PROXY", "http://127.0.0.1:1");
    let ended = project.run(&["restore", "openai-whisper/tiny"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&format!("but {TINY} is pinned")), "{ended:?}");
    assert!(!project.home().join(".cache/whisper/tiny.pt").exists());
}

#[test]
fn annotations_alone_make_a_plan_and_a_key() {
    let project = bare();
    project.write("test.rs", "#[cached_model(\"openai-whisper/tiny\")]\n#[test]\nfn hears() {}\n");
    let plan = project.json(&["plan"]);
    let model = &plan["models"][0];
    assert_eq!((&model["name"], &model["provider"]), (&json!("openai-whisper/tiny"), &json!("openai-whisper")));
    assert_eq!((&plan["tests"][0]["test"], &model["unknown_sizes"]), (&json!("hears"), &json!(true)));
    let key = project.json(&["key"]);
    assert_eq!(key["models"], json!(["openai-whisper/tiny"]));
    project.write("test.rs", "#[cached_model(\"openai-whisper/base\")]\n#[test]\nfn hears() {}\n");
    assert_ne!(project.json(&["key"])["key"], key["key"]);
}

#[test]
fn a_primary_model_is_declared_under_another_name_without_a_request_or_a_lock_block() {
    let project = bare();
    let added = project.run(&["--offline", "add", "speech", "builtin:openai-whisper/tiny"]).succeeded();
    assert_eq!(added.stdout, "added speech: 1 file, an unknown part of 2.00 GB\n  #[cached_model(\"speech\")]\n");
    let catalog = read(&project, "cache-harness.toml");
    assert!(catalog.ends_with("\n[models.speech]\nbuiltin = \"openai-whisper/tiny\"\n"), "{catalog}");
    assert!(!read(&project, "cache-harness.lock").contains("speech"));
    project.run(&["--offline", "lock", "--check"]).succeeded();
    let locked = project.run(&["--offline", "lock"]).succeeded();
    assert!(locked.stderr.contains("speech: pinned by the built-in catalogue"), "{locked:?}");
    assert_eq!(project.json(&["status"])["models"][0]["pinned"], json!(true));
    let locked = project.run(&["--offline", "lock", "openai-whisper/base"]).succeeded();
    assert!(locked.stderr.contains("openai-whisper/base: pinned by the built-in catalogue"), "{locked:?}");

    let with = |line: &str| project.write("cache-harness.toml", &format!("{catalog}{line}\n"));
    for (line, expected) in [
        (
            "sha256 = \"be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21\"",
            "only for a model with `urls`",
        ),
        ("hub = \"o/n\"", "found `hub`, `builtin`"),
        ("provider = \"huggingface\"", "missing `hub_id`"),
    ] {
        with(line);
        let ended = project.run(&["status"]);
        assert!(ended.code == Some(2) && ended.stderr.contains(expected), "{ended:?}");
    }
    project.write("cache-harness.toml", &catalog.replace("openai-whisper/tiny", "openai-whisper/tny"));
    let ended = project.run(&["status"]);
    assert!(ended.stderr.contains("is no built-in model: did you mean `openai-whisper/tiny`?"), "{ended:?}");
}

#[test]
fn an_unconfirmed_model_is_pinned_when_its_source_confirms_it() {
    let (hub, project) = with_hub(GGML_TINY);
    let refused = project.run(&["add", "ggml", "builtin:whisper.cpp/tiny"]);
    assert_eq!((refused.code, hub.requests().0.len()), (Some(2), 0), "{refused:?}");
    assert!(refused.stderr.contains("add NAME builtin:whisper.cpp/tiny --accept-unconfirmed"), "{refused:?}");

    project.write("cache-harness.toml", "[models.ggml]\nbuiltin = \"whisper.cpp/tiny\"\n");
    let refused = project.run(&["lock"]);
    assert_eq!((refused.code, hub.requests().0.len()), (Some(1), 0), "{refused:?}");
    assert!(refused.stderr.contains("`cache-harness lock ggml --accept-unconfirmed`"), "{refused:?}");
    let checked = project.run(&["lock", "--check"]);
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(1), "ggml: is not pinned\n"));

    project.run(&["lock", "--accept-unconfirmed"]).succeeded();
    let lock = read(&project, "cache-harness.lock");
    assert!(lock.contains(&format!("commit = \"{COMMIT}\"")), "{lock}");
    assert!(
        lock.contains(&format!("{{ path = \"ggml-tiny.bin\", size = 77691713, sha256 = \"{GGML_TINY}\"")),
        "{lock}"
    );
    assert!(!lock.contains("ggml-base.bin"), "{lock}");
    assert!(hub.requests().1.is_empty(), "the listing says it all");
    project.run(&["lock"]).succeeded();
    project.run(&["lock", "--check"]).succeeded();
}

#[test]
fn an_unconfirmed_model_is_refuted_when_its_source_has_something_else() {
    let (_hub, project) = with_hub(TINY);
    let ended = project.run(&["add", "ggml", "builtin:whisper.cpp/tiny", "--accept-unconfirmed"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("the built-in model `whisper.cpp/tiny` is refuted: `ggml-tiny.bin`"), "{ended:?}");
    assert!(ended.stderr.contains(TINY) && ended.stderr.contains(GGML_TINY), "{ended:?}");
    assert!(!project.dir().join("cache-harness.toml").exists() && !project.dir().join("cache-harness.lock").exists());
}

#[test]
fn search_finds_by_words_and_says_how_a_model_is_used() {
    let project = bare();
    let found = project.run(&["search", "tiny", "english"]).succeeded();
    assert!(found.stdout.starts_with("openai-whisper/tiny.en           primary "), "{found:?}");
    assert_eq!(found.stdout.lines().count(), 3, "{found:?}");
    assert!(found.stderr.contains("write `#[cached_model(\"openai-whisper/tiny.en\")]` above a test"), "{found:?}");
    let found = project.json(&["search", "whisper.cpp/base.en"]);
    let expected = json!([147_964_211, "unconfirmed", 2, "huggingface"]);
    let model = &found["models"][0];
    assert_eq!(json!([model["bytes"], model["status"], model["seen"], model["provider"]]), expected);
    assert_eq!(project.json(&["search"])["models"].as_array().map(Vec::len), Some(25));
    let nothing = project.run(&["search", "llama"]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(1), ""));
    assert_eq!(project.json(&["search", "llama"]), json!({ "models": Value::Array(Vec::new()) }));
}
