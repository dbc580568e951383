//! What others may have put into the store or the variables: nothing outside the store is harmed, nothing leaks.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use cache_harness::Sha256Digest;
use cache_harness::testkit::Server;
use serde_json::{Value, json};

use crate::pinned::Pinned;
use crate::project::{Ended, Project};

/// A project with the model `a`, two files from a folder of its own, restored for this provider.
fn project(provider: &str) -> Project {
    let project = Project::new(&format!("[models.a]\npath = \"data\"\nprovider = \"{provider}\"\n"));
    if provider == "huggingface" {
        project
            .write("cache-harness.toml", "[models.a]\npath = \"data\"\nprovider = \"huggingface\"\nhub_id = \"o/n\"\n");
    }
    fs::create_dir(project.dir().join("data")).unwrap();
    project.write("data/config.json", "{}");
    project.write("data/model.bin", "weights");
    project.run(&["lock"]).succeeded();
    project
}

#[test]
fn a_symbolic_link_in_the_stores_trash_empties_nothing() {
    let project = project("directory");
    project.run(&["restore", "a"]).succeeded();
    let (trash, victim) = (project.cache().join("v1/trash"), project.root().join("victim"));
    fs::create_dir_all(victim.join("photos")).unwrap();
    fs::write(victim.join("photos/one"), "precious").unwrap();
    fs::remove_dir(&trash).unwrap();
    symlink(&victim, &trash).unwrap();
    for command in [&["evict", "a", "--yes"][..], &["clean", "--models", "--yes"], &["optimize", "--yes"]] {
        let ended = project.run(command);
        assert!(victim.join("photos/one").is_file(), "{command:?}: {ended:?}");
    }
    let ended = project.run(&["evict", "a", "--yes"]);
    assert!(ended.code == Some(1) && ended.stderr.contains("is a symbolic link"), "{ended:?}");
}

#[test]
fn plain_http_to_this_machine_takes_no_proxy() {
    let (server, proxy) = (Server::start().unwrap(), Server::start().unwrap());
    let model = Pinned::weights("w", 1, 10_000);
    model.serve(&server);
    let mut project = Project::new(&model.catalog());
    project.lock(&model.lock());
    for (name, value) in [("HF_ENDPOINT", server.url()), ("HF_TOKEN", "hf_secret".into())] {
        project.set(name, value);
    }
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        project.set(name, proxy.url());
    }
    project.run(&["restore", "w"]).succeeded();
    assert_eq!((server.requests().len(), proxy.requests().len()), (1, 0));
}

#[test]
fn a_pointer_that_leads_elsewhere_is_no_model_in_place() {
    let project = project("huggingface");
    let (hub, elsewhere) = (project.home().join(".cache/huggingface/hub/models--o--n"), project.root().join("x/y"));
    fs::create_dir_all(&hub).unwrap();
    fs::create_dir_all(&elsewhere).unwrap();
    symlink(&elsewhere, hub.join("snapshots")).unwrap();
    let ended = project.run(&["restore", "a"]);
    assert!(ended.code == Some(1) && ended.stderr.contains("hub/models--o--n/snapshots"), "{ended:?}");
    fs::remove_file(hub.join("snapshots")).unwrap();
    project.run(&["restore", "a"]).succeeded();
}

/// Adds these places to the only record of the store, as somebody could who hands on a store of theirs.
fn claim(project: &Project, claims: &[(&Path, Value)]) {
    let records = fs::read_dir(project.cache().join("v1/entries")).unwrap().map(|entry| entry.unwrap().path());
    let path = records.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "json")).unwrap();
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (place, content) in claims {
        let claim = json!({"path": place, "content": content, "owner": "ours", "proof": null});
        record["placed"].as_array_mut().unwrap().push(claim);
    }
    fs::write(path, record.to_string()).unwrap();
}

