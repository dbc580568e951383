//! Archives and compressed files: pinned as sent and as they come out, unpacked on arrival, and never trusted.

use std::path::PathBuf;
use std::time::Duration;

use cache_harness::Sha256Digest;
use cache_harness::testkit::{Fault, Line, Server, generated};
use tar::EntryType;

use crate::inspect::assert_blobs_are_right;
use crate::packed::{File, compressed, lock, project, tar, tar_of, zip};
use crate::project::{Ended, Project};

const SMALL: &[u8] = b"{\"vocab_size\": 3}";

pub(crate) fn restored(project: &Project, file: &str) -> Vec<u8> {
    let path = project.cache().join("models/m").join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn partials(project: &Project) -> Vec<PathBuf> {
    let folder = project.cache().join("v1/partial").read_dir().into_iter().flatten().flatten();
    folder.map(|entry| entry.path()).collect()
}

pub(crate) fn partial(project: &Project, bytes: &[u8]) -> PathBuf {
    project.cache().join("v1/partial").join(format!("{}.part", Sha256Digest::of(bytes)))
}

/// A project whose lock file pins `files` of the archive.
pub(crate) fn pinned(server: &Server, name: &str, archive: &[u8], keys: &str, files: &[File<'_>]) -> Project {
    let project = project(server, name, archive.to_vec(), keys);
    project.lock(&lock(name, archive, files));
    project
}

#[test]
fn every_format_is_pinned_twice_and_restored() {
    let weights = generated(1, 300_000);
    let files: [File<'_>; 2] = [("config.json", SMALL), ("onnx/model.onnx", &weights)];
    let listed = tar_of(&[
        ("./", EntryType::Directory, b""),
        ("./onnx/", EntryType::Directory, b""),
        ("./onnx/model.onnx", EntryType::Regular, &weights),
        ("./config.json", EntryType::Regular, SMALL),
    ]);
    for name in ["m.tar", "m.tar.gz", "m.tgz", "m.tar.zst", "m.tar.xz", "m.tar.bz2", "m.zip"] {
        let server = Server::start().unwrap();
        let archive = if name == "m.zip" { zip(&files) } else { compressed(name, &listed) };
        let project = project(&server, name, archive.clone(), "");
        project.run(&["lock"]).succeeded();
        let written = std::fs::read_to_string(project.dir().join("cache-harness.lock")).unwrap();
        let pins = project.pins();
        assert!(pins.ends_with(&format!("version = 1\n{}", lock(name, &archive, &files))), "{name}: {pins}");
        project.run(&["lock"]).succeeded();
        assert_eq!(std::fs::read_to_string(project.dir().join("cache-harness.lock")).unwrap(), written);
        // What `lock` unpacked stays, so this asks for nothing.
        server.clear_log();
        project.run(&["restore", "m"]).succeeded();
        assert_eq!(server.requests().len(), 0, "{name}");

        project.run(&["clean", "--models", "--yes"]).succeeded();
        let cold = project.json(&["restore", "m"]);
        assert_eq!(cold["models"][0]["outcome"], "miss", "{name}: {cold}");
        assert_eq!(cold["models"][0]["fetched_bytes"], archive.len(), "{name}");
        for (path, bytes) in files {
            assert_eq!(restored(&project, path), bytes, "{name}: {path}");
        }
        let warm = project.json(&["restore", "m"]);
        assert_eq!((&warm["models"][0]["outcome"], server.requests().len()), (&"hit".into(), 1), "{name}: {warm}");
        assert_blobs_are_right(&project);
        assert_eq!(partials(&project), Vec::<PathBuf>::new(), "{name}");
        project.run(&["lock", "--check"]).succeeded();
    }
}

#[test]
fn a_compressed_file_comes_out_under_its_name_without_the_suffix() {
    let weights = generated(2, 300_000);
    for name in ["model.onnx.gz", "model.onnx.zst", "model.onnx.xz", "model.onnx.bz2"] {
        let server = Server::start().unwrap();
        // As parallel compressors and `cat` write it: one stream after the other.
        let archive = [compressed(name, &weights[..100_000]), compressed(name, &weights[100_000..])].concat();
        let project = pinned(&server, name, &archive, "", &[("model.onnx", &weights)]);
        project.run(&["restore", "m"]).succeeded();
        assert_eq!(restored(&project, "model.onnx"), weights, "{name}");
        assert_blobs_are_right(&project);
    }
}

#[test]
fn only_the_files_that_the_catalog_means_are_pinned_and_read() {
    let archive = tar_of(&[
        ("README", EntryType::Regular, b"read me"),
        ("latest", EntryType::Symlink, b""),
        ("m/model.onnx", EntryType::Regular, b"weights"),
        ("m/model.bin", EntryType::Regular, b"more weights"),
    ]);
    let server = Server::start().unwrap();
    let project = project(&server, "m.tar", archive.clone(), "files = [\"*.onnx\"]");
    project.run(&["lock"]).succeeded();
    let written = project.pins();
    assert!(written.ends_with(&lock("m.tar", &archive, &[("m/model.onnx", b"weights")])), "{written}");
    project.run(&["clean", "--models", "--yes"]).succeeded();
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(restored(&project, "m/model.onnx"), b"weights");

    let catalog = std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    project.write("cache-harness.toml", &catalog.replace("*.onnx", "*.gguf"));
    let ended = project.run(&["lock"]);
    assert!(ended.stderr.contains("`m.tar` is not unpacked: no file in it is meant by `*.gguf`"), "{ended:?}");
    let ended = project.run(&["lock", "--check"]);
    assert!(ended.stdout.contains("m/model.onnx: is pinned, but not meant by `files`"), "{ended:?}");
}

#[test]
fn add_declares_and_pins_an_archive() {
    let server = Server::start().unwrap();
    let archive = compressed("m.tar.gz", &tar(&[("a.onnx", b"weights"), ("b.txt", b"text")]));
    server.put("/m.tar.gz", archive.clone());
    let project = Project::new("");
    let url = format!("{}/m.tar.gz", server.url());
    let ended = project.run(&["add", "m", &url, "--unpack", "--files", "*.onnx"]).succeeded();
    assert!(ended.stdout.starts_with("added m: 1 file, 7 B of 2.00 GB"), "{ended:?}");
    let catalog = std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    let block = format!("[models.m]\nurls = [\"{url}\"]\nunpack = true\nfiles = [\"*.onnx\"]\n");
    assert!(catalog.ends_with(&block), "{catalog}");
    let written = project.pins();
    assert!(written.ends_with(&lock("m.tar.gz", &archive, &[("a.onnx", b"weights")])), "{written}");

    let ended = project.run(&["add", "n", &format!("{}/m.rar", server.url()), "--unpack"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("`m.rar` cannot be unpacked"), "{ended:?}");
}

pub(crate) fn project_of_size(server: &Server, name: &str, max_size: &str) -> Project {
    let url = format!("{}/{name}", server.url());
    Project::new(&format!("[cache]\nmax_size = \"{max_size}\"\n[models.m]\nurls = [\"{url}\"]\nunpack = true\n"))
}

#[test]
fn the_archive_counts_while_its_files_come_out_of_it() {
    let server = Server::start().unwrap();
    let weights = generated(4, 600_000);
    let archive = tar(&[("m.bin", &weights)]);
    server.put("/m.tar", archive.clone());
    let project = project_of_size(&server, "m.tar", "1MB");
    project.lock(&lock("m.tar", &archive, &[("m.bin", &weights)]));
    let ended = project.run(&["restore", "m"]);
    let bytes = archive.len() + weights.len();
    assert!(ended.stderr.contains(&format!("({bytes} bytes), but the cache may hold 1.00 MB")), "{ended:?}");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn each_of_the_two_digests_is_checked() {
    let server = Server::start().unwrap();
    let archive = tar(&[("model.bin", b"weights")]);
    let project = pinned(&server, "m.tar", &archive, "", &[("model.bin", b"WEIGHTS")]);
    let ended = project.run(&["restore", "m"]);
    assert!(ended.stderr.contains("`model.bin` from `m.tar` has sha256 "), "{ended:?}");
    let project = pinned(&server, "m.tar", &archive, "", &[("other.bin", b"weights")]);
    let ended = project.run(&["restore", "m"]);
    assert!(ended.stderr.contains("`m.tar` is not unpacked: `other.bin` is pinned, but not in it"), "{ended:?}");

    let project = pinned(&server, "m.tar", &archive, "", &[("model.bin", b"weights")]);
    server.put("/m.tar", tar(&[("model.bin", b"WEIGHTS")]));
    let ended = project.run(&["restore", "m"]);
    let expected = format!("but {} is pinned", Sha256Digest::of(&archive));
    assert!(ended.stderr.contains(&expected) && ended.stderr.contains("`m.tar` from http://"), "{ended:?}");
    assert_eq!(partials(&project), Vec::<PathBuf>::new());
}

#[test]
fn the_digest_in_the_catalog_is_of_what_is_sent() {
    let server = Server::start().unwrap();
    let archive = tar(&[("model.bin", b"weights")]);
    let sha256 = |bytes: &[u8]| format!("sha256 = \"{}\"", Sha256Digest::of(bytes));
    let unlocked = project(&server, "m.tar", archive.clone(), &sha256(&archive));
    let ended = unlocked.run(&["restore", "m"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("`cache-harness lock m`"), "{ended:?}");
    unlocked.run(&["lock"]).succeeded();
    unlocked.run(&["restore", "m"]).succeeded();

    let project = project(&server, "m.tar", archive.clone(), &sha256(b"another"));
    project.lock(&lock("m.tar", &archive, &[("model.bin", b"weights")]));
    let ended = project.run(&["restore", "m"]);
    let expected = format!("are of `the archive {}`, but the catalog declares", Sha256Digest::of(&archive));
    assert!(ended.code == Some(2) && ended.stderr.contains(&expected), "{ended:?}");
    assert_eq!(project.run(&["lock", "--check"]).code, Some(1));
    assert_eq!(project.run(&["lock"]).code, Some(1));
}

#[test]
fn an_archive_that_was_cut_or_killed_goes_on_where_it_was() {
    let server = Server::start().unwrap();
    let weights = generated(5, 4_000_000);
    let archive = compressed("m.tar.gz", &tar(&[("model.bin", &weights)]));
    let bytes = archive.len() as u64;
    let project = pinned(&server, "m.tar.gz", &archive, "", &[("model.bin", &weights)]);
    server.fault("/m.tar.gz", Fault::CutAt { byte: bytes / 4, times: 1 });
    server.limit(Line { bytes_per_second: Some(2_000_000), ..Line::default() });
    let mut child = project.start(&["restore", "m"]);
    let part = partial(&project, &archive);
    while part.metadata().map_or(0, |metadata| metadata.len()) < bytes / 2 {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it was killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    server.limit(Line::default());
    let there = part.metadata().unwrap().len();
    let report = project.json(&["restore", "m"]);
    assert_eq!(report["models"][0]["fetched_bytes"], bytes - there);
    assert_eq!(restored(&project, "model.bin"), weights);
    assert_eq!(partials(&project), Vec::<PathBuf>::new());
}

#[test]
fn a_kill_while_files_come_out_costs_no_byte_twice() {
    let server = Server::start().unwrap();
    let weights: Vec<_> = (0..8).map(|seed| generated(seed, 2_000_000)).collect();
    let names: Vec<_> = (0..8).map(|number| format!("{number}.bin")).collect();
    let files: Vec<File<'_>> = names.iter().zip(&weights).map(|(name, bytes)| (&**name, &**bytes)).collect();
    let archive = compressed("m.tar.gz", &tar(&files));
    let project = pinned(&server, "m.tar.gz", &archive, "", &files);
    let third = project.blob(&Sha256Digest::of(&weights[2]).to_string());
    let mut child = project.start(&["restore", "m"]);
    while !third.exists() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it was killed");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let lacking = archive.len() as u64 - partial(&project, &archive).metadata().unwrap().len();
    assert_blobs_are_right(&project);
    let report = project.json(&["restore", "m"]);
    assert_eq!(report["models"][0]["fetched_bytes"], lacking, "{report}");
    assert_eq!(server.requests().len(), 1 + usize::from(lacking > 0));
    for (name, bytes) in files {
        assert_eq!(restored(&project, name), bytes, "{name}");
    }
    assert_eq!(partials(&project), Vec::<PathBuf>::new());
}

#[test]
fn sixteen_processes_ask_once_and_a_lost_file_brings_the_archive_again() {
    let server = Server::start().unwrap();
    let weights = generated(6, 2_000_000);
    let archive = compressed("m.tar.zst", &tar(&[("config.json", SMALL), ("model.bin", &weights)]));
    let project = pinned(&server, "m.tar.zst", &archive, "", &[("config.json", SMALL), ("model.bin", &weights)]);
    let started: Vec<_> = (0..16).map(|_| project.start(&["restore", "m"])).collect();
    for child in started {
        Ended::of(&child.wait_with_output().unwrap()).succeeded();
    }
    assert_eq!(server.requests().len(), 1);
    let blob = project.blob(&Sha256Digest::of(SMALL).to_string());
    std::fs::remove_file(&blob).unwrap();
    std::fs::remove_file(project.cache().join("models/m/config.json")).unwrap();
    let report = project.json(&["restore", "m"]);
    assert_eq!(report["models"][0]["outcome"], "repaired");
    assert_eq!((&report["models"][0]["fetched_bytes"], server.requests().len()), (&archive.len().into(), 2));
    assert_eq!(restored(&project, "config.json"), SMALL);
}

#[test]
fn a_mirror_gives_the_archive_when_the_first_address_does_not() {
    let server = Server::start().unwrap();
    let archive = zip(&[("model.bin", b"weights")]);
    server.put("/mirror/m.zip", archive.clone());
    let url = server.url();
    let catalog = format!("[models.m]\nurls = [\"{url}/m.zip\", \"{url}/mirror/m.zip\"]\nunpack = true\n");
    let project = Project::new(&catalog);
    project.lock(&lock("m.zip", &archive, &[("model.bin", b"weights")]));
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(restored(&project, "model.bin"), b"weights");
}

#[test]
fn without_a_usable_cache_the_archive_is_fetched_past_it_once() {
    let server = Server::start().unwrap();
    let archive = zip(&[("a.bin", b"weights"), ("b.bin", b"more")]);
    let files: [File<'_>; 2] = [("a.bin", b"weights"), ("b.bin", b"more")];
    let project = pinned(&server, "m.zip", &archive, "provider = \"torch-hub\"", &files);
    std::fs::create_dir_all(project.cache().parent().unwrap()).unwrap();
    std::fs::write(project.cache(), "in the way").unwrap();
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(server.requests().len(), 1);
    let checkpoints = project.home().join(".cache/torch/hub/checkpoints");
    assert_eq!(std::fs::read(checkpoints.join("b.bin")).unwrap(), b"more");
}

#[test]
fn the_archive_may_be_another_models_own_file() {
    let server = Server::start().unwrap();
    let archive = zip(&[("model.bin", b"weights")]);
    let keys =
        format!("[models.whole]\nurls = [\"{}/m.zip\"]\nsha256 = \"{}\"", server.url(), Sha256Digest::of(&archive));
    let project = pinned(&server, "m.zip", &archive, &keys, &[("model.bin", b"weights")]);
    project.run(&["restore", "whole"]).succeeded();
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(server.requests().len(), 1);
    project.run(&["restore", "whole", "m"]).succeeded();
    assert_eq!(server.requests().len(), 1);
}
