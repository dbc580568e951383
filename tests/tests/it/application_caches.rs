//! A project's other caches: reported, cleaned and expired, and nothing else of the disk with them.

use std::fs::File;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::inspect::walk;
use crate::project::{Ended, Project, left_out};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A project with the application caches `tmdb`, whose files expire, and `thumbs`; and a model.
fn project() -> Project {
    let project = Project::new(
        "[cache]\nmax_age = \"never\"\n\
         [application_caches.tmdb]\npath = \"out/tmdb\"\nmax_age = \"90d\"\n\
         [application_caches.thumbs]\npath = \"out/thumbs\"\n\
         [models.small]\npath = \"small.bin\"\n",
    );
    project.write("small.bin", "weights");
    project.run(&["lock"]).succeeded();
    write(&project, "out/tmdb/new.json", 1);
    write(&project, "out/tmdb/deep/er/old.json", 100);
    write(&project, "out/thumbs/ancient.png", 4000);
    project
}

/// A file of the project that was written so many days ago.
fn write(project: &Project, path: &str, days: u32) {
    let path = project.dir().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "x".repeat(5000)).unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(SystemTime::now() - days * DAY).unwrap();
}

/// The files below `out`, sorted.
fn files(project: &Project) -> Vec<String> {
    let out = project.dir().join("out");
    let files = walk(&out).into_iter().filter(|path| path.symlink_metadata().is_ok_and(|found| !found.is_dir()));
    let mut files: Vec<_> = files.map(|path| path.strip_prefix(&out).unwrap().display().to_string()).collect();
    files.sort();
    files
}

