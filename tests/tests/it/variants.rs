//! Variants of a model: pinned alike, chosen by the name, the command line, the variable or CI.

use cache_harness::testkit::{Body, Fault, Server};
use serde_json::{Value, json};

use crate::pinned::COMMIT;
use crate::project::{Ended, Project};

const SIZE: u64 = 20_000;

/// `tiny` with the variants `q5`, which has an address, and `mini`, a folder of the project that is for CI; and `other`
/// with a variant `mini`. All are pinned but those that the project can pin by itself.
fn project() -> (Server, Project) {
    let server = Server::start().unwrap();
    let body = |seed| Body::Generated { seed, size: SIZE };
    server.put(&format!("/owner/tiny/resolve/{COMMIT}/model.safetensors"), body(1));
    server.put("/q5.bin", body(2));
    let (full, q5) = (body(1).digest().unwrap(), body(2).digest().unwrap());
    let url = server.url();
    let mut project = Project::new(&format!(
        "[models.tiny]\nhub = \"owner/tiny\"\nprovider = \"directory\"\n\
         [models.tiny.variants.q5]\nurls = [\"{url}/q5.bin\"]\nsha256 = \"{q5}\"\n\
         [models.tiny.variants.mini]\npath = \"fixtures/mini\"\non = \"ci\"\n\
         [models.other]\npath = \"fixtures/other\"\n[models.other.variants.mini]\npath = \"fixtures/mini\"\n"
    ));
    for folder in ["mini", "other"] {
        std::fs::create_dir_all(project.dir().join("fixtures").join(folder)).unwrap();
        project.write(&format!("fixtures/{folder}/model.safetensors"), folder);
    }
    project.lock(&format!(
        "[models.tiny]\nsource = \"hub:owner/tiny@main\"\ncommit = \"{COMMIT}\"\nfiles = [\n\
         {{ path = \"model.safetensors\", size = {SIZE}, sha256 = \"{full}\", etag = \"{full}\" }},\n]\n"
    ));
    project.set("HF_ENDPOINT", url);
    project.run(&["lock", "tiny@mini", "other", "other@mini"]).succeeded();
    (server, project)
}

/// The names of what `restore NAME` puts in place.
fn restored(project: &Project, arguments: &[&str]) -> Value {
    project.json(&[&["restore"], arguments].concat())["models"][0]["name"].clone()
}

