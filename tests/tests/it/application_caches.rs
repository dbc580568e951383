//! A project's other caches: reported, cleaned and expired, and nothing else of the disk with them.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::inspect::walk;
use crate::project::Project;

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
    symlink(project.home(), project.dir().join("link")).unwrap();
    let catalog = std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    for (path, why) in [
        ("/", "`/` is the whole disk: it is never emptied"),
        ("~", "is a home folder: it is never emptied"),
        ("link", "is a home folder: it is never emptied"),
        ("..", "holds the cache's own folder, `"),
        (".", "is this project: it is never emptied"),
        ("~/.cache", "holds the cache's own folder, `"),
        ("~/.cache/cache-harness", "is the cache's own folder: it is never emptied"),
        ("~/.cache/cache-harness/v1", "is in the cache's own folder: it is never emptied"),
        ("~/.local", "holds the reports, `"),
        ("crates/one", "holds `Cargo.toml`: it is never emptied"),
    ] {
        let wrong = catalog.replace("out/thumbs", path);
        project.write("cache-harness.toml", &wrong);
        // Every process costs time; each way in is tried with a path of its own kind.
        let all = [&["clean", "--all", "--yes"][..], &["optimize", "--yes"], &["clean", "--apps", "--yes"]];
        for arguments in if path == "~" { &all[..] } else { &all[2..] } {
            let ended = project.run(arguments);
            assert_eq!(ended.code, Some(2), "{path}: {ended:?}");
            assert!(ended.stderr.starts_with("error: [application_caches.thumbs]: "), "{path}: {ended:?}");
            assert!(ended.stderr.contains(why), "{path}: {ended:?}");
        }
        assert_eq!(files(&project).len(), 3, "{path}");
        let warnings = project.json(&["status"])["warnings"].to_string();
        assert!(warnings.contains("[application_caches.thumbs]"), "{path}: {warnings}");
    }
    assert_eq!(project.json(&["status"])["models"][0]["state"], "warm");
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
