//! Finds files as hf-hub 0.4 does, the version before 1.0 that many crates still have.
//!
//! Usage: hub04 REPOSITORY REVISION FILE…
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::fs;

use hf_hub::api::sync::ApiBuilder;
use hf_hub::{Repo, RepoType};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: hub04 REPOSITORY REVISION FILE…");
    let repository = Repo::with_revision(next()?, RepoType::Model, next()?);
    let revision = repository.revision().to_owned();
    let api = ApiBuilder::from_env().with_progress(false).build()?.repo(repository);
    let mut bytes = 0;
    let mut count = 0;
    for file in arguments {
        // From the cache, else from the network.
        bytes += fs::metadata(api.get(&file)?)?.len();
        count += 1;
    }
    println!("hf-hub 0.4: {count} files at {revision}, {bytes} bytes");
    Ok(())
}
