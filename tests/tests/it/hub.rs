//! Models of the Hub: declared and pinned by one command, kept, renewed, and compared with upstream.

use cache_harness::testkit::{Body, Fault, RetryHeader};
use serde_json::json;
use tests::hub::{Hub, Repository};

use crate::project::Project;

const FIRST: &str = "0123456789abcdef0123456789abcdef01234567";
const SECOND: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// A repository as many are: the same weights in three formats.
fn tiny() -> Repository {
    Repository::new("owner/tiny", FIRST)
        .small(".gitattributes", "*.bin filter=lfs\n")
        .small("config.json", "{\"vocab_size\": 3}")
        .small("empty.txt", "")
        .large("model.safetensors", 1, 100_000)
        .large("onnx/model.onnx", 2, 5_000)
        .large("pytorch_model.bin", 3, 100_000)
        .small("tokenizer/vocab.txt", "a\nb\nc\n")
}

fn project(hub: &Hub) -> Project {
    let mut project = Project::new("");
    project.set("HF_ENDPOINT", hub.server.url());
    project
}

fn read(project: &Project, name: &str) -> String {
    std::fs::read_to_string(project.dir().join(name)).unwrap()
}

fn digest(seed: u64, size: u64) -> String {
    Body::Generated { seed, size }.digest().unwrap().to_string()
}

#[test]
fn a_repository_is_declared_pinned_and_restored() {
    let (hub, repository) = (Hub::start(), tiny());
    hub.put(&repository, "main");
    let project = project(&hub);
    let ended = project.run(&["add", "tiny", "hf:owner/tiny"]).succeeded();
    assert_eq!(ended.stdout, "added tiny: 4 files, 100 kB of 2.00 GB\n  #[cached_model(\"tiny\")]\n");
    let said = "tiny: left out, as the same weights in other formats: onnx/model.onnx, pytorch_model.bin; \
                patterns in `files` (--files) take them\n";
    assert!(ended.stderr.ends_with(said), "{}", ended.stderr);
    assert!(read(&project, "cache-harness.toml").ends_with("[models.tiny]\nhub = \"owner/tiny\"\n"));
    let weights = digest(1, 100_000);
    let (lock, pins) = (read(&project, "cache-harness.lock"), project.pins());
    for line in [
        format!("[models.tiny]\nsource = \"hub:owner/tiny@main\"\ncommit = \"{FIRST}\"\nfiles = [\n"),
        format!("  {{ path = \"model.safetensors\", size = 100000, sha256 = \"{weights}\", etag = \"{weights}\" }},\n"),
        "etag = \"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\"".to_owned(),
    ] {
        assert!(pins.contains(&line), "{line}\n{pins}");
    }

    // What was fetched to be pinned is there already.
    hub.server.clear_log();
    let folder = project.run(&["restore", "tiny"]).succeeded().stdout;
    let (api, files) = hub.requests();
    assert_eq!(api, []);
    let paths: Vec<_> = files.iter().map(|request| request.path.clone()).collect();
    assert_eq!(paths, [repository.resolve("model.safetensors"), format!("/lfs/{weights}")]);
    let snapshot = project.snapshot("tiny");
    assert_eq!(folder.trim(), snapshot.to_str().unwrap());
    assert_eq!(read(&project, "cache-harness.lock"), lock);
    assert_eq!(std::fs::read(snapshot.join("tokenizer/vocab.txt")).unwrap(), b"a\nb\nc\n");

    // From a cold cache, a GET for each file and no word with the API. What is empty need not be asked for.
    std::fs::remove_dir_all(project.home().join(".cache")).unwrap();
    hub.server.clear_log();
    project.run(&["restore", "tiny"]).succeeded();
    let (api, files) = hub.requests();
    assert_eq!(api, []);
    let mut asked: Vec<_> =
        files.iter().filter(|request| request.path.contains("/resolve/")).map(|request| &request.path).collect();
    asked.sort();
    let expected = ["config.json", "model.safetensors", "tokenizer/vocab.txt"].map(|path| repository.resolve(path));
    assert_eq!(asked, expected.iter().collect::<Vec<_>>());
}

