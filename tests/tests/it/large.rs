//! A large file whose download is killed again and again comes over the line once, and is hashed once.
//!
//! The ignored tests claim the same of a gibibyte: `cargo test -p tests --test it -- --ignored large`.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cache_harness::testkit::{Line, Server};

use crate::inspect::assert_blobs_are_right;
use crate::pinned::{Pinned, project};
use crate::project::{Ended, Project, left_out};
use crate::traced::{Traced, can_trace};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// What is lost at most when a process is killed, whatever the size of the file: what came out of order since the last
/// record. For a gibibyte it is one percent.
const COST_OF_A_KILL: u64 = GIB / 100;

/// How many bytes come at once.
#[derive(Debug, Clone, Copy)]
enum Lines {
    /// One connection.
    One,
    /// Eight connections, each of which is slow.
    Eight,
}

/// A project that lacks a large model.
struct Large {
    size: u64,
    _server: Server,
    model: Pinned,
    project: Project,
}

impl Large {
    fn new(size: u64, lines: Lines) -> Self {
        let server = Server::start().unwrap();
        let model = Pinned::weights("large", 1, size);
        // Slow enough for a kill to come in time.
        let (connections, line) = match lines {
            Lines::One => (1, Line { bytes_per_second: Some(64_000_000), ..Line::default() }),
            Lines::Eight => (8, Line { per_connection: Some(8_000_000), ..Line::default() }),
        };
        server.limit(line);
        let project =
            project(&format!("[cache]\nmax_size = \"4GiB\"\nconnections = {connections}"), &[&model], &server);
        Self { size, _server: server, model, project }
    }

    fn percent(&self, percent: u64) -> u64 {
        self.size * percent / 100
    }

    /// Starts a download, in a process group of its own.
    fn start(&self) -> Child {
        Self::in_a_group(self.project.command(&["restore", "large"]))
    }

    fn in_a_group(mut command: Command) -> Child {
        command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Waits until so many bytes have come to the processes of the group, and kills them all; says how many had come.
    fn kill_at(&self, mut leader: Child, percent: u64) -> u64 {
        let mut came = 0;
        while came < self.percent(percent) {
            assert_eq!(leader.try_wait().unwrap(), None, "it ended after {came} bytes");
            std::thread::sleep(Duration::from_millis(5));
            came = written_by(leader.id());
        }
        let killed = Command::new("kill").args(["-9", "--", &format!("-{}", leader.id())]).status().unwrap();
        assert!(killed.success());
        assert_eq!(leader.wait().unwrap().code(), None);
        came
    }

    /// Runs a download to its end; says how many bytes came.
    fn complete(&self) -> u64 {
        let report = self.project.json(&["restore", "large"]);
        assert_blobs_are_right(&self.project);
        report["models"][0]["fetched_bytes"].as_u64().unwrap_or_else(|| panic!("{report}"))
    }

    fn partial(&self) -> PathBuf {
        self.project.cache().join("v1/partial").join(format!("{}.part", self.model.digest(0)))
    }
}

/// What the processes of a group have written: the bytes of the file that came, and a few records. What the server
/// has sent would count what still waits in the buffers of the connections, which on a busy machine is a lot.
fn written_by(group: u32) -> u64 {
    let text = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let is_of_group = |process: &PathBuf| {
        let stat = text(process.join("stat"));
        let after_name = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        after_name.split(' ').nth(2) == Some(&group.to_string())
    };
    let written = |process: PathBuf| {
        let io = text(process.join("io"));
        io.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse::<u64>().ok()).unwrap_or(0)
    };
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    processes.filter(is_of_group).map(written).sum()
}

fn can_count() -> bool {
    let can = std::fs::read_to_string("/proc/self/io").is_ok_and(|io| io.contains("wchar: "));
    if !can {
        left_out("a killed download fetches the rest", "nothing here says what a process has written");
    }
    can
}

fn one_kill(size: u64, lines: Lines) {
    let large = Large::new(size, lines);
    large.kill_at(large.start(), 90);
    let came = large.complete();
    assert!(came <= large.percent(10) + COST_OF_A_KILL, "{came} of {size} bytes came again");
}

