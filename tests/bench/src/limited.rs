//! A server that limits each connection: who uses several, and what it gains.
//!
//! The limit is the proxy's: nginx's `limit_rate` is one of each request, so that many small ones would evade it.

use crate::Outcome;
use crate::contestant::race;
use crate::download::Download;
use crate::nginx::Nginx;
use crate::project::Connections;
use crate::proxy::{Line, Proxy};
use crate::stage::{Effort, Profile, Stage};
use crate::table::Table;

/// Megabytes per second, mebibytes of the file, and what it takes to be run.
const RACES: [(u32, u64, Effort); 4] = [
    (10, 100, Effort::Usual),
    (50, 100, Effort::Usual),
    (50, 1024, Effort::Usual),
    // Those with one connection take 107 s each.
    (10, 1024, Effort::Full),
];

pub(crate) fn measure(stage: &Stage) -> Outcome<Vec<Table>> {
    let wanted = |(_, _, effort): &(u32, u64, Effort)| *effort == Effort::Usual || stage.effort == Effort::Full;
    RACES.into_iter().filter(wanted).map(|(rate, mebibytes, _)| limited(stage, rate, mebibytes)).collect()
}

fn limited(stage: &Stage, rate: u32, mebibytes: u64) -> Outcome<Table> {
    let nginx = Nginx::with_file(stage, mebibytes)?;
    let mut proxy = Proxy::start(stage, &nginx, Line { rate: rate * 1_000_000, delay: 0 })?;
    let endpoint = proxy.endpoint.clone();
    let download = Download { stage, endpoint: &endpoint, sha256: &nginx.sha256 };
    let mut contestants = vec![download.curl(), download.curl_and_sha256sum(), download.aria2(4), download.aria2(8)];
    for profile in Profile::ALL {
        for connections in [Connections::AtMost(4), Connections::AtMost(8), Connections::Default] {
            contestants.push(download.ours(profile, connections)?);
        }
    }
    contestants.extend([download.hf_hub()?, download.pooch()]);
    Ok(Table {
        title: format!("{mebibytes} MiB at {rate} MB/s for each connection, verified"),
        unit: "s",
        rows: race(stage, contestants, Some(&mut proxy))?,
        aim: "at 10 MB/s ≤ 0.22 × curl with four connections, ≤ 0.13 × with eight",
    })
}
