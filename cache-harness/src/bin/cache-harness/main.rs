//! The program; what it does is in the library's `cli`.

fn main() -> std::process::ExitCode {
    cache_harness::cli::main()
}