fn names(document: &Value) -> Vec<&str> {
    document["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect()
}

#[track_caller]
fn refused(ended: &Ended, expected: &str) {
    assert!(ended.code == Some(2) && ended.stderr.contains(expected), "{ended:?}");
}

fn gone(server: &Server, path: &str) {
    server.fault(path, Fault::Status { code: 404, retry_after: None, times: 99 });
}

#[test]
fn every_variant_is_pinned_shown_and_verified_like_a_model() {
    let (server, project) = project();
    project.run(&["lock", "--check"]).succeeded();
    assert!(
        project.pins().contains("\n[models.\"tiny@mini\"]\nsource = \"path:fixtures/mini\"\n"),
        "{}",
        project.pins()
    );
    let all = ["other", "other@mini", "tiny", "tiny@mini", "tiny@q5"];
    assert_eq!(names(&project.json(&["status"])), all);

    project.run(&["warm", "--all"]).succeeded();
    project.run(&["verify"]).succeeded();
    let blob = project.blob(&Body::Generated { seed: 2, size: SIZE }.digest().unwrap().to_string());
    std::fs::remove_file(&blob).unwrap();
    std::fs::write(&blob, "damaged").unwrap();
    assert_eq!(project.json(&["verify", "--repair"])["repaired"], json!(["tiny@q5"]));
    assert!(project.run(&["warm", "--check", "--all"]).succeeded().stderr.is_empty());
    let requests = server.requests().len();
    let path = project.run(&["restore", "tiny@q5"]).succeeded().stdout;
    assert!(path.ends_with("/models/tiny@q5\n"), "{path}");
    assert_eq!(server.requests().len(), requests, "a hit");

    project.run(&["evict", "tiny@q5", "--yes"]).succeeded();
    let state = |name: &str| {
        let status = project.json(&["status"]);
        let model = status["models"].as_array().unwrap().iter().find(|model| model["name"] == name).cloned();
        model.unwrap()["state"].clone()
    };
    assert_eq!((state("tiny@q5"), state("tiny")), (json!("cold"), json!("warm")));

    // A changed stand-in is told like any other folder of the project.
    project.write("fixtures/mini/model.safetensors", "other bytes");
    let checked = project.run(&["lock", "--check"]);
    assert_eq!(checked.code, Some(1));
    assert!(checked.stderr.contains("run `cache-harness lock other@mini tiny@mini`"), "{checked:?}");
}

#[test]
fn the_stronger_wish_chooses_and_a_name_with_a_variant_is_fixed() {
    let (_server, mut project) = project();
    assert_eq!(restored(&project, &["tiny"]), "tiny");
    project.set("CI", "true");
    assert_eq!(restored(&project, &["tiny"]), "tiny@mini");
    assert_eq!(restored(&project, &["other"]), "other");
    let said = project.run(&["restore", "tiny"]).succeeded().stderr;
    assert!(said.contains("tiny: takes `tiny@mini`, by ") && said.contains("cache-harness.toml:7"), "{said}");
    assert_eq!(restored(&project, &["tiny@q5"]), "tiny@q5");
    assert_eq!(restored(&project, &["tiny@full"]), "tiny");
    project.set("CACHE_HARNESS_VARIANT", "tiny=q5");
    assert_eq!(restored(&project, &["tiny"]), "tiny@q5");
    assert_eq!(restored(&project, &["tiny", "--variant", "mini"]), "tiny@mini");
    assert_eq!(restored(&project, &["tiny", "--variant", "tiny=full"]), "tiny");
    project.set("CACHE_HARNESS_VARIANT", "full");
    assert_eq!(restored(&project, &["tiny"]), "tiny");

    let origins = |project: &Project| project.run(&["status", "--origins"]).succeeded().stdout;
    let shown = origins(&project);
    let line = |table: &str, value: &str, origin: &str| format!("[{table}]\n  variant        {value:39}{origin}\n");
    assert!(shown.contains(&line("models.tiny", "full", "CACHE_HARNESS_VARIANT")), "{shown}");
    project.set("CACHE_HARNESS_VARIANT", "");
    let shown = origins(&project);
    assert!(shown.contains("  variant        none  "), "{shown}");
    assert!(shown.contains(&line("models.tiny", "mini", "cache-harness.toml:7")), "{shown}");
}

#[test]
fn in_a_hub_layout_the_branch_leads_to_what_was_restored_last() {
    let (_server, project) = project();
    let catalog = std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    project.write("cache-harness.toml", &catalog.replacen("provider = \"directory\"\n", "", 1));
    let hub = project.home().join(".cache/huggingface/hub/models--owner--tiny");
    let read = || {
        let commit = std::fs::read_to_string(hub.join("refs/main")).unwrap();
        let bytes = std::fs::read(hub.join("snapshots").join(&commit).join("model.safetensors")).unwrap();
        (commit, bytes.len() as u64)
    };
    for _ in 0..2 {
        project.run(&["restore", "tiny"]).succeeded();
        assert_eq!(read(), (COMMIT.to_owned(), SIZE));
        project.run(&["restore", "tiny@mini"]).succeeded();
        let (commit, size) = read();
        assert!(commit != COMMIT && size == 4, "{commit} {size}");
    }
}

#[test]
fn plan_key_and_warm_cover_what_is_chosen_and_what_annotations_fix() {
    let (server, project) = project();
    let key = |arguments: &[&str]| project.json(&[&["key"], arguments].concat());
    let (full, mini) = (key(&[]), key(&["--variant", "mini"]));
    assert_eq!(full["models"], json!(["other", "tiny"]));
    assert_eq!(mini["models"], json!(["other@mini", "tiny@mini"]));
    assert_ne!(full["key"], mini["key"]);
    assert_eq!(names(&project.json(&["plan", "--variant", "q5"])), ["other", "tiny@q5"]);

    let warmed = project.json(&["warm", "--variant", "mini"]);
    assert_eq!(names(&warmed), ["other@mini", "tiny@mini"]);
    assert_eq!(server.requests().len(), 0, "minis are files of the project");
    project.run(&["warm", "--check", "--variant", "mini"]).succeeded();
    assert_eq!(project.run(&["warm", "--check"]).code, Some(1));

    project.write(
        "tests.rs",
        "#[cached_model(\"tiny\", \"other@mini\", variant = \"q5\")]\n#[test]\nfn a() {}\n\
         #[cached_model(\"tiny\")]\n#[test]\nfn b() {}\n",
    );
    let plan = project.json(&["plan", "--variant", "mini"]);
    assert_eq!(names(&plan), ["other@mini", "tiny@mini", "tiny@q5"]);
    assert_eq!(plan["tests"][0]["models"], json!(["tiny@q5", "other@mini"]));
    assert_eq!(plan["tests"][1]["models"], json!(["tiny@mini"]));
    assert_eq!(names(&project.json(&["warm", "--variant", "mini"])), ["other@mini", "tiny@mini", "tiny@q5"]);
    assert_eq!(names(&project.json(&["warm", "tiny", "tiny@q5", "--variant", "q5"])), ["tiny@q5"]);
    assert_eq!(names(&project.json(&["warm", "--tests"])), ["other@mini", "tiny", "tiny@q5"]);
}

#[test]
fn run_hands_the_choice_to_its_command_and_the_report_tells_it() {
    let (_server, project) = project();
    let program = env!("CARGO_BIN_EXE_cache-harness-cli");
    let ended = project.run(&["run", "--no-warm", "--variant", "mini", "--", program, "restore", "tiny"]).succeeded();
    assert!(ended.stdout.ends_with("/models/tiny@mini\n"), "{ended:?}");
    assert!(ended.stderr.contains("\ntiny@mini "), "{ended:?}");
    assert_eq!(project.json(&["report"])["models"][0]["name"], "tiny@mini");
    let shown = project.json(&["env", "--variant", "tiny=q5"]);
    assert_eq!(shown["CACHE_HARNESS_VARIANT"], "tiny=q5");
    assert_eq!(project.json(&["env"]).get("CACHE_HARNESS_VARIANT"), None);
}

#[test]
fn a_variant_can_be_the_fallback_of_its_model() {
    let (server, project) = project();
    let catalog = std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    project.write("cache-harness.toml", &catalog.replacen("hub =", "fallback = \"tiny@mini\"\nhub =", 1));
    gone(&server, &format!("/owner/tiny/resolve/{COMMIT}/model.safetensors"));
    let model = project.json(&["restore", "tiny"])["models"][0].clone();
    assert_eq!((&model["name"], &model["outcome"]), (&json!("tiny@mini"), &json!("fallback")));
    let report = project.json(&["report"]);
    assert_eq!(report["fallbacks"], 1);
    // What stands in is just what is named, whatever else is chosen.
    assert_eq!(restored(&project, &["tiny", "--variant", "q5"]), "tiny@q5");
    gone(&server, "/q5.bin");
    project.run(&["evict", "tiny@q5", "--yes"]).succeeded();
    let model = project.json(&["restore", "tiny", "--variant", "q5"])["models"][0].clone();
    assert_eq!((&model["name"], &model["outcome"]), (&json!("tiny@mini"), &json!("fallback")));
    let ended = project.run(&["remove", "tiny@mini"]);
    refused(&ended, "`tiny@mini` is the fallback of `tiny`\nhint: take `fallback` out of [models.tiny] first");
}

#[test]
fn a_variant_is_added_to_a_model_and_removed_alone_or_with_it() {
    let (server, project) = project();
    server.put("/q8.bin", b"eight bits".to_vec());
    let url = format!("{}/q8.bin", server.url());
    project.run(&["add", "tiny@q8", &url]).succeeded();
    let catalog = || std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    assert!(catalog().contains("\n[models.tiny.variants.q8]\nurls = ["), "{}", catalog());
    assert!(project.pins().contains("\n[models.\"tiny@q8\"]\n"));
    assert_eq!(restored(&project, &["tiny@q8"]), "tiny@q8");
    project.run(&["lock", "--check"]).succeeded();

    refused(&project.run(&["add", "tiny@q8", &url]), "`tiny@q8` is already declared");
    let unknown = project.run(&["add", "huge@q8", &url]);
    refused(&unknown, "`huge` is not declared in `");
    refused(&unknown, "hint: `cache-harness add huge SOURCE` declares it");
    for name in ["tiny@full", "tiny@", "tiny@a@b", "tiny@a/b", "tiny@..", "tiny@a b", "tiny@é"] {
        refused(&project.run(&["add", name, &url]), "names no variant behind `@`");
    }

    project.run(&["remove", "tiny@q8", "--yes"]).succeeded();
    assert!(!catalog().contains("q8") && !project.pins().contains("q8") && catalog().contains("variants.q5"));
    project.run(&["remove", "tiny", "--yes"]).succeeded();
    assert!(!catalog().contains("tiny") && !project.pins().contains("tiny"), "{}", catalog());
    project.run(&["lock", "--check"]).succeeded();
}

#[test]
fn a_choice_of_what_is_not_there_is_refused_with_the_near_miss() {
    let (_server, mut project) = project();
    for (flag, expected) in [
        ("mni", "--variant: no model has a variant `mni`: did you mean `mini`?"),
        ("other=q5", "--variant: the model `other` has no variant `q5`: there is `mini`"),
        ("tny=q5", "--variant: no model is named `tny`: did you mean `tiny`?"),
        ("mini,q5", "both `mini` and `q5` are named for all models"),
        ("tiny@q5=mini", "`tiny@q5` is a variant itself: write `tiny=mini`"),
    ] {
        refused(&project.run(&["restore", "tiny", "--variant", flag]), expected);
    }
    refused(&project.run(&["restore", "tiny@q6"]), "did you mean `tiny@q5`?");
    project.set("CACHE_HARNESS_VARIANT", "tiny=q6");
    let expected = "CACHE_HARNESS_VARIANT: the model `tiny` has no variant `q6`: did you mean `q5`?";
    refused(&project.run(&["key"]), expected);
}

#[test]
fn an_unpinned_variant_says_the_command_that_pins_it() {
    let (_server, project) = project();
    let pins = project.pins();
    let start = pins.find("[models.\"tiny@mini\"]").unwrap();
    project.write("cache-harness.lock", &pins[..start]);
    let ended = project.run(&["restore", "tiny", "--variant", "tiny=mini"]);
    refused(&ended, "hint: run `cache-harness lock tiny@mini` and commit the lock file");
}