/// A run with a command that has two children, all of which want the model.
fn one_kill_of_a_group(size: u64, lines: Lines) {
    let large = Large::new(size, lines);
    let binary = env!("CARGO_BIN_EXE_cache-harness-cli");
    let script = format!("{binary} restore large & {binary} restore large & wait");
    let group = Large::in_a_group(large.project.command(&["run", "--", "sh", "-c", &script]));
    large.kill_at(group, 90);
    let came = large.complete();
    assert!(came <= large.percent(10) + COST_OF_A_KILL, "{came} of {size} bytes came again");
}

fn four_kills(size: u64, lines: Lines) {
    let large = Large::new(size, lines);
    // Of the size; what came before counts for the next.
    let came: u64 = [20, 20, 20, 20].map(|percent| large.kill_at(large.start(), percent)).iter().sum();
    let came = came + large.complete();
    assert!(came <= size + 4 * COST_OF_A_KILL, "{came} bytes came for {size}");
}

fn the_leader_is_killed_while_others_wait(size: u64, lines: Lines) {
    let large = Large::new(size, lines);
    let leader = large.start();
    while written_by(leader.id()) < large.percent(10) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let others: Vec<_> = (0..4).map(|_| large.project.start(&["restore", "large", "--json"])).collect();
    large.kill_at(leader, 50);
    let mut came = 0;
    for other in others {
        let ended = Ended::of(&other.wait_with_output().unwrap()).succeeded();
        let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        came += report["models"][0]["fetched_bytes"].as_u64().unwrap();
    }
    assert_blobs_are_right(&large.project);
    assert!((1..=large.percent(50) + COST_OF_A_KILL).contains(&came), "{came} of {size} bytes came again");
}

#[test]
fn a_download_killed_at_ninety_percent_fetches_the_rest() {
    if can_count() {
        one_kill(256 * MIB, Lines::One);
        one_kill(256 * MIB, Lines::Eight);
    }
}

#[test]
fn a_process_group_killed_at_ninety_percent_leaves_the_rest_to_fetch() {
    if can_count() {
        one_kill_of_a_group(256 * MIB, Lines::One);
        one_kill_of_a_group(256 * MIB, Lines::Eight);
    }
}

#[test]
fn four_kills_in_a_row_cost_nothing_that_was_recorded() {
    if can_count() {
        four_kills(256 * MIB, Lines::One);
        four_kills(256 * MIB, Lines::Eight);
    }
}

#[test]
fn who_waits_for_a_process_that_is_killed_goes_on_with_its_partial() {
    if can_count() {
        the_leader_is_killed_while_others_wait(256 * MIB, Lines::One);
        the_leader_is_killed_while_others_wait(256 * MIB, Lines::Eight);
    }
}

#[test]
fn what_a_killed_download_left_is_read_once_and_so_is_the_rest() {
    if !can_count() || !can_trace("what is on the disk is hashed once") {
        return;
    }
    for lines in [Lines::One, Lines::Eight] {
        let large = Large::new(64 * MIB, lines);
        large.kill_at(large.start(), 60);
        assert!(large.partial().exists());
        let traced = Traced::run(&large.project, "read,pread64,readv,sendfile,copy_file_range", &["restore", "large"]);
        assert_eq!(traced.ended.code, Some(0), "{:?}", traced.ended);
        let read = traced.bytes_read(".part") + traced.bytes_read("/blobs/") + traced.bytes_read("/snapshots/");
        assert_eq!(read, large.size, "{lines:?}");
    }
}

#[test]
#[ignore = "takes a minute and two gibibytes of disk"]
fn large_a_gibibyte_killed_at_ninety_percent() {
    if can_count() {
        one_kill(GIB, Lines::One);
        one_kill(GIB, Lines::Eight);
        one_kill_of_a_group(GIB, Lines::Eight);
    }
}

#[test]
#[ignore = "takes a minute and two gibibytes of disk"]
fn large_a_gibibyte_killed_four_times() {
    if can_count() {
        four_kills(GIB, Lines::One);
        four_kills(GIB, Lines::Eight);
    }
}
