//! Opens a session on a model by its address, which `ort` has in its own cache.
//!
//! Usage: session ADDRESS
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;

use ort::session::Session;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: session ADDRESS")?;
    let environment = ort::init().with_telemetry(false).build()?;
    let session = Session::builder(&environment)?.commit_from_url(address)?;
    println!("ort: a session with {} inputs", session.inputs().len());
    Ok(())
}
