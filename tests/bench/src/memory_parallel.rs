//! The most memory that a fetch takes, of a process that asks the library, by size and connections.
//!
//! Eight connections are given a reason: a line of 50 MB/s for each. One has nginx without a line between.

use crate::nginx::Nginx;
use crate::project::{Connections, Project};
use crate::proxy::{Line, Proxy};
use crate::stage::{Effort, Profile, Stage};
use crate::table::{Row, Table};
use crate::{Outcome, measure};

pub(crate) fn measure(stage: &Stage) -> Outcome<Vec<Table>> {
    let sizes: &[u64] = if stage.effort == Effort::Full { &[100, 1024, 4096] } else { &[100, 1024] };
    let mut rows = Vec::new();
    for mebibytes in sizes {
        let nginx = Nginx::with_file(stage, *mebibytes)?;
        let mut proxy = Proxy::start(stage, &nginx, Line { rate: 50_000_000, delay: 0 })?;
        for profile in Profile::ALL {
            for connections in [Connections::AtMost(1), Connections::AtMost(8)] {
                let single = matches!(connections, Connections::AtMost(1));
                let url = format!("{}/big.bin", if single { &nginx.endpoint } else { &proxy.endpoint });
                let project = Project::of_url(stage, "memory-parallel", &url, &nginx.sha256, connections)?;
                let test = project.test(stage, profile, "big")?;
                let mut row = Row::new(format!("{mebibytes} MiB, {}{}", profile.label(), connections.label()));
                for _ in 0..stage.rounds {
                    project.empty()?;
                    row.samples.push(measure::cost(&test, &stage.folder)?.peak_kib / 1024.0);
                }
                project.empty()?;
                if !single {
                    row.note = format!("connections at once: {}", proxy.traffic()?.connections);
                }
                rows.push(row);
            }
        }
    }
    let title = "Peak memory of a fetch".to_owned();
    Ok(vec![Table { title, unit: "MiB", rows, aim: "≤ 16 MiB at any size, with one and with eight connections" }])
}
