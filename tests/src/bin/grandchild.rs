//! Takes the named models into use and prints the variables that the child of a child sees, started by `std` or `tokio`.

use std::error::Error;

use cache_harness::{Cache, CachedModel, ModelEnvs as _};

const SCRIPT: &str = "sh -c 'env'";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let by = arguments.next().unwrap_or_default();
    let cache = Cache::open(".".as_ref())?;
    let models = arguments.map(|name| cache.get(&name)).collect::<Result<Vec<CachedModel>, _>>()?;
    let succeeded = if by == "std" {
        let mut command = std::process::Command::new("sh");
        models.iter().fold(&mut command, |command, model| command.model_envs(model));
        command.args(["-c", SCRIPT]).status()?.success()
    } else {
        let mut command = tokio::process::Command::new("sh");
        models.iter().fold(&mut command, |command, model| command.model_envs(model));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { command.args(["-c", SCRIPT]).status().await })?.success()
    };
    if succeeded { Ok(()) } else { Err("the child failed".into()) }
}
