//! The budget: what the disk really holds stays within it, but for what is in use, and nothing in use goes.

use std::fs::File;
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

use cache_harness::testkit::{Body, Line, Server};

use crate::inspect::{Holder, assert_blobs_are_right, digest, disk_usage, lease, record};
use crate::pinned::{Pinned, project};
use crate::project::Project;

const SIZE: u64 = 1_000_000;
/// Folders, links and records that come with a model.
const OVERHEAD: u64 = 96 * 1024;
/// Three models.
const LIMIT: u64 = 3 * (SIZE + OVERHEAD);
const NAMES: [&str; 10] = ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9"];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Ten models of one size in a cache that holds three; the odd ones go to torch hub.
fn ten_models(settings: &str) -> (Server, Project) {
    let server = Server::start().unwrap();
    let models: Vec<_> = (0..).zip(NAMES).map(|(seed, name)| model(seed, name)).collect();
    let project = project("", &models.iter().collect::<Vec<_>>(), &server);
    let mut catalog = format!("[cache]\nmax_size = \"{LIMIT}B\"\n{settings}");
    for (index, model) in models.iter().enumerate() {
        let provider = if index % 2 == 0 { "huggingface" } else { "torch-hub" };
        catalog += &model.catalog_for(provider);
    }
    project.write("cache-harness.toml", &catalog);
    (server, project)
}

fn model(seed: u64, name: &str) -> Pinned {
    Pinned::new(name, &[(&format!("{name}.bin"), Body::Generated { seed, size: SIZE })])
}

