//! The report of real runs: why a model was missing, how it came to its place, and whether gates hold.

use std::fs::File;
use std::time::{Duration, SystemTime};

use cache_harness::testkit::Server;

use crate::inspect::lease;
use crate::pinned::{Pinned, project};
use crate::project::Project;

const SIZE: u64 = 300_000;

/// What the report of a run of its own says of `restore NAME`.
#[track_caller]
fn restored(project: &mut Project, run: &str, name: &str) -> serde_json::Value {
    project.set("CACHE_HARNESS_RUN", run);
    project.run(&["restore", name]).succeeded();
    let report = project.json(&["report", "--run", run]);
    assert_eq!(report["requests"], 1, "{report}");
    report
}

/// The one key of these counts that is 1, the others being 0.
#[track_caller]
fn only(counts: &serde_json::Value) -> String {
    let some: Vec<_> = counts.as_object().unwrap().iter().filter(|(_, count)| **count != 0).collect();
    let [(name, count)] = some[..] else { panic!("{counts}") };
    assert_eq!(count, &1);
    name.clone()
}

#[test]
fn a_miss_says_why_it_was_none_of_the_hits() {
    let server = Server::start().unwrap();
    let (m, n) = (Pinned::weights("m", 1, SIZE), Pinned::weights("n", 2, 2 * SIZE));
    // What stands in the consumer's folder would repair the store, and that is no miss.
    let settings = "[cache]\nmax_size = \"800kB\"\nmax_age = \"7d\"\nadopt = false\n";
    let mut project = project(settings, &[&m, &n], &server);
    let reason = |project: &mut Project, run: &str, name: &str| only(&restored(project, run, name)["misses_by"]);
    assert_eq!(reason(&mut project, "1", "m"), "never_seen");
    assert_eq!(reason(&mut project, "2", "n"), "never_seen");
    assert_eq!(reason(&mut project, "3", "m"), "evicted", "`n` took its room");
    std::fs::write(project.blob(&m.digest(0)).with_extension("new"), vec![7; 300_000]).unwrap();
    std::fs::rename(project.blob(&m.digest(0)).with_extension("new"), project.blob(&m.digest(0))).unwrap();
    assert_eq!(reason(&mut project, "4", "m"), "corrupt");
    let old = SystemTime::now() - Duration::from_secs(8 * 24 * 3600);
    File::options().write(true).open(lease(&project, "m")).unwrap().set_modified(old).unwrap();
    project.run(&["prune", "--yes"]).succeeded();
    assert_eq!(reason(&mut project, "5", "m"), "expired");
    project.run(&["evict", "m", "--yes"]).succeeded();
    assert_eq!(reason(&mut project, "6", "m"), "removed");
    let other = Pinned::weights("m", 3, SIZE);
    other.serve(&server);
    project.lock(&(other.lock() + &n.lock()));
    assert_eq!(reason(&mut project, "7", "m"), "other_pin");
    let report = project.json(&["report"]);
    assert_eq!(report["since"]["run"], "6", "{report}");
    assert_eq!(report["since"]["pins_moved"], serde_json::json!(["m"]));
    assert!(report["seconds_fetching"].as_f64().unwrap() > 0.0, "{report}");
    let store = &report["store"];
    assert_eq!(
        (&store["max_bytes"], &store["used_bytes"]),
        (&800_000.into(), &project.json(&["status"])["used_bytes"])
    );
}

#[test]
fn a_hit_says_how_it_came_to_its_place() {
    let server = Server::start().unwrap();
    let m = Pinned::weights("m", 1, SIZE);
    let mut project = project("", &[&m], &server);
    project.run(&["restore", "m"]).succeeded();
    let placed = |project: &mut Project, run: &str| only(&restored(project, run, "m")["hits_by"]);
    assert_eq!(placed(&mut project, "1"), "in_place");
    project.set("HF_HOME", project.root().join("second").to_str().unwrap());
    assert_eq!(placed(&mut project, "2"), "linked");
    assert_eq!(placed(&mut project, "3"), "in_place");
    project.set("CACHE_HARNESS_RUN", "4");
    project.run(&["restore", "m", "--to", "out"]).succeeded();
    assert_eq!(only(&project.json(&["report", "--run", "4"])["hits_by"]), "copied");
}

#[test]
fn every_gate_that_does_not_hold_is_named_with_what_was_found() {
    let server = Server::start().unwrap();
    let m = Pinned::weights("m", 1, SIZE);
    let project = project("", &[&m], &server);
    let wrong = project.run(&["report", "--min-hit-rate", "80"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    project.run(&["restore", "m"]).succeeded();
    let all = ["--min-hit-rate", "0.8", "--max-fetched", "100kB", "--max-seconds", "0", "--no-skips"];
    let failed = project.run(&[&["report"][..], &all].concat());
    assert_eq!(failed.code, Some(1));
    let errors: Vec<_> = failed.stderr.lines().collect();
    let [rate, fetched, seconds] = errors[..] else { panic!("{errors:?}") };
    assert_eq!(rate, "error: the hit rate is 0.0 %, below 80.0 %");
    assert_eq!(fetched, "error: 300 kB (300000 bytes) were fetched, more than 100 kB (100000)");
    assert!(seconds.starts_with("error: tests waited ") && seconds.ends_with(" for their models, longer than 0.0 ms"));
    assert!(failed.stdout.starts_with("hit rate     0.0 %"), "the report comes first: {failed:?}");
    let met = ["report", "--min-hit-rate", "0", "--max-fetched", "300kB", "--max-seconds", "600", "--no-skips"];
    assert_eq!(project.run(&met).succeeded().stderr, "");
}

/// Sizes, times and names that differ from run to run, as `#`.
fn redacted(text: &str) -> String {
    let mut words = String::new();
    for (index, line) in text.lines().enumerate() {
        let seconds = ["preparing", "  of it", "slowest", "run ", "store", "m "];
        let varies = seconds.iter().any(|start| line.starts_with(start));
        let digits = |c: char| if varies && (c.is_ascii_digit() || c == '.') { '#' } else { c };
        let line: String = line.chars().map(digits).collect();
        let line = if varies { line.split_whitespace().collect::<Vec<_>>().join(" ") } else { line };
        let mut line = line.replace(" ms", " s").replace(" min", " s");
        while line.contains("##") {
            line = line.replace("##", "#");
        }
        words += if index == 0 { "" } else { "\n" };
        words += &line;
    }
    words
}

#[test]
fn the_words_of_a_real_run_are_these() {
    let server = Server::start().unwrap();
    let m = Pinned::weights("m", 1, SIZE);
    let mut project = project("", &[&m], &server);
    restored(&mut project, "cold", "m");
    restored(&mut project, "warm", "m");
    assert_eq!(
        redacted(&project.run(&["report", "--last", "1"]).succeeded().stdout),
        "\
hit rate     100 %  ████████████████████  1 hit, 0 misses
target        80 %  reached
hits       1 in place
fetched    0 B            saved 300 kB
preparing # s saved # s
store # kB of # GB used
run warm of #-#-#T#:#:#Z

model                       asked   hits   fetched       p50       p95       max
m # #% # B # s # s # s

slowest # s hit m"
    );
}
