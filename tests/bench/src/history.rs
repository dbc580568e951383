//! What a long history costs a report: 10,000 runs of 1,000 events each, which is fifty times what is kept.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::project::Project;
use crate::stage::{Profile, Stage};
use crate::table::{Row, Table};
use crate::{Outcome, measure};

const RUNS: u32 = 10_000;
const EVENTS: u32 = 1_000;

pub(crate) fn measure(stage: &Stage) -> Outcome<Vec<Table>> {
    let (short, long) = (Project::create(stage, "history-short", "")?, Project::create(stage, "history-long", "")?);
    write_runs(&short.folder, 1)?;
    write_runs(&long.folder, RUNS)?;
    let program = stage.harness(Profile::Dev)?;
    let report = |project: &Project, arguments: &[&str]| {
        let mut command = stage.command(&program);
        command.current_dir(&project.folder).env("XDG_STATE_HOME", project.folder.join("state"));
        command.arg("report").args(arguments);
        command
    };
    let mut all: Vec<(Row, Command)> = [
        ("1 run, `report --last 1`", &short, &["--last", "1"][..]),
        ("10,000 runs, `report --last 1`", &long, &["--last", "1"]),
        ("10,000 runs, `report` (two runs: with what changed)", &long, &[]),
        ("10,000 runs, `report --last 10 --json`", &long, &["--last", "10", "--json"]),
        ("10,000 runs, `report --format html` (30 runs)", &long, &["--format", "html"]),
    ]
    .map(|(name, project, arguments)| (Row::new(name), report(project, arguments)))
    .into();
    for _ in 0..stage.rounds {
        for (row, command) in &mut all {
            row.samples.push(measure::seconds(command)? * 1e3);
        }
    }
    let title = format!("Reports from {RUNS} runs of {EVENTS} events, unoptimised");
    let rows = all.into_iter().map(|(row, _)| row).collect();
    Ok(vec![Table { title, unit: "ms", rows, aim: "no more runs read than asked for" }])
}

/// Runs that are all alike: one file, with as many names as there are runs.
fn write_runs(folder: &Path, count: u32) -> Outcome<()> {
    let project = folder.join("cache-harness.toml").canonicalize()?;
    let header = serde_json::json!({"version": 1, "run": "r", "project": project, "started": "2026-11-21T05:52:26Z"});
    let mut log = format!("{header}\n");
    for event in 0..EVENTS {
        let outcome = if event % 100 == 0 { "miss" } else { "hit" };
        writeln!(
            log,
            r#"{{"event":"request","at":{event},"test":"suite::case_{event}","model":"model-{}","outcome":"{outcome}","seconds":0.0004,"provider":"huggingface","file":"tests/suite.rs","line":{event},"bytes":151061672}}"#,
            event % 10
        )?;
    }
    let runs = folder.join("state/cache-harness/runs");
    std::fs::create_dir_all(&runs)?;
    let first = folder.join("log.jsonl");
    std::fs::write(&first, log)?;
    let now = SystemTime::now();
    for number in 0..count {
        let run = runs.join(format!("run-{number:05}"));
        std::fs::create_dir(&run)?;
        std::fs::hard_link(&first, run.join("1-1.jsonl"))?;
        let age = Duration::from_secs(60 * u64::from(count - number));
        std::fs::File::open(&run)?.set_modified(now - age)?;
    }
    Ok(())
}