#[test]
fn status_tells_size_count_and_age() {
    let project = project();
    let status = project.json(&["status"]);
    let [thumbs, tmdb] = status["application_caches"].as_array().unwrap().as_slice() else { panic!("{status}") };
    assert_eq!((&thumbs["name"], &thumbs["files"]), (&json!("thumbs"), &json!(1)));
    assert_eq!((&tmdb["name"], &tmdb["files"]), (&json!("tmdb"), &json!(2)));
    assert_eq!(tmdb["path"], project.dir().join("out/tmdb").to_str().unwrap());
    // Two files of 5,000 bytes and three folders, as the disk counts them.
    assert!((16_384..64_000).contains(&tmdb["bytes"].as_u64().unwrap()), "{tmdb}");
    assert!(tmdb["oldest"].as_str().unwrap() < tmdb["newest"].as_str().unwrap(), "{tmdb}");
    let text = project.run(&["status"]).succeeded().stdout;
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("tm") || line.starts_with("appl")).collect();
    let [head, tmdb] = lines[..] else { panic!("{text}") };
    assert_eq!(head, "application cache              size  files  oldest file    newest file");
    assert!(tmdb.ends_with("2  100 days ago   24 h ago"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn clean_empties_those_that_are_named_and_leaves_the_models() {
    let project = project();
    project.run(&["restore", "small"]).succeeded();
    let planned = project.json(&["clean", "--apps", "tmdb", "--dry-run"]);
    assert_eq!((&planned["dry_run"], &planned["freed_bytes"]), (&json!(true), &planned["removed"][0]["bytes"]));
    assert_eq!(planned["removed"][0]["name"], "tmdb");
    assert_eq!(files(&project).len(), 3);
    let ended = project.run(&["clean", "--apps", "tmdb"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");

    let done = project.json(&["clean", "--apps", "tmdb", "--yes"]);
    assert_eq!((&done["dry_run"], &done["freed_bytes"]), (&json!(false), &planned["removed"][0]["bytes"]));
    assert_eq!(files(&project), ["thumbs/ancient.png"]);
    assert!(project.dir().join("out/tmdb").is_dir());
    assert_eq!(project.json(&["status"])["models"][0]["state"], "warm");

    project.run(&["clean", "--apps", "--yes"]).succeeded();
    assert_eq!(files(&project), [""; 0]);
    let again = project.run(&["clean", "--apps", "--yes"]).succeeded();
    assert_eq!((again.stdout.as_str(), again.stderr.lines().last()), ("", Some("nothing to remove")), "{again:?}");
    let unknown = project.run(&["clean", "--apps", "tmbd", "--yes"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.stderr.contains("`tmbd` is no application cache: did you mean `tmdb`?"), "{unknown:?}");
}

#[test]
fn cleaning_models_leaves_the_application_caches() {
    let project = project();
    project.run(&["restore", "small"]).succeeded();
    let done = project.json(&["clean", "--models", "--yes"]);
    assert_eq!(done["removed"].as_array().unwrap().len(), 1);
    assert_eq!(files(&project).len(), 3);
    project.run(&["restore", "small"]).succeeded();
    let done = project.json(&["clean", "--all", "--yes"]);
    assert_eq!(done["removed"].as_array().unwrap().len(), 3, "{done}");
    assert_eq!(files(&project).len(), 0);
    assert_eq!(project.json(&["status"])["models"][0]["state"], "cold");
}

#[test]
fn optimize_removes_what_is_older_than_max_age_and_no_eviction_does() {
    let mut project = project();
    project.run(&["restore", "small"]).succeeded();
    project.set("CACHE_HARNESS_MAX_SIZE", "1B");
    project.run(&["prune", "--yes"]).succeeded();
    assert_eq!(files(&project).len(), 3);
    let planned = project.run(&["optimize", "--dry-run"]).succeeded().stdout;
    assert!(planned.contains("would remove tmdb (8.19 kB): 1 file older than max_age (90 days)\n"), "{planned}");
    assert_eq!(files(&project).len(), 3);
    project.run(&["optimize", "--yes"]).succeeded();
    assert_eq!(files(&project), ["thumbs/ancient.png", "tmdb/new.json"]);
    assert!(!project.dir().join("out/tmdb/deep").exists());
    project.run(&["optimize", "--yes"]).succeeded();
}

#[test]
fn a_link_inside_is_removed_and_never_followed() {
    let project = project();
    write(&project, "precious/work.txt", 4000);
    let inside = |name: &str| project.dir().join("out/tmdb").join(name);
    symlink(project.dir().join("precious"), inside("folder")).unwrap();
    symlink(project.dir().join("precious/work.txt"), inside("file")).unwrap();
    symlink("/", inside("root")).unwrap();
    symlink("nowhere", inside("dangling")).unwrap();
    let tmdb = &project.json(&["status"])["application_caches"][1];
    assert_eq!(tmdb["files"], 6);
    assert!(tmdb["bytes"].as_u64().unwrap() < 64_000, "{tmdb}");
    project.run(&["optimize", "--yes"]).succeeded();
    assert_eq!(files(&project).len(), 6, "the links are new");
    project.run(&["clean", "--apps", "--yes"]).succeeded();
    assert_eq!(files(&project).len(), 0);
    assert!(project.dir().join("precious/work.txt").exists());
}

#[test]
fn what_must_not_be_emptied_is_refused_before_anything_goes() {
    let project = project();
    project.run(&["restore", "small"]).succeeded();
    std::fs::create_dir_all(project.dir().join("crates/one")).unwrap();
    project.write("crates/one/Cargo.toml", "[package]");
    for file in ["other/proj/.git/config", "web/app/package.json", "py/app/pyproject.toml", "m/sub/w.bin"] {
        write(&project, file, 4000);
    }
    symlink(project.home(), project.dir().join("link")).unwrap();
    let catalog = std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    let catalog = format!("{catalog}[models.yours]\npath = \"m\"\n");
    for (path, why) in [
        ("/", "`/` is the whole disk: it is never emptied"),
        ("~", "is a home folder: it is never emptied"),
        ("link", "is a home folder: it is never emptied"),
        ("..", "holds a home folder, `"),
        (".", "is this project: it is never emptied"),
        ("~/.cache", "is what every home has: it is never emptied"),
        ("~/.cache/cache-harness", "is the cache's own folder: it is never emptied"),
        ("~/.cache/cache-harness/v1", "is in the cache's own folder, `"),
        ("~/.local", "is what every home has: it is never emptied"),
        ("~/.local/state/cache-harness/runs", "is in the reports, `"),
        ("~/Documents", "is what every home has: it is never emptied"),
        ("~/.ssh", "is what nobody else may touch: it is never emptied"),
        ("~/.ssh/keys", "is in what nobody else may touch: it is never emptied"),
        ("/etc", "is a folder of the system: it is never emptied"),
        ("/etc/ssl", "is in a folder of the system: it is never emptied"),
        ("/home", "is a folder of the system: it is never emptied"),
        ("/home/somebody", "is a home folder: it is never emptied"),
        ("/var", "is a folder of the system: it is never emptied"),
        ("/usr/local", "is a folder of the system: it is never emptied"),
        (".git", "is in a `.git`: it is never emptied"),
        ("crates/one/.git/lfs", "is in a `.git`: it is never emptied"),
        ("crates/one", "holds somebody's work, `"),
        ("crates", "crates/one/Cargo.toml`: it is never emptied"),
        ("other", "other/proj/.git`: it is never emptied"),
        ("web", "web/app/package.json`: it is never emptied"),
        ("py", "py/app/pyproject.toml`: it is never emptied"),
        ("m", "is the `path` of the model `yours`: it is never emptied"),
        ("m/sub", "is in the `path` of the model `yours`, `"),
    ] {
        let wrong = catalog.replace("out/thumbs", path);
        project.write("cache-harness.toml", &wrong);
        // Every process costs time; each way in is tried with a path of its own kind.
        let all = [&["clean", "--all", "--yes"][..], &["optimize", "--yes"], &["clean", "--apps", "--yes"]];
        for arguments in if ["~", "m", "other"].contains(&path) { &all[..] } else { &all[2..] } {
            let ended = project.run(arguments);
            assert_eq!(ended.code, Some(2), "{path}: {ended:?}");
            assert!(ended.stderr.starts_with("error: [application_caches.thumbs]: "), "{path}: {ended:?}");
            assert!(ended.stderr.contains(why), "{path}: {ended:?}");
        }
        assert_eq!(files(&project).len(), 3, "{path}");
        let warnings = project.json(&["status"])["warnings"].to_string();
        assert!(warnings.contains("[application_caches.thumbs]"), "{path}: {warnings}");
    }
    for file in ["other/proj/.git/config", "m/sub/w.bin"] {
        assert!(project.dir().join(file).exists(), "{file}");
    }
    assert_eq!(project.json(&["status"])["models"][0]["state"], "warm");
}

#[test]
fn one_that_cannot_be_emptied_is_told_and_the_others_are() {
    let project = project();
    write(&project, "out/thumbs/b/stays.png", 4000);
    // What cannot be listed cannot be emptied; a superuser needs more to be stopped.
    let shut = project.dir().join("out/thumbs/b");
    let set = |mode| std::fs::set_permissions(&shut, std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o500);
    if File::create(shut.join("probe")).is_ok() {
        let _ = std::fs::remove_file(shut.join("probe"));
        set(0o700);
        if !immutable(&shut, "+i") {
            return left_out("a cache that cannot be emptied is told", "the superuser may remove anything here");
        }
    }
    let ended = project.run(&["clean", "--apps", "--yes"]);
    immutable(&shut, "-i");
    set(0o700);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("error: ") && ended.stderr.contains("out/thumbs/b"), "{ended:?}");
    assert!(ended.stdout.contains("removed thumbs (") && ended.stdout.contains("removed tmdb ("), "{ended:?}");
    assert_eq!(files(&project), ["thumbs/b/stays.png"]);
}

fn immutable(path: &std::path::Path, flag: &str) -> bool {
    let changed = std::process::Command::new("chattr").arg(flag).arg(path).stderr(std::process::Stdio::null()).status();
    changed.is_ok_and(|status| status.success())
}

#[test]
fn what_is_mounted_in_one_stays_and_is_told() {
    let project = project();
    let script = "mount -t tmpfs none out/tmdb/deep/er || exit 77
        touch -d '1 year ago' out/tmdb/deep/er/mounted out/tmdb/deep/gone
        \"$CLI\" optimize --yes && \"$CLI\" clean --apps --yes && ls out/tmdb/deep out/tmdb/deep/er";
    let mut command = project.program("unshare");
    command.args(["-rm", "sh", "-c", script]).env("CLI", env!("CARGO_BIN_EXE_cache-harness-cli"));
    let claim = "what is mounted in an application cache stays";
    let Ok(output) = command.output() else { return left_out(claim, "there is no unshare") };
    let ended = Ended::of(&output);
    if ended.code == Some(77) || ended.stderr.starts_with("unshare: ") {
        return left_out(claim, "nothing may be mounted here");
    }
    let ended = ended.succeeded();
    assert!(ended.stdout.ends_with("out/tmdb/deep:\ner\n\nout/tmdb/deep/er:\nmounted\n"), "{ended:?}");
    assert_eq!(ended.stderr.matches("deep/er` is on another disk and stays").count(), 2, "{ended:?}");
}

#[test]
fn a_person_chooses_by_number_and_sees_the_sizes() {
    let project = project();
    project.run(&["restore", "small"]).succeeded();
    let Some(shown) = project.on_a_terminal(&["clean"], "9\n3\nn\n") else { return };
    assert!(shown.contains("  1  models "), "{shown}");
    assert!(shown.contains("  2  thumbs  ") && shown.contains("  3  tmdb    "), "{shown}");
    assert!(shown.contains("`9` is none of them"), "{shown}");
    assert!(shown.contains("Remove tmdb ("), "{shown}");
    assert_eq!(files(&project).len(), 3);
    let shown = project.on_a_terminal(&["clean"], "\n").unwrap();
    assert!(shown.contains("nothing was removed"), "{shown}");
    project.on_a_terminal(&["clean"], "1,3\ny\n").unwrap();
    assert_eq!(files(&project), ["thumbs/ancient.png"]);
    assert_eq!(project.json(&["status"])["models"][0]["state"], "cold");
    let ended = project.run(&["clean"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("say what: `--models`, `--apps [NAME]` or `--all`"), "{ended:?}");
}
