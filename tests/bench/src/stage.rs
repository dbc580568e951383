//! Where it happens: the folders, the built programs, and the clean environment that processes get.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::measure;

/// How long somebody is willing to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    Usual,
    /// Also what takes much time or disk.
    Full,
}

/// How our own code is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As `cargo test` does.
    Dev,
    Release,
}

impl Profile {
    pub(crate) const ALL: [Self; 2] = [Self::Release, Self::Dev];

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Dev => "unoptimised",
            Self::Release => "optimised",
        }
    }
}

/// The repository and the folder that everything is made in.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) repository: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) effort: Effort,
    pub(crate) rounds: usize,
}

impl Stage {
    pub(crate) fn open(effort: Effort, rounds: usize) -> Outcome<Self> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        let folder = repository.join("target/bench");
        std::fs::create_dir_all(&folder)?;
        Ok(Self { repository, folder, effort, rounds: rounds.max(1) })
    }

    /// An empty folder of this name.
    pub(crate) fn fresh(&self, name: &str) -> Outcome<PathBuf> {
        let folder = self.folder.join(name);
        remove(&folder)?;
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The `cache-harness` program, up to date.
    pub(crate) fn harness(&self, profile: Profile) -> Outcome<PathBuf> {
        self.build(profile, &["-p", "cache-harness", "--features", "cli", "--bin", "cache-harness"], "cache-harness")
    }

    /// A program of this package, up to date.
    pub(crate) fn program(&self, profile: Profile, name: &str) -> Outcome<PathBuf> {
        self.build(profile, &["-p", "bench", "--bin", name], name)
    }

    /// The program that holds our peers; always optimised.
    pub(crate) fn peer(&self) -> Outcome<PathBuf> {
        self.build(Profile::Release, &["-p", "bench", "--features", "peers", "--bin", "peer"], "peer")
    }

    /// The Python with pooch, and the program for it.
    pub(crate) fn pooch(&self) -> Command {
        let mut command = self.command(self.folder.join("python/bin/python"));
        command.arg(self.repository.join("tests/bench/pooch-retrieve.py"));
        command
    }

    fn build(&self, profile: Profile, arguments: &[&str], name: &str) -> Outcome<PathBuf> {
        let (flags, folder): (&[&str], _) = match profile {
            Profile::Dev => (&[], "debug"),
            Profile::Release => (&["--release"], "release"),
        };
        let mut cargo = self.cargo(&self.repository);
        measure::done(cargo.args(["build", "--quiet"]).args(flags).args(arguments))?;
        Ok(self.repository.join("target").join(folder).join(name))
    }

    /// Cargo in a folder, with the machine's own variables but none of a surrounding cargo.
    pub(crate) fn cargo(&self, folder: &Path) -> Command {
        let ours = ["CARGO", "RUSTFLAGS", "RUSTC_WRAPPER", "XDG_STATE_HOME"];
        let surrounding = |name: &str| {
            ours.contains(&name)
                || ["CARGO_PKG_", "CARGO_MANIFEST_", "CACHE_HARNESS_"].iter().any(|of| name.starts_with(of))
        };
        let mut command = Command::new("cargo");
        command.env_clear().stdin(Stdio::null()).current_dir(folder);
        command.envs(std::env::vars_os().filter(|(name, _)| !name.to_str().is_some_and(surrounding)));
        command.env("CARGO_TARGET_DIR", self.repository.join("target"));
        command.env("XDG_STATE_HOME", self.folder.join("state"));
        command
    }

    /// A process in which nothing of the user's own applies.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().stdin(Stdio::null()).current_dir(&self.folder);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.join("home")).env("XDG_STATE_HOME", self.folder.join("state"));
        command
    }
}

/// Removes a file or folder, if it is there.
pub(crate) fn remove(path: &Path) -> Outcome<()> {
    match path.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(metadata) if metadata.is_dir() => Ok(std::fs::remove_dir_all(path)?),
        Ok(_) => Ok(std::fs::remove_file(path)?),
    }
}
