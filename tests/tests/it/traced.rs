//! What a command asks of the kernel, told by strace.

use std::process::{Command, Stdio};

use crate::project::{Ended, Project, left_out};

/// The system calls of a command, of all its threads and children.
pub(crate) struct Traced {
    pub(crate) ended: Ended,
    pub(crate) calls: Vec<String>,
}

/// Whether strace is here and may trace; if not, says what is left out.
pub(crate) fn can_trace(claim: &str) -> bool {
    let mut probe = Command::new("strace");
    probe.args(["-o", "/dev/null", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    let can = probe.status().is_ok_and(|status| status.success());
    if !can {
        left_out(claim, "strace is missing or not permitted");
    }
    can
}

impl Traced {
    /// Runs `cache-harness` with these arguments; `filter` is strace's, such as `%network`.
    pub(crate) fn run(project: &Project, filter: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut strace = project.program("strace");
        // A file per thread, so that no call is told in two halves; descriptors come with their paths.
        strace.args([
            "-ff",
            "--seccomp-bpf",
            "-y",
            "-qq",
            "-s0",
            "-e",
            "signal=none",
            "-e",
            &format!("trace={filter}"),
            "-o",
        ]);
        strace.arg(folder.path().join("thread")).arg(env!("CARGO_BIN_EXE_cache-harness-cli")).args(arguments);
        let ended = Ended::of(&strace.output().unwrap());
        let read = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        let threads = folder.path().read_dir().unwrap().map(|entry| read(entry.unwrap().path()));
        Self { ended, calls: threads.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect() }
    }

    /// Bytes read from files whose path contains `part`.
    pub(crate) fn bytes_read(&self, part: &str) -> u64 {
        let reads = |call: &&String| {
            ["read(", "pread64(", "readv(", "sendfile(", "copy_file_range("].iter().any(|name| call.starts_with(name))
        };
        let from = self.calls.iter().filter(reads).filter(|call| call.contains(part));
        from.filter_map(|call| call.rsplit_once("= ")?.1.split(' ').next()?.parse::<u64>().ok()).sum()
    }
}
