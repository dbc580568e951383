//! What the annotation adds to a trivial test, under `cargo test` and under nextest.

use std::fmt::Write as _;
use std::process::Command;

use crate::project::{self, Project};
use crate::stage::Stage;
use crate::table::{Row, Table};
use crate::{Outcome, measure};

const TESTS: u32 = 1_000;
const TESTS_OF_NEXTEST: u32 = 200;

pub(crate) fn measure(stage: &Stage) -> Outcome<Vec<Table>> {
    let project = package(stage)?;
    let cargo = |arguments: &[&str]| {
        let mut command = stage.cargo(&project.folder);
        command.env("CARGO_TARGET_DIR", stage.folder.join("tests-target")).args(arguments);
        command
    };
    measure::done(&mut cargo(&["test", "--no-run"]))?;
    measure::done(&mut cargo(&["test", "--test", "annotated"]))?;
    let mut tables = Vec::new();
    for (title, count, arguments) in [
        ("cargo test", TESTS, &["test", "--quiet", "--test", "NAME"][..]),
        ("cargo test, one thread", TESTS, &["test", "--quiet", "--test", "NAME", "--", "--test-threads=1"]),
        ("cargo nextest run", TESTS_OF_NEXTEST, &["nextest", "run", "--test", "NAME", "test_00", "test_01"]),
    ] {
        let of =
            |name: &str| cargo(&arguments.iter().map(|of| if *of == "NAME" { name } else { of }).collect::<Vec<_>>());
        tables.push(compared(stage, title, count, of("plain"), of("annotated"))?);
    }
    Ok(tables)
}

fn compared(stage: &Stage, title: &str, count: u32, mut plain: Command, mut annotated: Command) -> Outcome<Table> {
    let mut rows = [Row::new("without the annotation"), Row::new("with it"), Row::new("difference")];
    for _ in 0..stage.rounds {
        let [without, with] = [measure::seconds(&mut plain)?, measure::seconds(&mut annotated)?];
        for (row, seconds) in rows.iter_mut().zip([without, with, with - without]) {
            row.samples.push(seconds * 1e6 / f64::from(count));
        }
    }
    let title = format!("{count} trivial tests under {title}");
    Ok(Table { title, unit: "µs a test", rows: rows.into(), aim: "difference ≤ 50 µs a test under cargo test" })
}

/// A package with the same tests twice.
fn package(stage: &Stage) -> Outcome<Project> {
    let project = Project::create(stage, "tests", "[models.tiny]\npath = 'files'\nprovider = 'directory'\n")?;
    let folder = &project.folder;
    std::fs::write(folder.join("cache-harness.lock"), project::small_files(folder, "tiny", 1)?)?;
    let manifest = format!(
        "[package]\nname = 'many-tests'\nversion = '0.0.0'\nedition = '2024'\n[workspace]\n\
         [dev-dependencies]\ncache-harness = {{ path = '{}' }}\n",
        stage.repository.join("cache-harness").display()
    );
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    // The versions that this repository builds with.
    std::fs::copy(stage.repository.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    std::fs::create_dir_all(folder.join("src"))?;
    std::fs::create_dir_all(folder.join("tests"))?;
    std::fs::write(folder.join("src/lib.rs"), "")?;
    let mut plain = String::new();
    let mut annotated = "use cache_harness::cached_model;\n".to_owned();
    for number in 0..TESTS {
        writeln!(plain, "#[test]\nfn test_{number:04}() {{}}")?;
        writeln!(annotated, "#[cached_model(\"tiny\")]\n#[test]\nfn test_{number:04}() {{}}")?;
    }
    std::fs::write(folder.join("tests/plain.rs"), plain)?;
    std::fs::write(folder.join("tests/annotated.rs"), annotated)?;
    Ok(project)
}
