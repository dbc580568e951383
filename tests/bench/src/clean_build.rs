//! What a dependency costs to build from nothing, unoptimised: processor seconds and crates.

use crate::stage::{Stage, remove};
use crate::table::{Row, Table};
use crate::{Outcome, measure};

/// A clean build takes minutes and varies little.
const ROUNDS: usize = 2;

pub(crate) fn measure(stage: &Stage) -> Outcome<Vec<Table>> {
    let ours = format!("{{ path = '{}' }}", stage.repository.join("cache-harness").display());
    let mut all = Vec::new();
    for (name, requirement) in [("hf-hub", "'1.0'"), ("cached-path", "'0.10'"), ("cache-harness", ours.as_str())] {
        let folder = stage.fresh(&format!("build-{name}"))?;
        let manifest = format!(
            "[package]\nname = 'empty'\nversion = '0.0.0'\nedition = '2024'\n[workspace]\n\
             [dependencies]\n{name} = {requirement}\n"
        );
        std::fs::create_dir_all(folder.join("src"))?;
        std::fs::write(folder.join("Cargo.toml"), manifest)?;
        std::fs::write(folder.join("src/lib.rs"), "")?;
        measure::done(stage.cargo(&folder).arg("fetch"))?;
        all.push((Row::new(name), folder));
    }
    for _ in 0..ROUNDS {
        for (row, folder) in &mut all {
            let target = folder.join("target");
            remove(&target)?;
            let mut build = stage.cargo(folder);
            build.env("CARGO_TARGET_DIR", &target).args(["build", "--offline"]);
            row.samples.push(measure::cost(&build, &stage.folder)?.cpu_seconds);
            remove(&target)?;
        }
    }
    for (row, folder) in &mut all {
        let mut tree = stage.cargo(folder);
        tree.args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--no-dedupe"]);
        let listed = String::from_utf8(measure::done(&mut tree)?.stdout)?;
        let mut crates: Vec<_> = listed.lines().filter(|line| !line.starts_with("empty ")).collect();
        crates.sort_unstable();
        crates.dedup();
        row.note = format!("{} crates", crates.len());
    }
    let title = "A clean unoptimised build of the dependency".to_owned();
    let rows = all.into_iter().map(|(row, _)| row).collect();
    Ok(vec![Table { title, unit: "CPU s", rows, aim: "≤ 0.4 × hf-hub" }])
}