#[test]
fn no_record_makes_the_users_own_files_ours() {
    let digest = Sha256Digest::of(b"weights");
    let blob = json!({"blob": {"sha256": digest, "mode": "copy"}});
    for (content, claimed) in [
        ("weights", &blob),
        ("alias x=y", &json!({"text": "alias x=y"})),
        ("link", &json!({"pointer": {"sha256": digest, "target": "../victim"}})),
    ] {
        let project = project("directory");
        let (victim, link) = (project.root().join("victim"), project.root().join("tmp/link"));
        fs::write(&victim, content).unwrap();
        symlink("../victim", &link).unwrap();
        project.run(&["restore", "a"]).succeeded();
        claim(&project, &[(&victim, claimed.clone()), (&link, claimed.clone())]);
        project.run(&["evict", "a", "--yes"]);
        project.run(&["clean", "--models", "--yes"]).succeeded();
        assert_eq!(fs::read_to_string(&link).unwrap(), content);
    }
}

#[test]
fn numbers_that_no_file_has_end_no_command() {
    let project = project("directory");
    project.run(&["restore", "a"]).succeeded();
    let records = fs::read_dir(project.cache().join("v1/entries")).unwrap().map(|entry| entry.unwrap().path());
    for path in records.filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("\"size\":7", &format!("\"size\":{}", u64::MAX))).unwrap();
    }
    for command in [&["status"][..], &["prune", "--dry-run"], &["restore", "a"], &["clean", "--models", "--yes"]] {
        project.run(command).succeeded();
    }
}

#[test]
fn a_pipe_or_folder_where_a_file_should_be_stops_nobody() {
    for place in ["entries/{}.json", "leases/{}", "partial/x.part", "gc.lock", "../CACHEDIR.TAG"] {
        for make in ["mkfifo", "mkdir"] {
            let project = project("directory");
            project.run(&["restore", "a"]).succeeded();
            let leases = fs::read_dir(project.cache().join("v1/leases")).unwrap();
            let id = leases.map(|lease| lease.unwrap().file_name().into_string().unwrap()).next().unwrap();
            let path = project.cache().join("v1").join(place.replace("{}", &id));
            let _ = fs::remove_file(&path);
            project.program(make).arg(&path).status().unwrap();
            fs::remove_dir_all(project.cache().join("models")).unwrap();
            for command in [&["status"][..], &["restore", "a"], &["optimize", "--dry-run"]] {
                let mut patient = project.program("timeout");
                let command = patient.arg("20").arg(env!("CARGO_BIN_EXE_cache-harness-cli")).args(command);
                let ended = Ended::of(&command.output().unwrap());
                assert_eq!(ended.code, Some(0), "{make} {place}: {command:?}: {ended:?}");
            }
        }
    }
}

