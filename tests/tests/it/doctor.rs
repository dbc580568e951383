//! `doctor`: one broken thing each, its finding, and the command that mends it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cache_harness::testkit::Server;
use serde_json::{Value, json};

use crate::inspect::Holder;
use crate::pinned::{Pinned, project};
use crate::project::{Ended, Project, left_out};
use crate::unusable::{Trouble, troubled};

/// The exit code and the document of `doctor` with these arguments.
pub(crate) fn found(project: &Project, arguments: &[&str]) -> (i32, Value) {
    let arguments = [&["doctor", "--json"], arguments].concat();
    read(&Ended::of(&project.command(&arguments).output().unwrap()))
}

fn read(ended: &Ended) -> (i32, Value) {
    let diagnosis = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    (ended.code.unwrap(), diagnosis)
}

/// The one finding of this kind.
#[track_caller]
pub(crate) fn only(diagnosis: &Value, id: &str) -> Value {
    let findings = diagnosis["findings"].as_array().unwrap().iter().filter(|finding| finding["id"] == id);
    let findings: Vec<_> = findings.collect();
    assert_eq!(findings.len(), 1, "{id}: {diagnosis:#}");
    findings[0].clone()
}

/// That there is this finding, of this level, with these words, mended so; and that the exit code fits.
#[track_caller]
fn assert_found(project: &Project, id: &str, level: &str, message: &str, mend: &str) {
    let (code, diagnosis) = found(project, &[]);
    let finding = only(&diagnosis, id);
    assert_eq!(finding["level"], level, "{finding}");
    assert!(finding["message"].as_str().unwrap().contains(message), "{finding}");
    assert_eq!(finding["mend"].as_str().unwrap_or_default(), mend, "{finding}");
    assert_eq!(code, i32::from(diagnosis["errors"] != 0), "{diagnosis}");
}

fn one() -> (Server, Project, Pinned) {
    let server = Server::start().unwrap();
    let model = Pinned::weights("m", 1, 100_000);
    let project = project("", &[&model], &server);
    (server, project, model)
}

/// All paths below a folder.
fn tree(folder: &Path) -> Vec<String> {
    let mut command = std::process::Command::new("find");
    let text = String::from_utf8(command.arg(folder).output().unwrap().stdout).unwrap();
    let mut paths: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
    paths.sort();
    paths
}

#[test]
fn a_healthy_project_has_no_warnings_and_is_told_on_one_screen() {
    let (server, project, _) = one();
    for state in ["cold", "warm"] {
        let before = tree(project.root());
        let text = project.run(&["doctor"]).succeeded().stdout;
        assert_eq!(tree(project.root()), before, "{state}: it leaves everything as it was");
        assert!(text.lines().count() <= 40, "{text}");
        let is_path = |line: &str| line.contains(project.root().to_str().unwrap());
        let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > 80 && !is_path(line)).collect();
        assert!(wide.is_empty(), "{wide:#?}");
        assert!(text.trim_end().ends_with("\nall is well"), "{text}");
        let (code, diagnosis) = found(&project, &[]);
        let counts = ["errors", "warnings", "notes"].map(|level| diagnosis[level].as_u64().unwrap());
        assert_eq!((code, counts), (0, [0; 3]), "{diagnosis}");
        project.run(&["restore", "m"]).succeeded();
    }
    assert_eq!(server.requests().len(), 1, "one for the model");
}

