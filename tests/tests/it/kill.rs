//! SIGKILL at random moments: never a wrong blob, never a stuck lock, nothing placed that no record names.

use std::process::{Child, Stdio};
use std::time::Duration;

use cache_harness::testkit::{Body, Line, Server};

use crate::inspect::{assert_blobs_are_right, consumers_folders, digest, disk_usage, leftovers};
use crate::pinned::Pinned;
use crate::project::Project;

const SIZE: u64 = 400_000;
/// Three of the models, with their copies, records and folders.
const LIMIT: u64 = 2_000_000;
const NAMES: [&str; 6] = ["hub-a", "hub-b", "whisper-a", "whisper-b", "torch-a", "torch-b"];

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % sides
    }

    /// Some of the models, in some order.
    fn models(&mut self, count: u64) -> Vec<&'static str> {
        (0..count).map(|_| NAMES[usize::try_from(self.roll(NAMES.len() as u64)).unwrap()]).collect()
    }
}

/// Models for three consumers, hard-linked, copied and pointed to, that do not all fit; two share a blob.
fn project(server: &Server) -> Project {
    let mut catalog = format!("[cache]\nmax_size = \"{LIMIT}B\"\n");
    let mut lock = String::new();
    for (seed, name) in (1..).zip(NAMES) {
        let (provider, _) = name.split_once('-').unwrap();
        let provider = match provider {
            "hub" => "huggingface",
            "whisper" => "openai-whisper",
            _ => "torch-hub",
        };
        let shared = Body::Generated { seed: 100, size: SIZE / 2 };
        let weights = Body::Generated { seed, size: SIZE };
        let mut files = vec![(format!("{name}.bin"), weights)];
        if name.ends_with('a') {
            files.push((format!("{name}.shared"), shared));
        }
        let model = Pinned { name: name.to_owned(), files };
        model.serve(server);
        catalog += &model.catalog_for(provider);
        lock.push_str(&model.lock());
    }
    let mut project = Project::new(&catalog);
    project.lock(&lock);
    project.set("HF_ENDPOINT", server.url());
    project
}

/// A line on which a model takes about as long as a process takes to start, so that kills land everywhere.
fn server() -> Server {
    let server = Server::start().unwrap();
    let per_connection = Some(12_000_000);
    server.limit(Line { latency: Duration::from_millis(2), per_connection, ..Line::default() });
    server
}

fn start(project: &Project, models: &[&str]) -> Child {
    let arguments: Vec<_> = ["restore"].iter().chain(models).copied().collect();
    project.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Whether the kill came before the end.
fn kill(mut child: Child) -> bool {
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

/// What must hold whenever nothing runs: the next run completes, what it places is right and within the budget.
fn assert_sound(project: &Project) {
    assert_blobs_are_right(project);
    for name in NAMES {
        let restored = project.json(&["restore", name]);
        for file in restored["models"][0]["files"].as_array().unwrap() {
            assert_eq!(digest(file["path"].as_str().unwrap().as_ref()), file["sha256"], "{file}");
        }
        let used = disk_usage(project);
        assert!(used <= LIMIT, "{used} bytes on the disk after `{name}`, {LIMIT} allowed");
    }
    assert_eq!(leftovers(project), Vec::<std::path::PathBuf>::new());
    assert_blobs_are_right(project);
}

/// Everything that was ever placed is named by a record, so nothing is left once all entries are gone.
fn assert_all_is_recorded(project: &Project) {
    project.run(&["clean", "--models", "--yes"]).succeeded();
    assert_eq!(consumers_folders(project), Vec::<std::path::PathBuf>::new());
    let blobs = crate::inspect::walk(&project.cache().join("v1/blobs"));
    assert!(blobs.iter().all(|path| path.is_dir()), "{blobs:?}");
}

#[test]
fn a_process_killed_at_any_moment_harms_nothing() {
    let server = server();
    let project = project(&server);
    let mut dice = Dice(1);
    let mut killed = 0;
    for _batch in 0..6 {
        for _kill in 0..30 {
            let child = start(&project, &dice.models(3));
            std::thread::sleep(Duration::from_micros(dice.roll(150_000)));
            killed += usize::from(kill(child));
        }
        assert_sound(&project);
    }
    assert!(killed > 60, "only {killed} kills came before the end");
    assert_all_is_recorded(&project);
}

#[test]
fn processes_killed_among_sixteen_harm_neither_the_store_nor_the_others() {
    let server = server();
    let project = project(&server);
    let mut dice = Dice(2);
    let mut killed = 0;
    for _batch in 0..3 {
        let mut running: Vec<Child> = (0..16).map(|_| start(&project, &dice.models(2))).collect();
        for _kill in 0..48 {
            std::thread::sleep(Duration::from_micros(dice.roll(20_000)));
            let victim = usize::try_from(dice.roll(16)).unwrap();
            let successor = start(&project, &dice.models(2));
            killed += usize::from(kill(std::mem::replace(&mut running[victim], successor)));
        }
        for survivor in running {
            let ended = survivor.wait_with_output().unwrap();
            assert!(ended.status.success(), "{ended:?}");
        }
        assert_sound(&project);
    }
    assert!(killed > 60, "only {killed} kills came before the end");
    assert_all_is_recorded(&project);
}

#[test]
fn an_eviction_killed_half_way_is_finished_by_the_next() {
    let server = Server::start().unwrap();
    let project = project(&server);
    let mut dice = Dice(3);
    for _kill in 0..40 {
        let models = dice.models(3);
        project.run(&["restore", models[0], models[1]]).succeeded();
        let mut command = project.command(&["clean", "--models", "--yes"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(dice.roll(25_000)));
        kill(child);
        assert_blobs_are_right(&project);
    }
    assert_sound(&project);
    assert_all_is_recorded(&project);
}