#[test]
fn a_thousand_files_take_as_many_requests_as_the_commit_the_pages_and_the_files_in_git() {
    let hub = Hub::start();
    let mut repository = Repository::new("owner/many", FIRST).pages_of(100);
    for index in 0..990 {
        repository = repository.large(&format!("part-{index:03}.bin"), index, 100 + index);
    }
    for index in 0..10 {
        repository = repository.small(&format!("{index}.json"), &format!("[{index}]"));
    }
    hub.put(&repository, "main");
    let project = project(&hub);
    let ended = project.run(&["add", "many", "hf:owner/many"]).succeeded();
    assert!(ended.stdout.starts_with("added many: 1000 files, 589 kB of 2.00 GB\n"), "{}", ended.stdout);
    let (api, files) = hub.requests();
    assert_eq!((api.len(), files.len()), (1 + 10, 10));

    hub.server.clear_log();
    project.run(&["restore", "many"]).succeeded();
    let (api, files) = hub.requests();
    let resolved = files.iter().filter(|request| request.path.contains("/resolve/")).count();
    assert_eq!((api.len(), resolved, files.len()), (0, 990, 2 * 990));
}

#[test]
fn patterns_choose_files_and_other_patterns_keep_the_commit() {
    let (hub, repository) = (Hub::start(), tiny());
    hub.put(&repository, "v1");
    let project = project(&hub);
    project.run(&["add", "tiny", "hf:owner/tiny@v1", "--files", "*.json", "--files", "onnx/*"]).succeeded();
    let block = "[models.tiny]\nhub = \"owner/tiny\"\nrevision = \"v1\"\nfiles = [\"*.json\", \"onnx/*\"]\n";
    assert!(read(&project, "cache-harness.toml").ends_with(block));
    assert!(project.pins().contains("source = \"hub:owner/tiny@v1 *.json onnx/*\"\n"));

    // The branch moves; what is declared stays, and so no request is made.
    hub.put(&Repository::new("owner/tiny", SECOND).small("config.json", "{}"), "v1");
    hub.server.clear_log();
    assert_eq!(project.run(&["lock"]).succeeded().stdout, "tiny: unchanged\n");
    assert_eq!(hub.server.requests(), []);
    let catalog = read(&project, "cache-harness.toml");
    project.write("cache-harness.toml", &catalog.replace("\"onnx/*\"", "\"*.txt\""));
    assert_eq!(project.run(&["lock", "--check"]).code, Some(1));
    let told = project.run(&["restore", "tiny"]);
    assert!(told.code == Some(2) && told.stderr.contains("run `cache-harness lock tiny`"), "{told:?}");
    let told = project.run(&["lock", "tiny"]).succeeded().stdout;
    assert!(told.contains("  onnx/model.onnx: gone, was ") && told.contains("  tokenizer/vocab.txt: new, "), "{told}");
    assert!(read(&project, "cache-harness.lock").contains(&format!("commit = \"{FIRST}\"")));
    let paths: Vec<_> = hub.server.requests().iter().map(|request| request.path.clone()).collect();
    // The configuration is known from before, and the empty file needs no request.
    assert_eq!(paths, [repository.tree(), repository.resolve("tokenizer/vocab.txt")]);
}

#[test]
fn what_moved_upstream_is_told_with_sizes_and_pinned_on_demand() {
    let hub = Hub::start();
    hub.put(&tiny(), "main");
    let project = project(&hub);
    project.run(&["add", "tiny", "hf:owner/tiny"]).succeeded();
    project.write("fixture", "x");
    project.run(&["add", "own", "fixture"]).succeeded();
    let current = format!("tiny: current, {}\n", &FIRST[..12]);
    assert_eq!(project.run(&["outdated"]).succeeded().stdout, current);

    let moved = Repository::new("owner/tiny", SECOND)
        .small("config.json", "{\"vocab_size\": 4}")
        .small("empty.txt", "")
        .large("model.safetensors", 9, 200_000)
        .small("new.json", "{}");
    hub.put(&moved, "main");
    let before = read(&project, "cache-harness.lock");
    hub.server.clear_log();
    let told = project.json(&["outdated"]);
    let file =
        |path: &str, before: Option<u64>, after: Option<u64>| json!({"path": path, "before": before, "after": after});
    let model = json!({
        "name": "tiny", "repo": "owner/tiny", "revision": "main", "state": "outdated",
        "pinned": FIRST, "latest": SECOND,
        "changed": [file("config.json", Some(17), Some(17)), file("model.safetensors", Some(100_000), Some(200_000))],
        "added": [file("new.json", None, Some(2))],
        "removed": [file("tokenizer/vocab.txt", Some(6), None)],
        "fetch_bytes": 200_019,
    });
    assert_eq!(told, json!({"models": [model], "failed": []}));
    let (api, files) = hub.requests();
    assert_eq!((api.len(), files.len()), (2, 0));
    let ended = project.run(&["outdated", "tiny"]).succeeded();
    let expected = format!(
        "tiny: {} -> {}, 200 kB to fetch\n  config.json: changed, 17 B -> 17 B\n  model.safetensors: changed, 100 kB -> 200 kB\n  \
         new.json: new, 2 B\n  tokenizer/vocab.txt: gone, was 6 B\n",
        &FIRST[..12],
        &SECOND[..12]
    );
    assert_eq!(
        (ended.stdout, ended.stderr.as_str()),
        (expected, "`cache-harness lock --upgrade tiny` pins what is there now\n")
    );
    assert_eq!(read(&project, "cache-harness.lock"), before);

    let told = project.run(&["lock", "--upgrade", "tiny"]).succeeded().stdout;
    assert!(told.starts_with(&format!("tiny: changed\n  commit: {FIRST} -> {SECOND}\n  config.json: ")), "{told}");
    project.run(&["restore", "tiny"]).succeeded();
    assert_eq!(project.json(&["outdated"])["models"][0]["state"], "current");
}

