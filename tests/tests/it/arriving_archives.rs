//! Archives are unpacked while they arrive: what came out is right whatever becomes of the rest, and what counts in the
//! end is the archive that is pinned.

use std::io::Read as _;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use cache_harness::Sha256Digest;
use cache_harness::testkit::{Fault, Server, generated};

use crate::archives::{partial, partials, pinned, restored};
use crate::inspect::assert_blobs_are_right;
use crate::packed::{File, compressed, lock, project, tar};
use crate::project::{Ended, Project};

/// A small file, then one that keeps a server busy.
struct Files {
    small: Vec<u8>,
    large: Vec<u8>,
}

impl Files {
    fn new(seed: u64) -> Self {
        // No compressor makes it smaller, as it would the testkit's bytes, which repeat.
        let mut state = seed;
        let mut word = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.rotate_right(29).to_le_bytes()
        };
        Self { small: generated(1, 300_000), large: (0..375_000).flat_map(&mut word).collect() }
    }

    fn listed(&self) -> [File<'_>; 2] {
        [("small.bin", &self.small), ("large.bin", &self.large)]
    }

    fn packed(&self, name: &str) -> Vec<u8> {
        compressed(name, &tar(&self.listed()))
    }

    #[track_caller]
    fn assert_restored(&self, project: &Project) {
        for (path, bytes) in self.listed() {
            assert!(restored(project, path) == bytes, "{path}");
        }
        assert_blobs_are_right(project);
        assert_eq!(partials(project), Vec::<std::path::PathBuf>::new());
    }
}

fn is_published(project: &Project, bytes: &[u8]) -> bool {
    project.blob(&Sha256Digest::of(bytes).to_string()).exists()
}

/// Waits until something is so; a process that does not get there fails.
#[track_caller]
fn wait_for(child: &mut Child, what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        if let Some(status) = child.try_wait().unwrap() {
            let mut told = String::new();
            let _ = child.stderr.take().unwrap().read_to_string(&mut told);
            panic!("it ended before {what}: {status}: {told}");
        }
        assert!(started.elapsed() < Duration::from_secs(120), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn size(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}

#[test]
fn files_come_out_before_the_archive_is_whole_and_a_kill_then_costs_no_byte_twice() {
    let files = Files::new(2);
    for name in ["m.tar", "m.tar.gz", "m.tar.zst", "m.tar.xz", "m.tar.bz2"] {
        let server = Server::start().unwrap();
        let archive = files.packed(name);
        let project = pinned(&server, name, &archive, "", &files.listed());
        server.fault(&format!("/{name}"), Fault::Stall { after: 2_500_000, times: 1 });
        let mut child = project.start(&["restore", "m"]);
        wait_for(&mut child, "the first file came out", || is_published(&project, &files.small));
        // Nobody knows yet whether the archive is the pinned one; this file is.
        assert!(server.requests().len() == 1 && !is_published(&project, &files.large), "{name}");
        assert_blobs_are_right(&project);
        let part = partial(&project, &archive);
        wait_for(&mut child, "the server stalled", || size(&part) == 2_500_000);
        kill(child);
        let report = project.json(&["restore", "m"]);
        assert_eq!(report["models"][0]["fetched_bytes"], archive.len() - 2_500_000, "{name}: {report}");
        assert_eq!(server.requests().len(), 2, "{name}");
        files.assert_restored(&project);
    }
}

#[test]
fn a_wrong_byte_behind_what_came_out_is_told_of_the_archive() {
    let files = Files::new(3);
    let archive = files.packed("m.tar");
    // In the padding at the end, where every file is out already, and in the large file.
    for at in [archive.len() - 1, 2_900_000] {
        let server = Server::start().unwrap();
        let project = pinned(&server, "m.tar", &archive, "", &files.listed());
        server.fault("/m.tar", Fault::WrongByte { at: at as u64, times: Fault::ALWAYS });
        let ended = project.run(&["restore", "m"]);
        let expected = format!("but {} is pinned", Sha256Digest::of(&archive));
        assert!(ended.stderr.contains(&expected) && ended.stderr.contains("`m.tar` from http://"), "{ended:?}");
        assert!(ended.code == Some(1) && !ended.stderr.contains("is not unpacked"), "{ended:?}");
        assert!(!project.cache().join("models").exists());
        assert_blobs_are_right(&project);
        assert_eq!(partials(&project), Vec::<std::path::PathBuf>::new());
        server.clear_faults("/m.tar");
        project.run(&["restore", "m"]).succeeded();
        files.assert_restored(&project);
    }
}

#[test]
fn an_archive_that_starts_over_from_a_mirror_ends_in_the_right_files() {
    let files = Files::new(4);
    let archive = files.packed("m.tar.gz");
    let server = Server::start().unwrap();
    let url = server.url();
    server.put("/m.tar.gz", archive.clone());
    server.put("/mirror/m.tar.gz", archive.clone());
    server.fault("/m.tar.gz", Fault::WrongByte { at: 1_500_000, times: Fault::ALWAYS });
    let urls = format!("[models.m]\nurls = [\"{url}/m.tar.gz\", \"{url}/mirror/m.tar.gz\"]\nunpack = true\n");
    let project = Project::new(&urls);
    project.lock(&lock("m.tar.gz", &archive, &files.listed()));
    let report = project.json(&["restore", "m"]);
    assert_eq!(report["models"][0]["fetched_bytes"], 2 * archive.len(), "{report}");
    assert_eq!(server.requests().len(), 2);
    files.assert_restored(&project);
}

#[test]
fn an_archive_that_changed_in_the_middle_ends_in_the_right_files() {
    // Both have the same size, so that only their validator tells them apart.
    let (before, now) = (Files::new(5), Files::new(6));
    let server = Server::start().unwrap();
    let archive = now.packed("m.tar");
    let project = project(&server, "m.tar", before.packed("m.tar"), "");
    project.lock(&lock("m.tar", &archive, &now.listed()));
    server.fault("/m.tar", Fault::Stall { after: 2_500_000, times: 1 });
    let mut child = project.start(&["restore", "m"]);
    let part = partial(&project, &archive);
    wait_for(&mut child, "the server stalled", || part.exists() && size(&part) == 2_500_000);
    // The small file is the same in both, and comes out of either.
    wait_for(&mut child, "the first file came out", || is_published(&project, &now.small));
    kill(child);
    server.put("/m.tar", archive);
    project.run(&["restore", "m"]).succeeded();
    now.assert_restored(&project);
}

#[test]
fn a_file_that_another_process_is_filling_holds_up_neither_the_download_nor_the_files_after_it() {
    let files = Files::new(7);
    let archive = files.packed("m.tar.gz");
    let server = Server::start().unwrap();
    let project = pinned(&server, "m.tar.gz", &archive, "", &files.listed());
    project.run(&["restore", "m"]).succeeded();
    project.run(&["clean", "--models", "--yes"]).succeeded();
    server.clear_log();
    let other = std::fs::File::create(partial(&project, &files.small)).unwrap();
    other.lock().unwrap();
    let mut child = project.start(&["restore", "m"]);
    wait_for(&mut child, "the file after it came out", || is_published(&project, &files.large));
    assert!(!is_published(&project, &files.small));
    drop(other);
    Ended::of(&child.wait_with_output().unwrap()).succeeded();
    assert_eq!(server.requests().len(), 1);
    files.assert_restored(&project);
}
