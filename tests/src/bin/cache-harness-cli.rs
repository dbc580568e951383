//! The command line, built with this package so that its tests can start it as a process.
fn main() -> std::process::ExitCode {
    cache_harness::cli::main()
}
