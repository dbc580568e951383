//! Running a process and looking at the clock, the processor and the memory.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use crate::Outcome;

/// What one process cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    /// Of the process and all that it waited for.
    pub(crate) cpu_seconds: f64,
    /// The most memory that one of them had.
    pub(crate) peak_kib: f64,
}

/// Runs a process that has to succeed; returns what it printed.
pub(crate) fn done(command: &mut Command) -> Outcome<Output> {
    let output = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<_> = said.lines().rev().take(12).collect();
    let last: Vec<_> = last.into_iter().rev().collect();
    Err(format!("{command:?}: {}\n{}", output.status, last.join("\n")).into())
}

/// Seconds from starting a process to its end; what it prints is dropped.
pub(crate) fn seconds(command: &mut Command) -> Outcome<f64> {
    let started = Instant::now();
    done(command)?;
    Ok(started.elapsed().as_secs_f64())
}

/// The same with processor time and memory, as GNU time tells them: waiting for a child through the
/// standard library says neither. The driver is small, so its own pages do not count for the child.
pub(crate) fn cost(command: &Command, scratch: &Path) -> Outcome<Cost> {
    let report = scratch.join("time.txt");
    let mut timed = Command::new("/usr/bin/time");
    timed.arg("-o").arg(&report).args(["-f", "%U %S %M"]).arg(command.get_program()).args(command.get_args());
    timed.stdin(std::process::Stdio::null());
    if let Some(folder) = command.get_current_dir() {
        timed.current_dir(folder);
    }
    timed.env_clear();
    timed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let seconds = seconds(&mut timed)?;
    let report = std::fs::read_to_string(report)?;
    let mut numbers = report.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next().ok_or("GNU time told too little")?.map_err(|error| error.to_string());
    Ok(Cost { seconds, cpu_seconds: next()? + next()?, peak_kib: next()? })
}

/// Writes everything to the disk, so that no one pays for another's pages.
pub(crate) fn sync() -> Outcome<()> {
    done(&mut Command::new("sync")).map(drop)
}