fn start(project: &Project, arguments: &[&str]) -> Child {
    project.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[track_caller]
fn end_well(child: Child) {
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// The models that are in the store with all their bytes.
fn warm(project: &Project) -> Vec<String> {
    let status = project.json(&["status"]);
    let models = status["models"].as_array().unwrap().iter();
    models.filter(|model| model["state"] == "warm").map(|model| model["name"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn assert_within_budget(project: &Project) {
    let used = disk_usage(project);
    assert!(used <= LIMIT, "{used} bytes on the disk, {LIMIT} allowed");
}

/// Each model is in place, byte by byte, without asking anybody.
#[track_caller]
fn assert_untouched(project: &Project, server: &Server, models: &[&str]) {
    let requests = server.requests().len();
    for name in models {
        let restored = project.json(&["restore", name]);
        assert_eq!(restored["models"][0]["outcome"], "hit", "{restored}");
        let file = &restored["models"][0]["files"][0];
        assert_eq!(digest(file["path"].as_str().unwrap().as_ref()), file["sha256"]);
    }
    assert_eq!(server.requests().len(), requests);
}

fn set_last_use(project: &Project, model: &str, moment: SystemTime) {
    File::options().write(true).open(lease(project, model)).unwrap().set_modified(moment).unwrap();
}

#[test]
fn the_disk_never_holds_more_than_the_budget_when_nothing_is_in_use() {
    let (_server, project) = ten_models("");
    for name in NAMES.iter().chain(&NAMES[3..7]) {
        project.run(&["restore", name]).succeeded();
        assert_within_budget(&project);
    }
    // The budget is used, not just kept.
    assert_eq!(warm(&project).len(), 3);
    assert_eq!(project.json(&["status"])["used_bytes"], disk_usage(&project));
}

#[test]
fn several_processes_in_turn_stay_within_the_budget_and_leave_what_is_in_use() {
    let (server, project) = ten_models("");
    let held = ["m0", "m1"];
    let holder = Holder::hold(&project, &held);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let project = &project;
            scope.spawn(move || {
                for turn in 0..8 {
                    end_well(start(project, &["restore", NAMES[2 + (worker * 3 + turn * 5) % 8]]));
                    // Two in use by the holder, and one by each worker that is at it.
                    let used = disk_usage(project);
                    assert!(used <= LIMIT + 3 * (SIZE + OVERHEAD), "{used} bytes on the disk");
                }
            });
        }
    });
    assert_within_budget(&project);
    assert_untouched(&project, &server, &held);
    assert_blobs_are_right(&project);
    holder.release();
    assert_within_budget(&project);
}

#[test]
fn what_models_in_use_exceed_goes_with_the_last_release() {
    let (server, project) = ten_models("");
    let holders: Vec<_> = NAMES[..5].iter().map(|name| Holder::hold(&project, &[name])).collect();
    let used = disk_usage(&project);
    assert!(used > LIMIT && used <= 5 * (SIZE + OVERHEAD), "{used}");
    assert_untouched(&project, &server, &NAMES[..5]);
    holders.into_iter().for_each(Holder::release);
    assert_within_budget(&project);
    assert_eq!(warm(&project).len(), 3);
    assert!(project.json(&["report", "--last", "1"])["evictions"].as_u64().is_some());
}

#[test]
fn processes_that_reserve_at_the_same_time_do_not_overshoot() {
    let (server, project) = ten_models("");
    server.limit(Line { latency: Duration::from_millis(20), ..Line::default() });
    let children: Vec<_> = NAMES.iter().map(|name| start(&project, &["restore", name])).collect();
    children.into_iter().for_each(end_well);
    assert_within_budget(&project);
    assert_eq!(server.requests().len(), 10);
}

#[test]
fn a_strict_budget_refuses_what_does_not_fit_beside_models_in_use_and_evicts_nothing_for_it() {
    let (server, project) = ten_models("strict_budget = true\n");
    server.limit(Line { latency: Duration::from_millis(20), ..Line::default() });
    let mut holders: Vec<_> = NAMES.iter().map(|name| Holder::start(&project, &[name])).collect();
    let results: Vec<_> = holders.iter_mut().map(Holder::wait_until_held).collect();
    let refused: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert_eq!(refused.len(), 7, "{results:?}");
    assert_eq!(server.requests().len(), 3, "a model that is refused asks for no byte");
    assert!(refused.iter().all(|told| told.contains(&LIMIT.to_string()) || told.contains("budget")), "{refused:?}");
    assert_within_budget(&project);
    // One becomes free, but that is not enough for two at once: it stays.
    let held: Vec<_> = results.iter().zip(NAMES).filter(|(result, _)| result.is_ok()).map(|(_, name)| name).collect();
    holders.into_iter().for_each(drop);
    let holder = Holder::hold(&project, &held[..2]);
    let large = Pinned::weights("large", 50, 2 * SIZE);
    large.serve(&server);
    project.write(
        "cache-harness.toml",
        &format!("[cache]\nmax_size = \"{LIMIT}B\"\nstrict_budget = true\n{}", large.catalog()),
    );
    let lock = std::fs::read_to_string(project.dir().join("cache-harness.lock")).unwrap();
    project.write("cache-harness.lock", &format!("{lock}{}", large.lock()));
    assert_eq!(project.run(&["restore", "large"]).code, Some(1));
    assert_eq!(server.requests().len(), 3);
    assert!(
        project.blob(&model(NAMES.iter().position(|name| *name == held[2]).unwrap() as u64, "x").digest(0)).exists()
    );
    holder.release();
}

#[test]
fn a_model_over_the_budget_is_refused_before_its_first_byte() {
    let server = Server::start().unwrap();
    let (small, large) = (Pinned::weights("small", 1, 10_000), Pinned::weights("large", 2, 500_001));
    let project = project("[cache]\nmax_size = \"500kB\"", &[&small, &large], &server);
    project.run(&["restore", "small"]).succeeded();
    server.clear_log();
    let ended = project.run(&["restore", "large"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("500 kB") || ended.stderr.contains("500000"), "{}", ended.stderr);
    assert_eq!(server.requests(), []);
    assert_untouched(&project, &server, &["small"]);
}

#[test]
fn what_was_unused_for_too_long_goes_though_there_is_room() {
    let (server, project) = ten_models("");
    project.run(&["restore", "m0", "m1"]).succeeded();
    let holder = Holder::hold(&project, &["m1"]);
    for name in ["m0", "m1"] {
        set_last_use(&project, name, SystemTime::now() - 8 * DAY);
    }
    project.run(&["restore", "m2"]).succeeded();
    assert_eq!(warm(&project), ["m1", "m2"], "m0 is old, m1 in use");
    assert_untouched(&project, &server, &["m1", "m2"]);
    holder.release();
}

#[test]
fn a_clock_that_was_set_back_does_not_empty_the_store() {
    let (server, project) = ten_models("");
    project.run(&["restore", "m0", "m1"]).succeeded();
    for name in ["m0", "m1"] {
        set_last_use(&project, name, SystemTime::now() + 300 * DAY);
    }
    project.run(&["restore", "m2"]).succeeded();
    project.run(&["prune", "--yes"]).succeeded();
    assert_untouched(&project, &server, &["m0", "m1", "m2"]);
}

#[test]
fn copies_in_a_consumers_folder_count_and_go_with_their_model() {
    let server = Server::start().unwrap();
    let models: Vec<_> = (0..4).zip(NAMES).map(|(seed, name)| model(seed, name)).collect();
    let project = project("", &models.iter().collect::<Vec<_>>(), &server);
    // Two models, as each is there twice.
    let limit = 4 * (SIZE + OVERHEAD);
    let catalog: String = models.iter().map(|model| model.catalog_for("openai-whisper")).collect();
    project.write("cache-harness.toml", &format!("[cache]\nmax_size = \"{limit}B\"\n{catalog}"));
    for name in &NAMES[..4] {
        project.run(&["restore", name]).succeeded();
        let used = disk_usage(&project);
        assert!(used <= limit, "{used} bytes on the disk, {limit} allowed");
    }
    assert_eq!(warm(&project), ["m2", "m3"]);
    // Copies that the consumer lost take their room again when they come back.
    std::fs::remove_dir_all(project.home().join(".cache/whisper")).unwrap();
    project.run(&["restore", "m2", "m3"]).succeeded();
    assert!(disk_usage(&project) <= limit);
}

/// Two models that share their larger file, and how often the cache has hashed it since: a memo's time that was
/// set back stays set back for as long as nobody hashes.
fn two_with_a_shared_blob() -> (Server, Project, String) {
    let server = Server::start().unwrap();
    let shared = Body::Generated { seed: 7, size: SIZE };
    let with_shared = |name: &str, own: &[u8]| {
        Pinned::new(name, &[(&format!("{name}.json"), own.into()), (&format!("{name}.bin"), shared.clone())])
    };
    let (one, other) = (with_shared("one", b"1"), with_shared("other", b"2"));
    let project = project("", &[&one, &other], &server);
    project.run(&["restore", "one"]).succeeded();
    let (path, mut memoed) = record(&project, "one");
    let memo = &mut memoed["memos"][one.digest(1)]["hashed_at"];
    *memo = (memo.as_u64().unwrap() - 1000).into();
    std::fs::write(path, memoed.to_string()).unwrap();
    project.run(&["restore", "other"]).succeeded();
    assert_eq!(server.requests().len(), 3, "the shared file is fetched once");
    let digest = one.digest(1);
    (server, project, digest)
}

#[track_caller]
fn assert_never_hashed_again(project: &Project, model: &str, digest: &str) {
    let (_, record) = record(project, model);
    let hashed_at = record["memos"][digest]["hashed_at"].as_u64().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert!(hashed_at + 900 < now, "`{model}` was hashed again");
}

#[test]
fn a_link_made_for_one_model_costs_another_that_shares_the_blob_no_hashing() {
    let (server, project, digest) = two_with_a_shared_blob();
    for name in ["one", "other", "one", "other"] {
        assert_untouched(&project, &server, &[name]);
        assert_never_hashed_again(&project, name, &digest);
    }
}

#[test]
fn evicting_one_of_two_models_keeps_the_shared_blob_and_the_others_memo() {
    let (server, project, digest) = two_with_a_shared_blob();
    project.run(&["evict", "one", "--yes"]).succeeded();
    assert!(project.blob(&digest).exists());
    assert_untouched(&project, &server, &["other"]);
    assert_never_hashed_again(&project, "other", &digest);
    project.run(&["evict", "other", "--yes"]).succeeded();
    assert!(!project.blob(&digest).exists());
}

#[test]
fn a_dry_run_of_evict_says_what_is_freed_and_what_stays_for_another() {
    let (_server, project, _) = two_with_a_shared_blob();
    let planned = project.json(&["evict", "one", "--dry-run"]);
    assert_eq!(planned["removed"][0]["shared_with"], serde_json::json!(["other"]));
    assert_eq!(planned["freed_bytes"], planned["removed"][0]["bytes"]);
    let bytes = planned["freed_bytes"].as_u64().unwrap();
    assert!(bytes > 0 && bytes < SIZE, "{planned}");
    let told = project.run(&["evict", "one", "--dry-run"]).succeeded();
    assert!(told.stdout.ends_with("; what `other` has too stays\n"), "{told:?}");
    assert!(told.stderr.ends_with(" would be freed\n"), "{told:?}");

    // Of both together the shared blob goes with the second.
    let both = project.json(&["evict", "one", "other", "--dry-run"]);
    assert!(both["removed"][1]["bytes"].as_u64().unwrap() >= SIZE, "{both}");
    assert_eq!(project.json(&["clean", "--models", "--dry-run"])["freed_bytes"], both["freed_bytes"]);

    let before = disk_usage(&project);
    let done = project.json(&["evict", "one", "--yes"]);
    assert_eq!((&done["removed"], &done["freed_bytes"]), (&planned["removed"], &planned["freed_bytes"]));
    assert_eq!(before - disk_usage(&project), bytes);
}

#[test]
fn warm_counts_what_stays_and_names_the_size_that_lets_all_stay() {
    let (server, mut project) = ten_models("");
    let models = &NAMES[..5];
    let warmed = project.json(&[&["warm"], models].concat());
    let states: Vec<_> = warmed["models"].as_array().unwrap().iter().map(|model| model["state"] == "warm").collect();
    let staying = warm(&project);
    assert_eq!(states, models.iter().map(|name| staying.iter().any(|other| other == name)).collect::<Vec<_>>());
    assert_eq!(staying.len(), 3);

    let ended = project.run(&[&["warm"], models].concat());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("3 of 5 models are warm: "), "{ended:?}");
    assert!(ended.stderr.contains("2 of 5 models did not stay: `m"), "{ended:?}");
    let (_, enough) = ended.stderr.split_once("CACHE_HARNESS_MAX_SIZE=").unwrap();
    project.set("CACHE_HARNESS_MAX_SIZE", enough.split_whitespace().next().unwrap());
    let ended = project.run(&[&["warm"], models].concat()).succeeded();
    assert!(ended.stderr.contains("5 of 5 models are warm: "), "{ended:?}");
    let requests = server.requests().len();
    project.run(&[&["warm", "--check"], models].concat()).succeeded();
    project.run(&[&["warm"], models].concat()).succeeded();
    assert_eq!(server.requests().len(), requests);
}
