//! Asks for models from many threads of one process at once: `many-threads COUNT NAME…`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for tests to start and read")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Barrier;

use cache_harness::Cache;

/// Prints the outcome of each request; fails if one failed.
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(1);
    let names: Vec<String> = arguments.collect();
    let cache = match Cache::open(Path::new(".")) {
        Ok(cache) => cache,
        Err(error) => {
            eprintln!("{}", error.report());
            return ExitCode::FAILURE;
        }
    };
    let start = Barrier::new(count);
    let ask = || {
        start.wait();
        names.iter().try_for_each(|name| cache.get(name).map(|model| println!("{:?} {name}", model.outcome())))
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    let mut code = ExitCode::SUCCESS;
    for result in results {
        if let Err(error) = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
            eprintln!("{}", error.report());
            code = ExitCode::FAILURE;
        }
    }
    code
}
