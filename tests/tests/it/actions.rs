//! `report --github`: what a step of GitHub Actions leaves in its files and says to the runner.

use std::path::PathBuf;

use cache_harness::testkit::Server;

use crate::pinned::{Pinned, project};
use crate::project::Project;

/// A project with one model, as a step of a job sees it; the files that the runner gave it.
fn step() -> (Server, Project, PathBuf, PathBuf) {
    let server = Server::start().unwrap();
    let model = Pinned::weights("m", 1, 300_000);
    let mut project = project("", &[&model], &server);
    let (summary, output) = (project.root().join("summary.md"), project.root().join("output"));
    std::fs::write(&summary, "what another step said\n").unwrap();
    project.set("GITHUB_STEP_SUMMARY", summary.to_str().unwrap());
    project.set("GITHUB_OUTPUT", output.to_str().unwrap());
    let checkout = project.root().to_str().unwrap().to_owned();
    project.set("GITHUB_WORKSPACE", checkout);
    (server, project, summary, output)
}

#[test]
fn outside_of_actions_the_missing_variables_are_named() {
    let mut project = Project::new("");
    let nowhere = project.run(&["report", "--github"]);
    assert_eq!(nowhere.code, Some(2));
    let expected = "`GITHUB_STEP_SUMMARY` and `GITHUB_OUTPUT` not set: this is for a step of GitHub Actions";
    assert!(nowhere.stderr.contains(expected), "{nowhere:?}");
    project.set("GITHUB_OUTPUT", "/dev/null");
    let half = project.run(&["report", "--github"]);
    assert!(half.stderr.contains("`GITHUB_STEP_SUMMARY` not set") && !half.stderr.contains("OUTPUT"), "{half:?}");
}

#[test]
fn the_summary_is_appended_and_the_outputs_are_set() {
    let (_server, project, summary, output) = step();
    project.run(&["restore", "m"]).succeeded();
    project.run(&["restore", "m"]).succeeded();
    let said = project.run(&["report", "--github"]).succeeded();
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(summary.starts_with("what another step said\n### Model cache: 50.0 % hits"), "{summary}");
    let key = project.run(&["key"]).succeeded().stdout;
    let expected = format!("hit-rate=0.5\nbytes-saved=300000\ncache-key={}\n", key.trim());
    assert_eq!(std::fs::read_to_string(output).unwrap(), expected);
    // The report in the job's log gives no commands to the runner.
    let mut lines = said.stdout.lines();
    let token = lines.next().unwrap().strip_prefix("::stop-commands::").unwrap().to_owned();
    assert!(lines.next().unwrap().starts_with("hit rate    50.0 %"));
    assert_eq!(lines.next_back().unwrap(), format!("::{token}::"));
    assert_eq!(token.len(), 32);
}

#[test]
fn a_warning_names_the_file_in_the_checkout() {
    let (_server, project, _, _) = step();
    // Cargo's workspace is a folder of the repository: `file!()` begins there.
    std::fs::create_dir_all(project.dir().join("tests")).unwrap();
    project.write("tests/speech.rs", "");
    let run = project.home().join(".local/state/cache-harness/runs/it");
    std::fs::create_dir_all(&run).unwrap();
    let header = serde_json::json!({"version": 1, "run": "it", "project": project.dir().join("cache-harness.toml")});
    let skip = |model: &str, file: &str| {
        let event = serde_json::json!({"event": "request", "at": 1, "test": "t", "model": model, "outcome": "skip",
            "reason": "no\r\nluck: 100 %", "file": file, "line": 7});
        format!("{event}\n")
    };
    let log = format!("{header}\n{}{}", skip("a", "tests/speech.rs"), skip("b", "tests/gone,x.rs"));
    std::fs::write(run.join("1-1.jsonl"), log).unwrap();
    let warnings = [
        "::warning file=project/tests/speech.rs,line=7,title=cache-harness::skipped for want of model a: no  luck: 100 %25",
        "::warning file=tests/gone%2Cx.rs,line=7,title=cache-harness::skipped for want of model b: no  luck: 100 %25",
    ];
    let said = project.run(&["report", "--github"]).succeeded();
    assert_eq!(said.stdout.lines().filter(|line| line.starts_with("::warning")).collect::<Vec<_>>(), warnings);
    let data = project.run(&["report", "--github", "--json"]).succeeded();
    assert!(serde_json::from_str::<serde_json::Value>(&data.stdout).is_ok(), "data is alone on stdout: {data:?}");
    assert_eq!(data.stderr.lines().collect::<Vec<_>>(), warnings);
    assert_eq!(project.run(&["report", "--no-skips"]).code, Some(1));
}