#[test]
fn the_document_has_the_same_names_for_scripts() {
    let (_server, project, _) = one();
    project.run(&["restore", "m"]).succeeded();
    let (_, mut diagnosis) = found(&project, &[]);
    let root = project.root().to_str().unwrap().to_owned();
    for finding in diagnosis["findings"].as_array_mut().unwrap() {
        let message = finding["message"].as_str().unwrap();
        // What the disk has is the machine's.
        let message = message.split(" of 2.00 GB").last().unwrap();
        let message = message.split_once(", ").filter(|_| message.ends_with("on the disk")).map_or(message, |_| "room");
        finding["message"] = message.into();
    }
    diagnosis["settings"].as_array_mut().unwrap().retain(|row| row["origin"] != "default");
    diagnosis["roots"].as_array_mut().unwrap().retain(|root| root["used"] == true);
    let modes = diagnosis["links"][0]["modes"].take();
    assert!(modes.as_array().unwrap().contains(&"hardlink".into()), "{modes}");
    let text = diagnosis.to_string().replace(&root, "");
    let diagnosis: Value = serde_json::from_str(&text).unwrap();
    let ok = |check: &str, message: &str| json!({ "check": check, "level": "ok", "id": "ok", "message": message, "mend": null });
    let links = diagnosis["findings"][3]["message"].as_str().unwrap().to_owned();
    assert!(links.starts_with("huggingface: ") && links.ends_with(" work on the same disk"), "{links}");
    let endpoint = diagnosis["settings"][1]["value"].clone();
    let hub = "/home/.cache/huggingface/hub";
    assert_eq!(
        diagnosis,
        json!({
            "errors": 0,
            "warnings": 0,
            "notes": 0,
            "versions": {
                "command": env!("CARGO_PKG_VERSION").replace("0.0.0", "0.1.0"),
                "features": ["archives", "cli", "testkit"],
                "library": null,
                "macros": null,
            },
            "files": {
                "catalog": "/project/cache-harness.toml",
                "models": 1,
                "lock": "/project/cache-harness.lock",
                "pinned": 1,
                "user": "/home/.config/cache-harness/config.toml",
            },
            "settings": [
                { "section": "cache", "key": "min_free_disk", "value": 0, "origin": "/home/.config/cache-harness/config.toml:2" },
                { "section": "environment", "key": "HF_ENDPOINT", "value": endpoint, "origin": "HF_ENDPOINT" },
                { "section": "environment", "key": "state", "value": "/home/.local/state/cache-harness", "origin": "XDG_STATE_HOME" },
            ],
            "roots": [{
                "provider": "huggingface",
                "path": hub,
                "decided_by": "default",
                "used": true,
                "configured": false,
                "consumer_path": hub,
            }],
            "links": [{ "provider": "huggingface", "link_mode": "hardlink", "modes": null, "same_disk": true, "tried": hub }],
            "findings": [
                ok("variables", "none contradicts another, and none is dead"),
                ok("storage", "the cache folder is writable, and locks work there"),
                ok("storage", "room"),
                ok("links", &links),
                ok("pins", "the lock file agrees with the catalog; everything is here"),
                ok("leftovers", "no stale partials, no quarantine, no trash"),
                ok("project", "git, nextest and versions: nothing amiss"),
            ],
        })
    );
}

#[test]
fn a_cache_folder_that_cannot_be_used_is_an_error_that_says_why() {
    let server = Server::start().unwrap();
    let cases = [
        (Trouble::File, "store-unusable", "is no folder"),
        (Trouble::BelowFile, "store-unusable", "is no folder"),
        (Trouble::Permission, "store-unwritable", "may not be written to: Permission denied"),
        (Trouble::ReadOnly, "store-unwritable", "is on a file system that is mounted read-only"),
        (Trouble::NoLocks, "locks-do-nothing", "locks do nothing on its file system"),
    ];
    for (trouble, id, message) in cases {
        let Some((project, _)) = troubled(trouble, "bypass", &server) else { continue };
        let before = tree(project.root());
        let (code, diagnosis) = read(&Ended::of(&trouble.command(&project, &["doctor", "--json"]).output().unwrap()));
        let finding = only(&diagnosis, id);
        assert_eq!((code, finding["level"].as_str().unwrap()), (1, "error"), "{trouble:?}: {finding}");
        assert!(finding["message"].as_str().unwrap().contains(message), "{trouble:?}: {finding}");
        assert!(finding["mend"].as_str().unwrap().starts_with("export CACHE_HARNESS_DIR="), "{finding}");
        assert_eq!(tree(project.root()), before);
    }
    assert_eq!(server.requests(), []);
}

