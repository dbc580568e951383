//! What the disk holds: counted as `du` counts, and hashed without asking the cache.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use cache_harness::Sha256Digest;
use serde_json::Value;

use crate::project::Project;

/// Everything below `folder`, itself included; links are not followed, and what vanishes meanwhile is left out.
pub(crate) fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let Ok(metadata) = path.symlink_metadata() else { continue };
        if metadata.is_dir() {
            open.extend(path.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()));
        }
        found.push(path);
    }
    found
}

/// The caches of one user: the store and the folders of all consumers.
fn caches(project: &Project) -> PathBuf {
    project.home().join(".cache")
}

/// Bytes that the store and the consumers' folders take together, each inode once, as `du -s` says it.
pub(crate) fn disk_usage(project: &Project) -> u64 {
    let mut seen = HashSet::new();
    let caches = caches(project);
    let below = walk(&caches).into_iter().filter(|path| *path != caches);
    let metadata = below.filter_map(|path| path.symlink_metadata().ok());
    metadata
        .filter(|metadata| seen.insert((metadata.dev(), metadata.ino())))
        .map(|metadata| metadata.blocks() * 512)
        .sum()
}

/// The digest of a file, wherever a link leads.
pub(crate) fn digest(path: &Path) -> String {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Sha256Digest::of_reader(file).unwrap().0.to_string()
}

/// The blobs of the store; each must hold the bytes of its name.
#[track_caller]
pub(crate) fn assert_blobs_are_right(project: &Project) {
    for path in walk(&project.cache().join("v1/blobs")).into_iter().filter(|path| path.is_file()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(digest(&path), name, "a blob with other bytes than its name says");
    }
}

/// What stands in the consumers' folders, without folders.
pub(crate) fn placed(project: &Project) -> Vec<PathBuf> {
    let store = project.cache();
    walk(&caches(project)).into_iter().filter(|path| !path.starts_with(&store) && !path.is_dir()).collect()
}

/// What is in the consumers' folders at all.
pub(crate) fn consumers_folders(project: &Project) -> Vec<PathBuf> {
    let (caches, store) = (caches(project), project.cache());
    walk(&caches).into_iter().filter(|path| *path != caches && !path.starts_with(&store)).collect()
}

/// Temporary files in the consumers' folders.
pub(crate) fn leftovers(project: &Project) -> Vec<PathBuf> {
    let is_temporary = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(".tmp-") || name.starts_with(".cache-harness-")
    };
    placed(project).into_iter().filter(is_temporary).collect()
}

/// The records of the store's entries, by model.
pub(crate) fn record(project: &Project, model: &str) -> (PathBuf, Value) {
    let entries = walk(&project.cache().join("v1/entries"));
    let records = entries.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let read = |path: PathBuf| {
        let record: Value = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
        (record["model"] == model).then_some((path, record))
    };
    records.into_iter().find_map(read).unwrap_or_else(|| panic!("no record of `{model}`"))
}

/// The lease file of a model's entry.
pub(crate) fn lease(project: &Project, model: &str) -> PathBuf {
    let (path, _) = record(project, model);
    project.cache().join("v1/leases").join(path.file_stem().unwrap())
}

/// A process that has models in use until it is released.
pub(crate) struct Holder(Child);

impl Holder {
    /// Starts a process that takes the models into use, and waits until it has them.
    pub(crate) fn hold(project: &Project, models: &[&str]) -> Self {
        Self::try_hold(project, models).unwrap_or_else(|failed| panic!("{models:?}: {failed}"))
    }

    /// The same; says why it could not have them.
    pub(crate) fn try_hold(project: &Project, models: &[&str]) -> Result<Self, String> {
        let mut holder = Self::start(project, models);
        holder.wait_until_held().map(|()| holder)
    }

    /// Starts the process only.
    pub(crate) fn start(project: &Project, models: &[&str]) -> Self {
        let mut command = project.program(env!("CARGO_BIN_EXE_hold-model"));
        command.args(models).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    pub(crate) fn wait_until_held(&mut self) -> Result<(), String> {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        if line == "held\n" { Ok(()) } else { Err(line) }
    }

    /// Lets the models go and waits for the process to end.
    pub(crate) fn release(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
