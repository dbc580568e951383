//! A hit of a model of 1 GiB in a fresh process, against a process that asks for the file's size.

use std::process::Command;

use crate::nginx::Nginx;
use crate::project::{Connections, Project};
use crate::stage::{Profile, Stage, remove};
use crate::table::{Row, Table};
use crate::{Outcome, measure};

const ROUNDS: usize = 200;
/// Python needs so long to start that more rounds tell nothing more.
const ROUNDS_OF_PYTHON: usize = 20;

pub(crate) fn measure(stage: &Stage) -> Outcome<Vec<Table>> {
    let nginx = Nginx::with_file(stage, 1024)?;
    let url = format!("{}/big.bin", nginx.endpoint);
    let project = Project::of_url(stage, "hit-ours", &url, &nginx.sha256, Connections::Default)?;
    let (folder, hub) = (stage.fresh("hit-pooch")?, stage.fresh("hit-hub")?);

    let mut all: Vec<(Row, Command)> = Vec::new();
    let mut stat = stage.command(stage.program(Profile::Release, "bare-stat")?);
    stat.arg(project.folder.join("directory/big/big.bin"));
    all.push((Row::new("a bare stat"), stat));
    for profile in Profile::ALL {
        let restore = project.restore(stage, &stage.harness(profile)?, "big");
        let test = project.test(stage, profile, "big")?;
        all.push((Row::new(format!("ours, Cache::get in a process, {}", profile.label())), test));
        all.push((Row::new(format!("ours, cache-harness restore, {}", profile.label())), restore));
    }
    let mut local = stage.command(stage.peer()?);
    local.args(["hf-hub", "local"]).arg(&hub);
    all.push((Row::new("hf-hub 1.0, local files only (checks nothing)"), local));
    let mut pooch = stage.pooch();
    pooch.arg(&url).arg(&nginx.sha256).arg(&folder);
    all.push((Row::new("pooch 1.9 (hashes)"), pooch));

    // What the hits will find.
    measure::done(&mut project.restore(stage, &stage.harness(Profile::Release)?, "big"))?;
    measure::done(stage.command(stage.peer()?).args(["hf-hub", "fetch"]).arg(&hub).arg(&nginx.endpoint))?;
    for round in 0..ROUNDS {
        // A project has one run for many tests; here every process is a run, and they would pile up.
        remove(&project.folder.join("state"))?;
        let slow = all.len() - 1;
        for (number, (row, command)) in all.iter_mut().enumerate() {
            if number < slow || round % (ROUNDS / ROUNDS_OF_PYTHON) == 0 {
                row.samples.push(measure::seconds(command)? * 1e3);
            }
        }
    }
    let title = "A hit of 1 GiB in a fresh process".to_owned();
    let rows = all.into_iter().map(|(row, _)| row).collect();
    Ok(vec![Table { title, unit: "ms", rows, aim: "≤ 2 × the stat" }])
}
