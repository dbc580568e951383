//! A cold fetch of 1 GiB with verification, from nginx on loopback, and the memory it takes at other sizes.
//!
//! Ours ends with the file on the disk (`fsync`), a peer's file may still be in memory; so curl is also
//! measured with `sync` after it.

use crate::contestant::race;
use crate::download::Download;
use crate::nginx::Nginx;
use crate::project::{Connections, Project};
use crate::stage::{Effort, Profile, Stage};
use crate::table::{Row, Table};
use crate::{Outcome, measure};

const MEBIBYTES: u64 = 1024;

pub(crate) fn measure(stage: &Stage) -> Outcome<Vec<Table>> {
    let nginx = Nginx::with_file(stage, MEBIBYTES)?;
    let download = Download { stage, endpoint: &nginx.endpoint, sha256: &nginx.sha256 };
    let mut contestants = vec![download.curl(), download.curl_and_sync(), download.curl_and_openssl()];
    for profile in Profile::ALL {
        contestants.push(download.ours(profile, Connections::Default)?);
    }
    contestants.extend([download.hf_hub()?, download.cacache()?, download.pooch()]);
    let speed = Table {
        title: "Cold fetch and verification of 1 GiB".to_owned(),
        unit: "s",
        rows: race(stage, contestants, None)?,
        aim: "≤ 1.25 × curl optimised, ≤ 1.6 × unoptimised",
    };
    Ok(vec![speed, memory(stage)?])
}

/// Of a process that asks the library, as a test does; the program has more pages of its own.
fn memory(stage: &Stage) -> Outcome<Table> {
    let sizes: &[u64] = if stage.effort == Effort::Full { &[1, 100, MEBIBYTES, 4096] } else { &[1, 100, MEBIBYTES] };
    let mut rows = Vec::new();
    for size in sizes {
        let nginx = Nginx::with_file(stage, *size)?;
        let url = format!("{}/big.bin", nginx.endpoint);
        for profile in Profile::ALL {
            let project = Project::of_url(stage, "cold-memory", &url, &nginx.sha256, Connections::Default)?;
            let cost = measure::cost(&project.test(stage, profile, "big")?, &stage.folder)?;
            project.empty()?;
            let name = format!("{size} MiB, {}", profile.label());
            rows.push(Row { samples: vec![cost.peak_kib / 1024.0], ..Row::new(name) });
        }
    }
    let title = "Peak memory of a cold fetch".to_owned();
    Ok(Table { title, unit: "MiB", rows, aim: "≤ 16 MiB at any size" })
}
