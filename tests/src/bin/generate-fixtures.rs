//! Writes `fixtures/`, or with `--check` exits with 1 if the files there are not what it would write.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a program for the terminal")]

use std::process::ExitCode;

use tests::fixtures;

fn main() -> std::io::Result<ExitCode> {
    let (files, directory) = (fixtures::generate(), fixtures::directory());
    match std::env::args().nth(1).as_deref() {
        None => {
            fixtures::write(&files, &directory)?;
            let bytes: usize = files.values().map(Vec::len).sum();
            println!("wrote {} files, {bytes} bytes", files.len());
        }
        Some("--check") => {
            let differences = fixtures::differences(&files, &directory)?;
            if !differences.is_empty() {
                eprintln!("{}\nhint: cargo run -p tests --bin generate-fixtures", differences.join("\n"));
                return Ok(ExitCode::FAILURE);
            }
        }
        Some(other) => {
            eprintln!("unknown argument `{other}`\nhint: --check, or nothing");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
