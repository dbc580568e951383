//! A cold fetch of 1 GiB with verification, from nginx on loopback, and the memory it takes at other sizes.
//!
//! Ours ends with the file on the disk (`fsync`), a peer's file may still be in memory; so curl is also
//! measured with `sync` after it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::nginx::Nginx;
use crate::project::{self, Project};
use crate::stage::{Effort, Profile, Stage, remove};
use crate::table::{Row, Table};
use crate::{Outcome, measure};

const MEBIBYTES: u64 = 1024;

/// A program in its turn, and what it leaves behind.
struct Contestant {
    row: Row,
    command: Command,
    leaves: Leaves,
    costs: Vec<measure::Cost>,
}

enum Leaves {
    Path(PathBuf),
    Project(Project),
}

impl Contestant {
    fn run(&mut self, scratch: &Path) -> Outcome<()> {
        self.clear()?;
        if let Leaves::Path(path) = &self.leaves {
            std::fs::create_dir_all(path)?;
        }
        measure::sync()?;
        let cost = measure::cost(&self.command, scratch)?;
        self.row.samples.push(cost.seconds);
        self.costs.push(cost);
        self.clear()
    }

    fn clear(&self) -> Outcome<()> {
        match &self.leaves {
            Leaves::Path(path) => remove(path),
            Leaves::Project(project) => project.empty(),
        }
    }

    fn row(self) -> Row {
        let peak = self.costs.iter().map(|cost| cost.peak_kib).fold(0.0, f64::max) / 1024.0;
        let mut cpu = Row::new("");
        cpu.samples = self.costs.iter().map(|cost| cost.cpu_seconds).collect();
        Row { note: format!("{:.2} s CPU, {peak:.1} MiB", cpu.median()), ..self.row }
    }
}

pub(crate) fn measure(stage: &Stage) -> Outcome<Vec<Table>> {
    let served = stage.folder.join("served");
    std::fs::create_dir_all(&served)?;
    let sha256 = project::big_file(stage, &served.join("big.bin"), MEBIBYTES)?;
    let nginx = Nginx::start(stage, &served, &sha256)?;
    let mut contestants = contestants(stage, &nginx, &sha256)?;
    for round in 0..stage.rounds {
        if round % 2 == 1 {
            contestants.reverse();
        }
        for contestant in &mut contestants {
            contestant.run(&stage.folder)?;
        }
        if round % 2 == 1 {
            contestants.reverse();
        }
    }
    let speed = Table {
        title: "Cold fetch and verification of 1 GiB".to_owned(),
        unit: "s",
        rows: contestants.into_iter().map(Contestant::row).collect(),
        aim: "≤ 1.25 × curl optimised, ≤ 1.6 × unoptimised",
    };
    Ok(vec![speed, memory(stage, &served)?])
}

fn contestants(stage: &Stage, nginx: &Nginx, sha256: &str) -> Outcome<Vec<Contestant>> {
    let (endpoint, url) = (&nginx.endpoint, format!("{}/big.bin", nginx.endpoint));
    let mut all = Vec::new();
    let mut add = |name: &str, command: Command, leaves: Leaves| {
        all.push(Contestant { row: Row::new(name), command, leaves, costs: Vec::new() });
    };
    for (name, script) in [
        ("curl -o", "exec curl -s -o \"$0/big.bin\" \"$1\""),
        ("curl, then sync of the file", "curl -s -o \"$0/big.bin\" \"$1\" && sync \"$0/big.bin\""),
        ("curl, then openssl", "curl -s -o \"$0/big.bin\" \"$1\" && openssl dgst -sha256 \"$0/big.bin\""),
    ] {
        let folder = stage.folder.join("cold-curl");
        let mut command = stage.command("sh");
        command.args(["-c", script]).arg(&folder).arg(&url);
        add(name, command, Leaves::Path(folder));
    }
    for profile in Profile::ALL {
        let project = Project::of_url(stage, &format!("cold-ours-{}", profile.label()), &url, sha256)?;
        let command = project.restore(stage, &stage.harness(profile)?, "big");
        add(&format!("ours, {}", profile.label()), command, Leaves::Project(project));
    }
    let folder = stage.folder.join("cold-peer");
    let mut command = stage.command(stage.peer()?);
    command.args(["hf-hub", "fetch"]).arg(&folder).arg(endpoint);
    add("hf-hub 1.0 (checks nothing)", command, Leaves::Path(folder.clone()));
    let mut command = stage.command(stage.peer()?);
    command.arg("cacache").arg(&folder).arg(&url).arg(integrity(stage)?);
    add("cacache 13 over ureq", command, Leaves::Path(folder.clone()));
    let mut command = stage.pooch();
    command.arg(&url).arg(sha256).arg(&folder);
    add("pooch 1.9", command, Leaves::Path(folder));
    Ok(all)
}

/// The digest as cacache wants it.
fn integrity(stage: &Stage) -> Outcome<String> {
    let script = "openssl dgst -sha256 -binary served/big.bin | openssl base64 -A";
    let base64 = measure::done(stage.command("sh").args(["-c", script]))?;
    Ok(format!("sha256-{}", String::from_utf8(base64.stdout)?))
}

/// Of a process that asks the library, as a test does; the program has more pages of its own.
fn memory(stage: &Stage, served: &Path) -> Outcome<Table> {
    let sizes: &[u64] = if stage.effort == Effort::Full { &[1, 100, MEBIBYTES, 4096] } else { &[1, 100, MEBIBYTES] };
    let mut rows = Vec::new();
    for profile in Profile::ALL {
        for size in sizes {
            let name = if *size == MEBIBYTES { "big.bin".to_owned() } else { format!("{size}.bin") };
            let sha256 = project::big_file(stage, &served.join(&name), *size)?;
            let nginx = Nginx::start(stage, served, &sha256)?;
            let project = Project::of_url(stage, "cold-memory", &format!("{}/{name}", nginx.endpoint), &sha256)?;
            let mut command = stage.command(stage.program(profile, "hits")?);
            command.arg(&project.folder).args(["big", "0", "1"]).env("XDG_STATE_HOME", project.folder.join("state"));
            let cost = measure::cost(&command, &stage.folder)?;
            project.empty()?;
            let name = format!("{size} MiB, {}", profile.label());
            rows.push(Row { samples: vec![cost.peak_kib / 1024.0], ..Row::new(name) });
        }
    }
    let title = "Peak memory of a cold fetch".to_owned();
    Ok(Table { title, unit: "MiB", rows, aim: "≤ 16 MiB at any size" })
}
