//! The command line, as a binary that this crate's tests can start.

fn main() -> std::process::ExitCode {
    cache_harness::cli::main()
}
