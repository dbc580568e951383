//! Takes the named models into use, says so, and keeps them until its stdin ends: a test that runs.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let names: Vec<_> = std::env::args().skip(1).collect();
    let held = cache_harness::Cache::open(".".as_ref())
        .and_then(|cache| names.iter().map(|name| cache.get(name)).collect::<Result<Vec<_>, _>>());
    let mut stdout = std::io::stdout();
    let held = match held {
        Ok(held) => held,
        Err(error) => {
            let _ = writeln!(stdout, "failed: {}", error.report());
            return ExitCode::FAILURE;
        }
    };
    let _ = writeln!(stdout, "held").and_then(|()| stdout.flush());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    drop(held);
    ExitCode::SUCCESS
}
