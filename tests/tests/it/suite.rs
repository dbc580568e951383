//! The fifty annotated tests of `fifty.rs`, run by nextest in a project of the test's own.

use std::process::{Command, Stdio};

use crate::project::{Project, left_out};

/// Variables that belong to this test's own process: what cargo and nextest told it, and what would reach into the
/// project. With those of cargo, ring's build script would run again, and all that needs it be compiled again.
const FOREIGN: &[&str] = &[
    "CACHE_HARNESS_",
    "HF_",
    "NEXTEST",
    "CARGO_BIN_",
    "CARGO_CRATE_",
    "CARGO_MANIFEST_",
    "CARGO_NET_OFFLINE",
    "CARGO_PKG_",
    "CARGO_PRIMARY_",
    "CARGO_TARGET_TMPDIR",
    "OUT_DIR",
];

/// `cargo nextest run` of the suite `fifty` with this project's catalog, server and home; none if there is no nextest.
///
/// The packages are those that a bare `cargo test` builds, so that nothing is compiled again.
pub(crate) fn nextest(project: &Project) -> Option<Command> {
    let cargo = || {
        let mut cargo = Command::new(env!("CARGO"));
        let foreign = |name: &str| FOREIGN.iter().any(|start| name.starts_with(start));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(foreign)) {
            cargo.env_remove(name);
        }
        cargo.arg("nextest").stdin(Stdio::null()).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        cargo
    };
    if !cargo().arg("--version").output().is_ok_and(|output| output.status.success()) {
        left_out("a suite with a process per test", "cargo-nextest is not installed");
        return None;
    }
    let mut nextest = cargo();
    nextest.args(["run", "--no-fail-fast", "--color=never", "--test=fifty"]);
    nextest.args(["-p=cache-harness", "-p=cache-harness-macros", "-p=tests"]);
    // The toolchain may live in the outer home; whatever this project's commands see besides comes along.
    let home = std::env::var_os("HOME").unwrap_or_default();
    let program = project.program("unused");
    let inner = program.get_envs().filter_map(|(name, value)| Some((name, value?)));
    nextest.envs(inner).env("HOME", home).env_remove("CACHE_HARNESS_RUN");
    nextest.env("CACHE_HARNESS_CONFIG", project.dir().join("cache-harness.toml"));
    Some(nextest)
}
