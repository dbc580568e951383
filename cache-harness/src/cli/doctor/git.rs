//! What git says about paths; nothing outside a work tree, or where there is no git.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether a path in `folder` is merged by keeping the lines of both sides; `None` if git does not say.
pub(super) fn merges_by_union(folder: &Path, name: &OsStr) -> Option<bool> {
    let mut command = git(folder);
    let output = command.args(["check-attr", "merge", "--"]).arg(name).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().ends_with(": merge: union"))
}

/// Whether git leaves `path` out; `None` if it is in no work tree.
pub(super) fn ignores(folder: &Path, path: &Path) -> Option<bool> {
    let mut command = git(folder);
    match command.args(["check-ignore", "--quiet", "--"]).arg(path).status().ok()?.code() {
        Some(0) => Some(true),
        Some(1) => Some(false),
        _ => None,
    }
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}
