//! A long history: what is read of it, counted by strace.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::project::Project;
use crate::traced::{Traced, can_trace};

const RUNS: u64 = 10_000;

/// Runs of the project in the order of their numbers; every fifth is another project's.
fn make_history(project: &Project, events: usize) {
    let runs = project.home().join(".local/state/cache-harness/runs");
    let now = SystemTime::now();
    for number in 0..RUNS {
        let run = runs.join(format!("run-{number:05}"));
        std::fs::create_dir_all(&run).unwrap();
        let of =
            if number % 5 == 2 { project.root().join("other.toml") } else { project.dir().join("cache-harness.toml") };
        let mut log = serde_json::json!({"version": 1, "run": "r", "project": of}).to_string() + "\n";
        for event in 0..events {
            let outcome = if event == 0 { "miss" } else { "hit" };
            let event = format_args!(r#""event":"request","at":{number},"test":"t{event}","model":"m""#);
            writeln!(log, r#"{{{event},"outcome":"{outcome}"}}"#).unwrap();
        }
        std::fs::write(run.join("1-1.jsonl"), log).unwrap();
        let moment = now - Duration::from_secs(60 * (RUNS - number));
        std::fs::File::open(&run).unwrap().set_modified(moment).unwrap();
    }
}

/// The runs whose logs were opened, in that order, each once.
fn opened(traced: &Traced, runs: &Path) -> Vec<String> {
    let inside = format!("{}/", runs.display());
    let of = |call: &String| {
        let (run, file) = call.split('"').nth(1)?.strip_prefix(&inside)?.split_once('/')?;
        (file == "1-1.jsonl").then(|| run.to_owned())
    };
    let mut runs: Vec<_> = traced.calls.iter().filter_map(of).collect();
    runs.dedup();
    runs
}

#[test]
fn of_ten_thousand_runs_only_those_that_are_asked_for_are_read() {
    if !can_trace("a report reads only the runs it needs") {
        return;
    }
    let project = Project::new("");
    make_history(&project, 4);
    let runs = project.home().join(".local/state/cache-harness/runs");
    let read = |arguments: &[&str]| {
        let traced = Traced::run(&project, "openat,open", &[&["report", "--json"], arguments].concat());
        assert_eq!(traced.ended.code, Some(0), "{:?}", traced.ended);
        opened(&traced, &runs)
    };
    // 9997 is the other project's: its first line says so.
    assert_eq!(read(&["--last", "1"]), ["run-09999"]);
    assert_eq!(read(&["--last", "3"]), ["run-09999", "run-09998", "run-09997", "run-09996"]);
    // With what changed since the one before.
    assert_eq!(read(&[]), ["run-09999", "run-09998"]);
    assert_eq!(read(&["--run", "run-05003"]), ["run-05003", "run-05002", "run-05001"]);
    assert_eq!(read(&["--format", "text", "--last", "1", "--min-hit-rate", "0.5"]), ["run-09999"]);
}

#[test]
fn a_pipe_among_the_logs_is_counted_and_not_waited_for() {
    let project = Project::new("");
    let run = project.home().join(".local/state/cache-harness/runs/a");
    std::fs::create_dir_all(&run).unwrap();
    let header = serde_json::json!({"version": 1, "run": "a", "project": project.dir().join("cache-harness.toml")});
    let request = r#"{"event":"request","at":1,"test":"t","model":"m","outcome":"hit"}"#;
    std::fs::write(run.join("1-1.jsonl"), format!("{header}\n{request}\n")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(run.join("0-0.jsonl")).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", run.join("2-2.jsonl")).unwrap();
    let report = &project.json(&["report"]);
    assert!(report.to_string().contains("\"requests\":1"), "{report}");
    project.run(&["report", "--last", "3"]).succeeded();
}
