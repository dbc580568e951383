//! `plan` and `key`: what would be fetched and whether it fits, and the name under which CI keeps it.

use cache_harness::testkit::{Body, Server};
use serde_json::json;

use crate::pinned::{Pinned, project};
use crate::project::Project;

const SIZE: u64 = 100_000;

/// Three models, `a` and `b` of which share a file of 1,000 bytes.
fn three() -> (Server, Project) {
    let server = Server::start().unwrap();
    let shared = ("tokenizer.json", Body::Generated { seed: 9, size: 1000 });
    let weights = |seed, size| ("model.safetensors", Body::Generated { seed, size });
    let models = [
        Pinned::new("a", &[weights(1, SIZE), shared.clone()]),
        Pinned::new("b", &[weights(2, SIZE), shared]),
        Pinned::new("c", &[weights(3, 2 * SIZE)]),
    ];
    let project = project("", &models.iter().collect::<Vec<_>>(), &server);
    (server, project)
}

/// The `max_size` that a hint names.
fn suggested(told: &str) -> String {
    let (_, rest) = told.split_once("CACHE_HARNESS_MAX_SIZE=").unwrap_or_else(|| panic!("{told}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

fn warm(project: &Project) -> Vec<String> {
    let status = project.json(&["status"]);
    let models = status["models"].as_array().unwrap().iter();
    models.filter(|model| model["state"] == "warm").map(|model| model["name"].as_str().unwrap().to_owned()).collect()
}

fn annotate(project: &Project, tests: &str) {
    std::fs::create_dir_all(project.dir().join("tests")).unwrap();
    project.write("tests/annotated.rs", tests);
}

#[test]
fn plan_tells_what_is_here_and_what_would_be_fetched_without_a_request() {
    let (server, project) = three();
    project.run(&["restore", "a"]).succeeded();
    let requests = server.requests().len();
    let plan = project.json(&["plan"]);
    let part = |name: &str| {
        let models = plan["models"].as_array().unwrap();
        let model = models.iter().find(|model| model["name"] == name).unwrap();
        json!([model["state"], model["bytes"], model["present_bytes"], model["fetch_bytes"], model["fits"]])
    };
    assert_eq!(part("a"), json!(["present", SIZE + 1000, SIZE + 1000, 0, true]));
    assert_eq!(part("b"), json!(["partial", SIZE + 1000, 1000, SIZE, true]));
    assert_eq!(part("c"), json!(["to_fetch", 2 * SIZE, 0, 2 * SIZE, true]));
    assert_eq!((&plan["fetch_bytes"], &plan["fits"]), (&json!(3 * SIZE), &json!(true)));
    assert_eq!(server.requests().len(), requests);
    let text = project.run(&["--offline", "plan"]).succeeded().stdout;
    assert!(text.contains("\nb                          partial      101 kB     100 kB  yes\n"), "{text}");
}

#[test]
fn a_test_whose_models_do_not_fit_together_fails_the_plan() {
    let (_server, mut project) = three();
    annotate(&project, "#[cached_model(\"a\", \"b\")]\n#[test]\nfn compares() {}\n");
    project.set("CACHE_HARNESS_MAX_SIZE", "200000B");
    let ended = project.run(&["plan"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let enough = suggested(&ended.stderr);
    let line = "\ntests/annotated.rs: compares needs a, b at once: 201 kB, no: over max_size\n";
    assert!(ended.stdout.contains(line), "{ended:?}");
    project.set("CACHE_HARNESS_MAX_SIZE", &enough);
    project.run(&["plan"]).succeeded();
    // Each alone fits, and so do all, one after the other.
    annotate(
        &project,
        "#[cached_model(\"a\")]\n#[test]\nfn one() {}\n#[cached_model(\"b\")]\n#[test]\nfn other() {}\n",
    );
    project.set("CACHE_HARNESS_MAX_SIZE", "400000B");
    let ended = project.run(&["plan"]).succeeded();
    assert!(ended.stderr.contains("they fit one after the other"), "{ended:?}");
    project.set("CACHE_HARNESS_MAX_SIZE", "199999B");
    let plan = project.json(&["plan"]);
    assert_eq!((&plan["models"][2]["fits_budget"], &plan["models"][2]["fits_disk"]), (&json!(false), &json!(true)));
    assert_eq!(project.run(&["plan"]).code, Some(1));
}

#[test]
fn what_plan_suggests_as_enough_is_enough_for_eviction() {
    let (_server, mut project) = three();
    annotate(&project, "#[cached_model(\"a\", \"b\", \"c\")]\n#[test]\nfn compares() {}\n");
    project.set("CACHE_HARNESS_MAX_SIZE", "1kB");
    let enough = suggested(&project.run(&["plan"]).stderr);
    project.set("CACHE_HARNESS_MAX_SIZE", &enough);
    project.run(&["plan"]).succeeded();
    project.run(&["warm"]).succeeded();
    project.run(&["prune", "--yes"]).succeeded();
    assert_eq!(warm(&project), ["a", "b", "c"]);
    let status = project.json(&["status"]);
    assert!(status["used_bytes"].as_u64() > status["max_bytes"].as_u64().map(|bytes| bytes / 2), "{status}");
}

#[test]
fn what_plan_says_fits_is_not_evicted() {
    let (_server, mut project) = three();
    let mut fitting = 0;
    for size in (200..400).step_by(20) {
        project.set("CACHE_HARNESS_MAX_SIZE", format!("{size}kB"));
        let plan = project.json(&["plan"]);
        if plan["models"][2]["fits"] == true {
            fitting += 1;
            project.run(&["warm", "c"]).succeeded();
            project.run(&["prune", "--yes"]).succeeded();
            assert_eq!(warm(&project), ["c"], "{size} kB");
        } else {
            assert_eq!(plan["models"][2]["fits_budget"], false, "{plan}");
        }
    }
    assert!(fitting > 0);
}

#[test]
fn a_model_over_the_budget_is_refused_with_a_size_that_lets_it_stay() {
    let (_server, mut project) = three();
    project.set("CACHE_HARNESS_MAX_SIZE", "199999B");
    let refused = project.run(&["restore", "c"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    project.set("CACHE_HARNESS_MAX_SIZE", suggested(&refused.stderr));
    project.run(&["restore", "c"]).succeeded();
    assert_eq!(warm(&project), ["c"]);
}

#[test]
fn what_is_not_pinned_has_no_plan_and_no_key() {
    let project = Project::new("[models.a]\nurls = [\"https://a.example/a.bin\"]\n");
    for command in ["plan", "key"] {
        let ended = project.run(&[command]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("run `cache-harness lock a`"), "{ended:?}");
    }
}

#[test]
fn a_file_of_unknown_size_is_told_as_that() {
    let digest = "be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21";
    let project = Project::new(&format!("[models.a]\nurls = [\"https://a.example/a.bin\"]\nsha256 = \"{digest}\"\n"));
    let plan = project.json(&["plan"]);
    assert_eq!((&plan["models"][0]["unknown_sizes"], &plan["fits"]), (&json!(true), &json!(true)));
    assert!(project.run(&["plan"]).succeeded().stdout.contains("0 B+?"));
}

#[test]
fn the_key_changes_with_the_pins_and_with_nothing_else() {
    let (_server, project) = three();
    let key = |project: &Project| project.run(&["key"]).succeeded().stdout.trim().to_owned();
    let first = key(&project);
    assert!(first.len() == 32 && first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
    assert_eq!(project.run(&["key", "--prefix", "models-"]).stdout, format!("models-{first}\n"));
    assert_eq!(project.json(&["key"]), json!({ "key": first, "models": ["a", "b", "c"] }));

    let read = |name: &str| std::fs::read_to_string(project.dir().join(name)).unwrap();
    let (catalog, lock) = (read("cache-harness.toml"), read("cache-harness.lock"));
    let mut blocks: Vec<_> = catalog.trim().split("[models.").filter(|block| !block.is_empty()).collect();
    blocks.reverse();
    project.write("cache-harness.toml", &format!("# why\n[models.{}", blocks.join("\n[models.")));
    project.write("cache-harness.lock", &format!("# by hand\n{lock}# end\n"));
    assert_eq!(key(&project), first);

    let other = lock.replacen(&format!("size = {SIZE}"), "size = 1", 1);
    project.write("cache-harness.lock", &other);
    assert_eq!(key(&project), first, "the digest says it all");
    let at = lock.find("sha256 = \"").unwrap() + 10;
    let digit = if lock.as_bytes()[at] == b'0' { "1" } else { "0" };
    project.write("cache-harness.lock", &format!("{}{digit}{}", &lock[..at], &lock[at + 1..]));
    let second = key(&project);
    assert_ne!(second, first);

    let digest = "be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21";
    let pinned = format!("{catalog}[models.d]\nurls = [\"https://a.example/d.bin\"]\nsha256 = \"{digest}\"\n");
    project.write("cache-harness.lock", &lock);
    project.write("cache-harness.toml", &pinned);
    let third = key(&project);
    assert_ne!(third, first);
    project.write("cache-harness.toml", &pinned.replace("a.example", "b.example"));
    assert_eq!(key(&project), third, "another address of the same bytes");
}
