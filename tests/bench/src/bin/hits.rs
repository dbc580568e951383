//! `hits FOLDER MODEL WARM_UP COUNT`: asks for a model again and again in one process, as tests do.
//!
//! Prints the microseconds that each hit of the last COUNT took, from the request to the end of its lease.
#![expect(clippy::print_stdout, reason = "the driver reads the number from there")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use cache_harness::Cache;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, model, warm_up, count] = arguments.as_slice() else {
        return Err("usage: hits FOLDER MODEL WARM_UP COUNT".into());
    };
    let (warm_up, count): (u32, u32) = (warm_up.parse()?, count.parse()?);
    let cache = Cache::open(Path::new(folder))?;
    for _ in 0..warm_up {
        drop(cache.get(model)?);
    }
    let started = Instant::now();
    for _ in 0..count {
        drop(cache.get(model)?);
    }
    println!("{}", started.elapsed().as_secs_f64() * 1e6 / f64::from(count.max(1)));
    Ok(())
}
