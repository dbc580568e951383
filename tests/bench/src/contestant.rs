//! A program in its turn, what it leaves behind, and the rounds in which everybody has a turn.

use std::path::PathBuf;
use std::process::Command;

use crate::project::Project;
use crate::proxy::{Proxy, Traffic};
use crate::stage::{Stage, remove};
use crate::table::Row;
use crate::{Outcome, measure};

#[derive(Debug)]
pub(crate) struct Contestant {
    row: Row,
    command: Command,
    leaves: Leaves,
    costs: Vec<measure::Cost>,
    traffic: Vec<Traffic>,
}

#[derive(Debug)]
pub(crate) enum Leaves {
    Path(PathBuf),
    Project(Project),
}

impl Contestant {
    pub(crate) fn new(name: impl Into<String>, command: Command, leaves: Leaves) -> Self {
        Self { row: Row::new(name), command, leaves, costs: Vec::new(), traffic: Vec::new() }
    }

    fn run(&mut self, stage: &Stage, proxy: Option<&mut Proxy>) -> Outcome<()> {
        self.clear()?;
        if let Leaves::Path(path) = &self.leaves {
            std::fs::create_dir_all(path)?;
        }
        measure::sync()?;
        let cost = measure::cost(&self.command, &stage.folder)?;
        if let Some(proxy) = proxy {
            self.traffic.push(proxy.traffic()?);
        }
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
        let cost = format!("{:.2} s CPU, {peak:.1} MiB", cpu.median());
        let most = |of: fn(&Traffic) -> u64| self.traffic.iter().map(of).max();
        let note = match (most(|came| came.connections), most(|came| came.bytes)) {
            (Some(connections), Some(bytes)) => {
                format!("{cost}; connections at once: {connections}, MiB that came: {}", bytes >> 20)
            }
            _ => cost,
        };
        Row { note, ..self.row }
    }
}

/// Everybody in turn, round by round, back and forth, so that nobody is always after the same one.
/// The proxy is the line that they all use, if it is one whose traffic counts.
pub(crate) fn race(
    stage: &Stage,
    mut contestants: Vec<Contestant>,
    mut proxy: Option<&mut Proxy>,
) -> Outcome<Vec<Row>> {
    if let Some(proxy) = &mut proxy {
        proxy.traffic()?;
    }
    for round in 0..stage.rounds {
        let mut turns: Vec<_> = contestants.iter_mut().collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for contestant in turns {
            contestant.run(stage, proxy.as_deref_mut())?;
        }
    }
    Ok(contestants.into_iter().map(Contestant::row).collect())
}