#[test]
fn a_store_that_is_somebody_elses_is_passed_by() {
    for place in ["", "v1", "v1/entries", "v1/leases", "v1/blobs", "v1/partial", "v1/trash", "v1/gc.lock", "models"] {
        let project = project("directory");
        project.run(&["restore", "a"]).succeeded();
        project.write("data/model.bin", "newer weights");
        project.run(&["lock"]).succeeded();
        let path = project.cache().join(place);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        // Root may use everything, unless it gives that up.
        let mut plain = project.program("setpriv");
        plain.args(["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]);
        let is_root = fs::File::open(&path).is_ok();
        let mut command = if is_root { plain } else { project.program("env") };
        let ended =
            Ended::of(&command.arg(env!("CARGO_BIN_EXE_cache-harness-cli")).args(["restore", "a"]).output().unwrap());
        assert_eq!(ended.code, Some(0), "{place}: {ended:?}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn nothing_is_left_for_others_to_write_whatever_the_umask() {
    let project = project("huggingface");
    let line = format!("umask 0 && exec {} warm a", env!("CARGO_BIN_EXE_cache-harness-cli"));
    assert!(project.program("sh").args(["-c", &line]).output().unwrap().status.success());
    let found = project.program("find").arg(project.home()).args(["-perm", "-o+w", "!", "-type", "l"]).output();
    assert_eq!(Ended::of(&found.unwrap()).stdout, "");
}

#[test]
fn a_relative_folder_of_the_consumers_is_found_again_from_elsewhere() {
    let mut project = project("huggingface");
    project.set("HF_HOME", "relative");
    project.run(&["restore", "a"]).succeeded();
    let snapshots = project.dir().join("relative/hub/models--o--n/snapshots");
    assert!(snapshots.is_dir());
    let catalog = project.dir().join("cache-harness.toml");
    let mut elsewhere = project.command(&["evict", "a", "--yes", "--config"]);
    assert!(elsewhere.arg(catalog).current_dir(project.root()).output().unwrap().status.success());
    assert!(!snapshots.exists());
}

#[test]
fn a_stamp_that_no_report_can_say_ends_no_command() {
    let project = project("directory");
    project.run(&["restore", "a"]).succeeded();
    for stamp in ["1960-01-01", "2400-01-01"] {
        let leases = project.cache().join("v1/leases");
        let line = format!("touch -d {stamp} {}/*", leases.display());
        assert!(project.program("sh").args(["-c", &line]).output().unwrap().status.success());
        project.run(&["status"]).succeeded();
    }
}

#[test]
fn an_application_cache_in_the_store_is_not_emptied() {
    let project = project("directory");
    project.run(&["restore", "a"]).succeeded();
    let catalog = fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    let path = project.cache().join("v1/blobs");
    project.write("cache-harness.toml", &format!("{catalog}[application_caches.x]\npath = \"{}\"\n", path.display()));
    let ended = project.run(&["clean", "--apps", "--yes"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("in the cache's own folder"), "{ended:?}");
    assert!(project.blob(&Sha256Digest::of(b"weights").to_string()).is_file());
}

#[cfg(target_os = "linux")]
#[test]
fn a_home_whose_name_is_no_text_is_a_home() {
    let project = project("openai-whisper");
    let name = std::os::unix::ffi::OsStrExt::from_bytes(b"caf\xe9");
    let home = project.root().join::<&std::ffi::OsStr>(name);
    for command in [
        &["restore", "a"][..],
        &["--json", "restore", "a"],
        &["--json", "status"],
        &["--json", "verify"],
        &["clean", "--models", "--yes"],
    ] {
        let mut command_here = project.command(command);
        command_here.env("HOME", &home).env_remove("XDG_CACHE_HOME").env_remove("XDG_STATE_HOME");
        let ended = Ended::of(&command_here.output().unwrap());
        assert_eq!(ended.code, Some(0), "{command:?}: {ended:?}");
        assert_eq!(home.join(".cache/whisper/model.bin").exists(), command[0] != "clean");
    }
}

#[test]
fn nothing_is_written_through_another_name_of_the_stores_files() {
    let project = project("directory");
    project.run(&["restore", "a"]).succeeded();
    let leases = fs::read_dir(project.cache().join("v1/leases")).unwrap();
    let id = leases.map(|lease| lease.unwrap().file_name().into_string().unwrap()).next().unwrap();
    project.run(&["evict", "a", "--yes"]).succeeded();
    let (victim, store) = (project.root().join("victim"), project.cache().join("v1"));
    fs::write(&victim, "precious").unwrap();
    let partial = format!("partial/{}.part", Sha256Digest::of(b"weights"));
    for place in [&format!("entries/{id}.lock"), &partial, "gc.lock", &format!("leases/{id}")] {
        let _ = fs::remove_file(store.join(place));
        fs::hard_link(&victim, store.join(place)).unwrap();
        project.run(&["restore", "a"]);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{place}");
        let _ = fs::remove_file(store.join(place));
        project.run(&["clean", "--models", "--yes"]).succeeded();
    }
    project.run(&["restore", "a"]).succeeded();
}
