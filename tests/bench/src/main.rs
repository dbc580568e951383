//! Measures cache-harness beside its peers, in one run on one machine; `tests/bench/run` starts it.
//!
//! Rounds are interleaved, so that what else the machine does hits everybody alike. Nothing is asserted:
//! a time is no claim that a test could hold us to.
#![expect(clippy::disallowed_methods, reason = "the driver prepares folders and environments; it is no library")]

mod clean_build;
mod cold;
mod contestant;
mod download;
mod history;
mod hit;
mod hit_in_process;
mod latent;
mod limited;
mod loopback;
mod many_files;
mod many_tests;
mod measure;
mod memory_parallel;
mod nginx;
mod project;
mod proxy;
mod stage;
mod table;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use stage::{Effort, Stage};
use table::Table;

type Outcome<T> = Result<T, Box<dyn Error>>;
type Section = fn(&Stage) -> Outcome<Vec<Table>>;

const SECTIONS: [(&str, Section); 11] = [
    ("cold", cold::measure),
    ("limited", limited::measure),
    ("latent", latent::measure),
    ("loopback", loopback::measure),
    ("memory-parallel", memory_parallel::measure),
    ("hit", hit::measure),
    ("hit-in-process", hit_in_process::measure),
    ("restore-1000", many_files::measure),
    ("tests-1000", many_tests::measure),
    ("history", history::measure),
    ("build", clean_build::measure),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let (mut effort, mut rounds, mut wanted) = (Effort::Usual, 5, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--full" => effort = Effort::Full,
            "--rounds" => rounds = arguments.next().ok_or("--rounds needs a number")?.parse()?,
            name if SECTIONS.iter().any(|(section, _)| *section == name) => wanted.push(argument),
            other => {
                let known = SECTIONS.map(|(section, _)| section).join(", ");
                return Err(format!("`{other}` is no section: {known}").into());
            }
        }
    }
    let stage = Stage::open(effort, rounds)?;
    let mut results = serde_json::Map::new();
    for (name, section) in SECTIONS {
        if !wanted.is_empty() && !wanted.iter().any(|want| want == name) {
            continue;
        }
        let tables = section(&stage).map_err(|error| format!("{name}: {error}"))?;
        for table in &tables {
            writeln!(std::io::stdout(), "{table}")?;
        }
        results.insert(name.to_owned(), tables.iter().map(Table::json).collect());
        // After each section, so that a later one that fails loses nothing.
        std::fs::write(stage.folder.join("results.json"), serde_json::to_string_pretty(&results)?)?;
    }
    Ok(())
}
