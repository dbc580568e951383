//! 1 GiB from nginx on loopback with nothing between, where one connection is as fast as the machine:
//! several must not cost anything.

use crate::Outcome;
use crate::contestant::race;
use crate::download::Download;
use crate::nginx::Nginx;
use crate::project::Connections;
use crate::stage::{Profile, Stage};
use crate::table::Table;

const CONNECTIONS: [Connections; 3] = [Connections::AtMost(1), Connections::Default, Connections::AtMost(8)];

pub(crate) fn measure(stage: &Stage) -> Outcome<Vec<Table>> {
    let nginx = Nginx::with_file(stage, 1024)?;
    let download = Download { stage, endpoint: &nginx.endpoint, sha256: &nginx.sha256 };
    let mut contestants = Vec::new();
    for profile in Profile::ALL {
        for connections in CONNECTIONS {
            contestants.push(download.ours(profile, connections)?);
        }
    }
    contestants.push(download.curl());
    // One race; then a table for each build, whose base is its own single stream.
    let rows = race(stage, contestants, None)?;
    let (ours, curl) = rows.split_at(Profile::ALL.len() * CONNECTIONS.len());
    let table = |(profile, ours): (Profile, &[_])| Table {
        title: format!("1 GiB from loopback, {}, verified", profile.label()),
        unit: "s",
        rows: [ours, curl].concat(),
        aim: "≤ 1.05 × the single stream",
    };
    Ok(Profile::ALL.into_iter().zip(ours.chunks(CONNECTIONS.len())).map(table).collect())
}
