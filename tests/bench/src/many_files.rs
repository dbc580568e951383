//! Putting 1,000 small files back into a provider's folder, from a store that has them, against `cp -rl`.

use crate::project::{self, Project};
use crate::stage::{Profile, Stage};
use crate::table::{Row, Table};
use crate::{Outcome, measure};

const FILES: usize = 1_000;

pub(crate) fn measure(stage: &Stage) -> Outcome<Vec<Table>> {
    ["directory", "huggingface"].into_iter().map(|provider| restored(stage, provider)).collect()
}

fn restored(stage: &Stage, provider: &str) -> Outcome<Table> {
    let hub_id = if provider == "huggingface" { "hub_id = 'bench/many'\n" } else { "" };
    let models = format!("[models.many]\npath = 'files'\nprovider = '{provider}'\n{hub_id}");
    let project = Project::create(stage, "restore", &models)?;
    let mut lock = project::small_files(&project.folder, "many", FILES)?;
    if !hub_id.is_empty() {
        lock = lock.replace("files = [", "commit = '0123456789abcdef0123456789abcdef01234567'\nfiles = [");
    }
    std::fs::write(project.folder.join("cache-harness.lock"), lock)?;
    measure::done(&mut project.restore(stage, &stage.harness(Profile::Release)?, "many"))?;
    let (root, aside) = (project.folder.join(provider), project.folder.join("aside"));

    let mut copy = stage.command("cp");
    copy.arg("-rl").arg(&aside).arg(&root);
    let mut all = vec![(Row::new("cp -rl"), copy)];
    for profile in Profile::ALL {
        let restore = project.restore(stage, &stage.harness(profile)?, "many");
        all.push((Row::new(format!("ours, {}", profile.label())), restore));
    }
    for round in 0..stage.rounds {
        for (place, (row, command)) in all.iter_mut().enumerate() {
            // Renamed, and removed at the end of everything: ext4 is slow to make inodes where it just deleted some.
            if aside.exists() {
                std::fs::rename(&aside, project.folder.join(format!("aside-{round}-{place}")))?;
            }
            std::fs::rename(&root, &aside)?;
            // But its removal would have changed every inode, which costs ours a hash of each file; so does a link.
            let touched = project.folder.join(format!("links-{round}-{place}"));
            measure::done(stage.command("cp").arg("-rl").arg(&aside).arg(touched))?;
            measure::sync()?;
            row.samples.push(measure::seconds(command)?);
        }
    }
    let title = format!("Restoring {FILES} files of 4 KiB, provider {provider}");
    Ok(Table { title, unit: "s", rows: all.into_iter().map(|(row, _)| row).collect(), aim: "≤ 1.5 × cp -rl" })
}
