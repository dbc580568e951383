//! A server 50 ms away: what asking for parts costs there, and what several connections gain.
//!
//! The proxy delays and does nothing else: no loss, no slow start.

use crate::Outcome;
use crate::contestant::race;
use crate::download::Download;
use crate::nginx::Nginx;
use crate::project::Connections;
use crate::proxy::{Line, Proxy};
use crate::stage::{Effort, Profile, Stage};
use crate::table::Table;

/// Each way, in milliseconds.
const DELAY: u32 = 25;

pub(crate) fn measure(stage: &Stage) -> Outcome<Vec<Table>> {
    let sizes: &[u64] = if stage.effort == Effort::Full { &[100, 1024] } else { &[100] };
    let races = sizes.iter().flat_map(|mebibytes| [(0, *mebibytes), (50, *mebibytes)]);
    races.map(|(rate, mebibytes)| latent(stage, rate, mebibytes)).collect()
}

fn latent(stage: &Stage, rate: u32, mebibytes: u64) -> Outcome<Table> {
    let nginx = Nginx::with_file(stage, mebibytes)?;
    let mut proxy = Proxy::start(stage, &nginx, Line { rate: rate * 1_000_000, delay: DELAY })?;
    let endpoint = proxy.endpoint.clone();
    let download = Download { stage, endpoint: &endpoint, sha256: &nginx.sha256 };
    let mut contestants = vec![download.curl(), download.curl_and_sha256sum(), download.aria2(8)];
    for profile in Profile::ALL {
        for connections in [Connections::AtMost(1), Connections::AtMost(8), Connections::Default] {
            contestants.push(download.ours(profile, connections)?);
        }
    }
    let limit = if rate == 0 { "no limit".to_owned() } else { format!("{rate} MB/s for each connection") };
    Ok(Table {
        title: format!("{mebibytes} MiB from {} ms away, {limit}, verified", 2 * DELAY),
        unit: "s",
        rows: race(stage, contestants, Some(&mut proxy))?,
        aim: "no slower than aria2c",
    })
}
