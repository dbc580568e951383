//! A hit in a process that already had one: its microseconds with event and lease, and its system calls.

use std::collections::BTreeMap;
use std::process::Command;

use crate::project::{self, Project};
use crate::stage::{Profile, Stage};
use crate::table::{Row, Table};
use crate::{Outcome, measure};

const HITS: u32 = 10_000;
const TRACED: u32 = 1_000;

pub(crate) fn measure(stage: &Stage) -> Outcome<Vec<Table>> {
    let models = "[models.many]\npath = 'files'\nprovider = 'directory'\n";
    let mut rows = vec![Row::new("1 file, optimised"), Row::new("1 file, unoptimised")];
    rows.extend([Row::new("20 files, optimised"), Row::new("20 files, unoptimised")]);
    let mut calls = Vec::new();
    for (number, files) in [1, 20].into_iter().enumerate() {
        let project = Project::create(stage, "hit-in-process", models)?;
        let lock = project::small_files(&project.folder, "many", files)?;
        std::fs::write(project.folder.join("cache-harness.lock"), lock)?;
        let hits = |profile, warm_up: u32, count: u32| -> Outcome<Command> {
            let mut command = stage.command(stage.program(profile, "hits")?);
            command.env("XDG_STATE_HOME", project.folder.join("state")).arg(&project.folder).arg("many");
            command.arg(warm_up.to_string()).arg(count.to_string());
            Ok(command)
        };
        measure::done(&mut hits(Profile::Release, 1, 1)?)?;
        for _ in 0..stage.rounds {
            for (profile, place) in Profile::ALL.into_iter().zip(number * 2..) {
                let printed = measure::done(&mut hits(profile, 1_000, HITS)?)?.stdout;
                rows[place].samples.push(String::from_utf8(printed)?.trim().parse()?);
            }
        }
        let (few, many) = (hits(Profile::Release, 1, TRACED)?, hits(Profile::Release, 1, 2 * TRACED)?);
        calls.push(system_calls(stage, &format!("{files} file(s)"), &few, &many)?);
    }
    let title = "A hit in process, from the request to the end of its lease".to_owned();
    let speed = Table { title, unit: "µs", rows, aim: "≤ 10 µs" };
    let title = "System calls of a hit in process".to_owned();
    Ok(vec![speed, Table { title, unit: "calls", rows: calls, aim: "as many for any size of file" }])
}

/// What `many` calls more often than `few`, per hit that it has more.
fn system_calls(stage: &Stage, name: &str, few: &Command, many: &Command) -> Outcome<Row> {
    let (few, many) = (count(stage, few)?, count(stage, many)?);
    let mut more: Vec<(f64, &str)> = many
        .iter()
        .map(|(call, count)| ((count - few.get(call).unwrap_or(&0.0)) / f64::from(TRACED), call.as_str()))
        .filter(|(count, _)| *count > 0.01)
        .collect();
    more.sort_by(|one, other| other.0.total_cmp(&one.0));
    let sum = more.iter().map(|(count, _)| count).sum();
    let note = more.iter().map(|(count, call)| format!("{call} {count:.1}")).collect::<Vec<_>>().join(", ");
    Ok(Row { samples: vec![sum], note, ..Row::new(name) })
}

fn count(stage: &Stage, command: &Command) -> Outcome<BTreeMap<String, f64>> {
    let report = stage.folder.join("strace.txt");
    let mut traced = stage.command("strace");
    traced.args(["-f", "-c", "-U", "name,calls", "-o"]).arg(&report);
    traced.arg(command.get_program()).args(command.get_args());
    traced.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    measure::done(&mut traced)?;
    let report = std::fs::read_to_string(report)?;
    let pairs = report.lines().filter_map(|line| line.split_whitespace().collect::<Vec<_>>().try_into().ok());
    let calls = pairs.filter_map(|[name, calls]: [&str; 2]| Some((name.to_owned(), calls.parse().ok()?)));
    Ok(calls.filter(|(name, _)| name != "total").collect())
}