#[test]
fn a_folder_of_somebody_else_is_not_taken_for_a_cache() {
    let (_server, mut project, _) = one();
    project.set("CACHE_HARNESS_DIR", project.dir().to_str().unwrap());
    let (code, diagnosis) = found(&project, &[]);
    let message = only(&diagnosis, "store-unusable")["message"].as_str().unwrap().to_owned();
    assert!(code == 1 && message.contains("it was not made by cache-harness and holds `cache-harness."), "{message}");
}

#[test]
fn a_folder_that_every_user_may_change_is_told() {
    let (_server, project, _) = one();
    project.run(&["restore", "m"]).succeeded();
    std::fs::set_permissions(project.cache(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let mend = format!("chmod o-w {}", project.cache().display());
    assert_found(&project, "writable-by-all", "warning", "may be changed by every user", &mend);
}

#[test]
fn a_provider_folder_that_is_a_file_is_an_error() {
    let (_server, mut project, _) = one();
    project.write("hub", "a file");
    project.set("HF_HUB_CACHE", project.dir().join("hub").to_str().unwrap());
    let mend = "set `root` in [providers.huggingface] to a writable folder";
    assert_found(&project, "root-unwritable", "error", "not a directory", mend);
}

#[test]
fn a_state_folder_that_cannot_be_made_costs_the_reports_only() {
    let (_server, mut project, _) = one();
    project.write("state", "a file");
    project.set("XDG_STATE_HOME", project.dir().join("state").to_str().unwrap());
    let mend = "export XDG_STATE_HOME=FOLDER, a writable one";
    assert_found(&project, "state-unwritable", "warning", "reports lack what happens", mend);
}

#[test]
fn a_provider_on_another_disk_takes_room_twice() {
    let shared = Path::new("/dev/shm");
    let Ok(other) = tempfile::tempdir_in(shared) else { return left_out("links to another disk", "there is none") };
    let device = |path: &Path| std::os::unix::fs::MetadataExt::dev(&path.metadata().unwrap());
    let (_server, mut project, _) = one();
    if device(other.path()) == device(project.root()) {
        return left_out("links to another disk", "there is only one");
    }
    project.set("HF_HUB_CACHE", other.path().to_str().unwrap());
    let mend = format!("set `dir` in [cache] to a folder on the disk of `{}`", other.path().display());
    assert_found(&project, "no-links", "warning", "takes its room twice", &mend);
    assert_eq!(other.path().read_dir().unwrap().count(), 0);
}

#[test]
fn too_little_room_is_told_before_a_byte_is_fetched() {
    let (server, mut project, _) = one();
    project.set("CACHE_HARNESS_MAX_SIZE", "99999B");
    let mend = "set `max_size` in [cache] to at least \"230kB\", or CACHE_HARNESS_MAX_SIZE=230kB";
    assert_found(&project, "does-not-fit", "error", "`m` has 100 kB: more than max_size", mend);
    project.set("CACHE_HARNESS_MAX_SIZE", "2GB");
    let user = project.home().join(".config/cache-harness/config.toml");
    std::fs::write(user, "[cache]\nmin_free_disk = \"1000TB\"\n").unwrap();
    assert_found(&project, "little-room", "warning", "less than min_free_disk", "cache-harness prune");
    assert_eq!(server.requests(), []);
    project.run(&["restore", "m"]);
    project.set("CACHE_HARNESS_MAX_SIZE", "100kB");
    std::fs::write(project.home().join(".config/cache-harness/config.toml"), "[cache]\nmin_free_disk = \"0B\"\n")
        .unwrap();
    project.run(&["restore", "m"]).succeeded();
    assert_found(&project, "little-room", "warning", "exceeds max_size (100 kB)", "cache-harness prune");
}

#[test]
fn pins_that_do_not_fit_the_catalog_are_errors_as_for_lock_check() {
    let (_server, project, model) = one();
    project.write("cache-harness.toml", &model.catalog().replace("owner/m", "owner/n"));
    assert_found(&project, "pins-disagree", "error", "`m` is pinned from `hub:owner/m@main`", "cache-harness lock m");
    project.write("cache-harness.toml", "[models.other]\nhub = \"owner/other\"\n");
    let (code, diagnosis) = found(&project, &[]);
    let findings: Vec<_> =
        diagnosis["findings"].as_array().unwrap().iter().filter(|one| one["level"] == "error").collect();
    let messages: Vec<_> = findings.iter().map(|finding| finding["message"].as_str().unwrap()).collect();
    assert_eq!((code, messages), (1, vec!["`other` is not pinned", "`m` is pinned, but not in the catalog"]));
    assert!(findings.iter().all(|finding| finding["mend"] == "cache-harness lock"), "{findings:?}");
}

#[test]
fn a_cold_cache_without_network_is_an_error_and_a_warm_one_is_none() {
    let (_server, mut project, _) = one();
    project.set("HF_HUB_OFFLINE", "1");
    let mend = "CACHE_HARNESS_OFFLINE=0 cache-harness warm";
    let message = "HF_HUB_OFFLINE forbids the network, but `m` cannot be had without";
    assert_found(&project, "offline-and-cold", "error", message, mend);
    project.set("CACHE_HARNESS_OFFLINE", "0");
    let contradiction = "allows cache-harness the network that `HF_HUB_OFFLINE` forbids";
    assert_found(&project, "offline-contradiction", "note", contradiction, "unset CACHE_HARNESS_OFFLINE");
    project.run(&["warm"]).succeeded();
    let (code, diagnosis) = found(&project, &["--offline"]);
    assert_eq!((code, &diagnosis["errors"]), (0, &json!(0)), "{diagnosis}");
}

/// Stamps a file as so much older or newer than now.
fn stamp(path: &Path, moment: SystemTime) {
    std::fs::File::options().write(true).open(path).unwrap().set_modified(moment).unwrap();
}

#[test]
fn what_was_left_behind_is_told_and_optimize_takes_it_away() {
    let (_server, project, model) = one();
    project.run(&["restore", "m"]).succeeded();
    let bucket = project.cache().join("v1");
    let partial = bucket.join("partial").join(format!("{}.part", model.digest(0).replace('a', "b")));
    std::fs::write(&partial, "half").unwrap();
    let message = "one partial (4.10 kB), the oldest left ";
    assert_found(&project, "partials", "note", message, "");
    stamp(&partial, SystemTime::now() - Duration::from_secs(3 * 86_400));
    let mend = "cache-harness optimize";
    assert_found(&project, "stale-partials", "note", "the oldest left 3 days ago, and nobody went on", mend);
    std::fs::write(bucket.join("quarantine/damaged.1-0"), "damaged").unwrap();
    assert_found(&project, "quarantine", "note", "one file (4.10 kB) in quarantine", mend);
    std::fs::write(bucket.join("trash/gone"), "gone").unwrap();
    assert_found(&project, "trash", "note", "one file (4.10 kB) in the trash", mend);
    project.run(&["optimize", "--yes"]).succeeded();
    let (code, diagnosis) = found(&project, &[]);
    assert_eq!((code, &diagnosis["notes"]), (0, &json!(0)), "{diagnosis}");
}

#[test]
fn a_lease_from_the_future_tells_of_a_wrong_clock() {
    let (_server, project, _) = one();
    project.run(&["restore", "m"]).succeeded();
    let leases = project.cache().join("v1/leases");
    for lease in leases.read_dir().unwrap() {
        stamp(&lease.unwrap().path(), SystemTime::now() + Duration::from_secs(3 * 86_400 + 60));
    }
    assert_found(&project, "clock", "warning", "from the future, by up to 3 days", "timedatectl set-ntp true");
}

#[test]
fn a_model_in_use_is_told_and_not_waited_for() {
    let (_server, project, _) = one();
    let holder = Holder::hold(&project, &["m"]);
    let text = project.run(&["doctor"]).succeeded().stdout;
    assert!(text.contains("ok       leftovers  in use by living processes: m\n"), "{text}");
    holder.release();
    assert!(!project.run(&["doctor"]).succeeded().stdout.contains("in use"));
}

#[test]
fn a_host_that_asked_to_be_left_alone_is_named_with_the_time_that_remains() {
    let (_server, project, _) = one();
    let hosts = project.home().join(".local/state/cache-harness/hosts");
    std::fs::create_dir_all(&hosts).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let state = json!({
        "version": 1, "good": 0, "not_before": u64::try_from(now).unwrap() + 200_000, "refused_at": now, "refusals": 1,
        "closed_at": now, "closed_for": 0, "quota": null, "left": null, "recent": [],
    });
    std::fs::write(hosts.join("hub.example-0123456789ab.state"), state.to_string()).unwrap();
    let (code, diagnosis) = found(&project, &[]);
    let finding = only(&diagnosis, "host-paused");
    assert_eq!((code, finding["level"].as_str().unwrap()), (0, "note"));
    let message = finding["message"].as_str().unwrap();
    assert!(message.starts_with("hub.example refused requests and is asked none for 3 min 1"), "{message}");
}

#[test]
fn what_git_and_nextest_and_cargo_say_of_the_project_is_looked_at() {
    let (_server, project, _) = one();
    let git = project.program("git").args(["init", "--quiet"]).status();
    if !git.is_ok_and(|status| status.success()) {
        return left_out("what git says", "there is no git");
    }
    let rules = project.dir().join(".gitattributes");
    let mend = format!("echo 'cache-harness.lock merge=union' >> {}", rules.display());
    assert_found(&project, "merge-rule-missing", "note", "line by line", &mend);
    project.write(".gitattributes", "*.lock merge=union\n");

    let catalog = std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    project.write("cache-harness.toml", &format!("[cache]\ndir = \".cache/models\"\n{catalog}"));
    let mend = format!("echo '/.cache/models/' >> {}", project.dir().join(".gitignore").display());
    assert_found(&project, "not-ignored", "warning", "git does not ignore", &mend);
    project.write(".gitignore", ".cache/\n");

    std::fs::create_dir(project.dir().join(".config")).unwrap();
    let timeout = "[profile.ci]\nslow-timeout = { period = \"60s\", terminate-after = 1 }\n";
    project.write(".config/nextest.toml", timeout);
    assert_found(&project, "nextest-timeout", "note", "nextest's profile `ci` ends slow tests", "cache-harness warm");
    project.run(&["warm"]).succeeded();

    let package = |name: &str, version: &str| format!("\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
    project.write("Cargo.lock", &format!("version = 4\n{}", package("cache-harness", "9.9.9")));
    let mend = "cargo install cache-harness --version 9.9.9 --features cli";
    assert_found(&project, "other-version", "warning", "the tests use cache-harness 9.9.9", mend);
    std::fs::remove_file(project.dir().join("Cargo.lock")).unwrap();
    let (code, diagnosis) = found(&project, &[]);
    assert_eq!((code, &diagnosis["notes"], &diagnosis["warnings"]), (0, &json!(0), &json!(0)), "{diagnosis}");
}

#[test]
fn an_application_cache_that_holds_the_project_is_told_before_somebody_cleans_it() {
    let (_server, project, model) = one();
    project.write("cache-harness.toml", &format!("[application_caches.out]\npath = \".\"\n{}", model.catalog()));
    let mend = "correct `path` in [application_caches.out]";
    assert_found(&project, "application-cache-precious", "warning", "is this project: it is never emptied", mend);
}