#[test]
fn a_renamed_repository_is_followed_and_its_new_name_suggested() {
    let (hub, repository) = (Hub::start(), tiny());
    hub.put(&repository, "main");
    hub.rename("old/name", &repository, "main");
    let mut project = project(&hub);
    project.set("HF_TOKEN", "hf_token");
    let ended = project.run(&["add", "tiny", "hf:old/name"]).succeeded();
    let said = "tiny: the repository is called `owner/tiny` now: write `hub = \"owner/tiny\"` in [models.tiny]\n";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    assert!(read(&project, "cache-harness.toml").contains("hub = \"old/name\"\n"));
    assert_eq!(project.json(&["outdated"])["models"][0]["renamed"], "owner/tiny");
    project.run(&["restore", "tiny"]).succeeded();
    // The token is the Hub's, and no storage's.
    for request in hub.server.requests() {
        let shown = request.header("Authorization").is_some();
        assert_eq!(shown, !request.path.starts_with("/lfs/"), "{}", request.path);
    }
}

#[test]
fn a_busy_hub_is_waited_for_as_it_says() {
    let (hub, repository) = (Hub::start(), tiny());
    hub.put(&repository, "main");
    let wait = std::time::Duration::from_secs(1);
    let busy = |header| Fault::Busy { code: 429, header, wait, times: 1 };
    hub.server.fault(&repository.revision("main"), busy(RetryHeader::RateLimit));
    hub.server.fault(&repository.tree(), busy(RetryHeader::Seconds));
    hub.server.fault(&repository.resolve("config.json"), Fault::Status { code: 503, retry_after: None, times: 1 });
    project(&hub).run(&["add", "tiny", "hf:owner/tiny"]).succeeded();
    let refused: Vec<_> = hub.server.requests().into_iter().filter(|request| request.status == 429).collect();
    assert_eq!(refused.len(), 2);
    for refused in refused {
        let early = hub
            .server
            .requests()
            .into_iter()
            .filter(|request| request.at > refused.at && request.at < refused.at + wait);
        assert_eq!(early.count(), 0);
    }
}

#[test]
fn a_commit_that_is_gone_upstream_restores_from_a_mirror_and_from_the_store() {
    let (hub, repository) = (Hub::start(), tiny());
    hub.put(&repository, "main");
    let project = project(&hub);
    project.run(&["add", "tiny", "hf:owner/tiny", "--files", "model.safetensors"]).succeeded();
    let catalog = read(&project, "cache-harness.toml");
    let mirror = format!("[cache]\nmirrors = [\"{}/lfs/{{sha256}}\"]\n", hub.server.url());
    project.write("cache-harness.toml", &format!("{mirror}{catalog}"));
    hub.refuse(&repository.resolve("model.safetensors"), 404, &[("X-Error-Code", "RevisionNotFound")]);
    project.run(&["restore", "tiny"]).succeeded();
    std::fs::remove_dir_all(project.home().join(".cache/huggingface")).unwrap();
    hub.server.clear_log();
    project.run(&["restore", "tiny"]).succeeded();
    assert_eq!(hub.server.requests(), []);
}
