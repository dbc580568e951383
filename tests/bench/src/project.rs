//! A project that uses cache-harness: its catalog, its lock file, and the folders that it fills.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::stage::{Profile, Stage, remove};
use crate::{Outcome, measure};

/// How many connections ours may use for a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Connections {
    /// As many as it finds right.
    Default,
    AtMost(u32),
}

impl Connections {
    /// What a row's name says of it, at its end.
    pub(crate) fn label(self) -> String {
        match self {
            Self::Default => String::new(),
            Self::AtMost(1) => ", 1 connection".to_owned(),
            Self::AtMost(count) => format!(", {count} connections"),
        }
    }
}

/// A folder with a catalog; its cache and its providers' roots are below it.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) folder: PathBuf,
}

impl Project {
    /// A new project in a fresh folder of this name, whose catalog goes on with `models`.
    pub(crate) fn create(stage: &Stage, name: &str, models: &str) -> Outcome<Self> {
        let folder = stage.fresh(name)?;
        let catalog = format!(
            "[cache]\ndir = 'store'\nmax_size = '20GB'\nmin_free_disk = '0B'\n\
             [providers.directory]\nroot = 'directory'\n[providers.huggingface]\nroot = 'huggingface'\n{models}"
        );
        std::fs::write(folder.join("cache-harness.toml"), catalog)?;
        Ok(Self { folder })
    }

    /// One of one file that a server has.
    pub(crate) fn of_url(
        stage: &Stage,
        name: &str,
        url: &str,
        sha256: &str,
        connections: Connections,
    ) -> Outcome<Self> {
        let models = format!("[models.big]\nurls = ['{url}']\nsha256 = '{sha256}'\nprovider = 'directory'\n");
        let project = Self::create(stage, name, &models)?;
        if let Connections::AtMost(count) = connections {
            let path = project.folder.join("cache-harness.toml");
            let catalog = std::fs::read_to_string(&path)?;
            std::fs::write(&path, catalog.replacen("[cache]\n", &format!("[cache]\nconnections = {count}\n"), 1))?;
        }
        Ok(project)
    }

    /// `cache-harness restore MODEL` in this project.
    pub(crate) fn restore(&self, stage: &Stage, program: &Path, model: &str) -> Command {
        let mut command = stage.command(program);
        command.current_dir(&self.folder).env("XDG_STATE_HOME", self.folder.join("state"));
        command.args(["restore", model]);
        command
    }

    /// A process that asks the library for a model, as a test does.
    pub(crate) fn test(&self, stage: &Stage, profile: Profile, model: &str) -> Outcome<Command> {
        let mut command = stage.command(stage.program(profile, "hits")?);
        command.arg(&self.folder).args([model, "0", "1"]).env("XDG_STATE_HOME", self.folder.join("state"));
        Ok(command)
    }

    /// Back to nothing fetched.
    pub(crate) fn empty(&self) -> Outcome<()> {
        for name in ["store", "directory", "huggingface", "state"] {
            remove(&self.folder.join(name))?;
        }
        Ok(())
    }
}

/// Writes `count` files of 4 KiB, each different, to `folder/files`; returns their block of a lock file.
pub(crate) fn small_files(folder: &Path, model: &str, count: usize) -> Outcome<String> {
    let files = folder.join("files");
    std::fs::create_dir_all(&files)?;
    for number in 0..count {
        std::fs::write(files.join(format!("file-{number:04}.bin")), format!("{number:04}").repeat(1024))?;
    }
    let listed = measure::done(Command::new("sh").current_dir(&files).args(["-c", "openssl dgst -sha256 -r *"]))?;
    let mut lock = format!("version = 1\n[models.{model}]\nsource = 'path:files'\nfiles = [\n");
    for line in String::from_utf8(listed.stdout)?.lines() {
        let (digest, path) = line.split_once(" *").ok_or("openssl's list is not as expected")?;
        writeln!(lock, "  {{ path = '{path}', size = 4096, sha256 = '{digest}' }},")?;
    }
    lock.push_str("]\n");
    Ok(lock)
}

/// A file of `mebibytes` that no compression makes smaller, always the same; returns its digest.
pub(crate) fn big_file(stage: &Stage, path: &Path, mebibytes: u64) -> Outcome<String> {
    if path.metadata().map_or(0, |metadata| metadata.len()) != mebibytes << 20 {
        let (zeros, path) = ("0".repeat(32), path.display());
        let script = format!(
            "openssl enc -aes-128-ctr -K {zeros} -iv {zeros} -in /dev/zero 2>/dev/null | head -c {mebibytes}M > '{path}'"
        );
        measure::done(stage.command("sh").args(["-c", &script]))?;
    }
    let digest = measure::done(stage.command("openssl").args(["dgst", "-sha256", "-r"]).arg(path))?;
    Ok(String::from_utf8(digest.stdout)?.split_whitespace().next().unwrap_or_default().to_owned())
}
