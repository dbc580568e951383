//! What the user has put in the place of what was placed is the user's: no removal takes it, no restore replaces it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use cache_harness::testkit::{Body, Server};

use crate::inspect::walk;
use crate::pinned::Pinned;
use crate::project::Project;

const FILES: [(&str, &str); 2] = [("config.json", "{}"), ("sub/weights.bin", "the weights")];

/// A project with the model `d`, restored; the files it was made of are in `files`.
fn restored(settings: &str) -> Project {
    let project = Project::new(&format!("[models.d]\npath = \"files\"\n{settings}"));
    for (name, content) in FILES {
        let path = project.dir().join("files").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    project.run(&["lock", "d"]).succeeded();
    project.run(&["restore", "d"]).succeeded();
    project
}

fn folder(project: &Project) -> PathBuf {
    project.cache().join("models/d")
}

/// Copies a folder as `cp -r` does, or as `cp -a`, which keeps times.
fn copy(from: &Path, to: &Path, times: Times) {
    fs::create_dir_all(to).unwrap();
    for path in walk(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        if path.is_symlink() {
            symlink(fs::read_link(&path).unwrap(), target).unwrap();
        } else if path.is_dir() {
            fs::create_dir_all(target).unwrap();
        } else {
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(&path, &target).unwrap();
            if let Times::Kept = times {
                let file = fs::File::open(&target).unwrap();
                file.set_modified(path.metadata().unwrap().modified().unwrap()).unwrap();
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Times {
    New,
    Kept,
}

#[track_caller]
fn assert_whole(folder: &Path) {
    for (name, content) in FILES {
        assert_eq!(fs::read_to_string(folder.join(name)).ok().as_deref(), Some(content), "{name}");
    }
}

const REMOVALS: [&[&str]; 2] = [&["evict", "d", "--yes"], &["clean", "--models", "--yes"]];
const LINKS: [&str; 3] = ["", "links = \"copy\"\n", "links = \"symlink\"\n"];

#[test]
fn nothing_is_removed_through_a_symbolic_link_that_came_later() {
    for removal in REMOVALS {
        for links in LINKS {
            for again in [false, true] {
                let project = restored(links);
                let precious = project.root().join("precious");
                copy(&project.dir().join("files"), &precious, Times::New);
                fs::remove_dir_all(folder(&project)).unwrap();
                symlink(&precious, folder(&project)).unwrap();
                if again {
                    project.run(&["restore", "d"]).succeeded();
                }
                project.run(removal).succeeded();
                assert_whole(&precious);
            }
        }
    }
}

#[test]
fn what_was_placed_and_then_moved_away_is_the_users() {
    for again in [false, true] {
        let project = restored("");
        let precious = project.root().join("precious");
        fs::rename(folder(&project), &precious).unwrap();
        symlink(&precious, folder(&project)).unwrap();
        if again {
            project.run(&["restore", "d"]).succeeded();
            project.run(&["restore", "d"]).succeeded();
        }
        project.run(&["evict", "d", "--yes"]).succeeded();
        assert_whole(&precious);
    }
}

#[test]
fn the_users_own_copies_in_the_place_stay() {
    for removal in REMOVALS {
        for links in LINKS {
            for (again, times) in [(false, Times::New), (true, Times::New), (false, Times::Kept), (true, Times::Kept)] {
                let project = restored(links);
                let aside = project.root().join("aside");
                for (name, _) in FILES {
                    let (from, to) = (folder(&project).join(name), aside.join(name));
                    fs::create_dir_all(to.parent().unwrap()).unwrap();
                    fs::copy(&from, &to).unwrap();
                    let modified = from.metadata().unwrap().modified().unwrap();
                    fs::set_permissions(&to, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
                    fs::File::open(&to).unwrap().set_modified(modified).unwrap();
                }
                fs::remove_dir_all(folder(&project)).unwrap();
                copy(&aside, &folder(&project), times);
                if again {
                    project.run(&["restore", "d"]).succeeded();
                }
                project.run(removal).succeeded();
                assert_whole(&folder(&project));
            }
        }
    }
}

#[test]
fn what_was_placed_goes_also_through_the_users_own_link_that_was_there_before() {
    for links in LINKS {
        let project = restored(links);
        project.run(&["evict", "d", "--yes"]).succeeded();
        let elsewhere = project.root().join("elsewhere");
        fs::create_dir_all(&elsewhere).unwrap();
        fs::create_dir_all(folder(&project).parent().unwrap()).unwrap();
        symlink(&elsewhere, folder(&project)).unwrap();
        project.run(&["restore", "d"]).succeeded();
        assert_whole(&elsewhere);
        project.run(&["evict", "d", "--yes"]).succeeded();
        assert_eq!(walk(&elsewhere), [elsewhere], "{links}");
    }
}

/// A project with the model `m` of a Hub, restored, and its repository's folder.
fn hub() -> (Server, Project, PathBuf, Pinned) {
    let server = Server::start().unwrap();
    let weights = Body::Generated { seed: 1, size: 10_000 };
    let model = Pinned::new("m", &[("config.json", b"{}".into()), ("onnx/weights.bin", weights)]);
    let project = crate::pinned::project("", &[&model], &server);
    project.run(&["restore", "m"]).succeeded();
    let repository = project.home().join(".cache/huggingface/hub/models--owner--m");
    (server, project, repository, model)
}

#[test]
fn a_repository_that_the_user_downloaded_anew_stays() {
    for again in [false, true] {
        let (_server, project, repository, _) = hub();
        let aside = project.root().join("aside");
        copy(&repository, &aside, Times::New);
        fs::remove_dir_all(&repository).unwrap();
        copy(&aside, &repository, Times::New);
        let before = walk(&repository);
        if again {
            project.run(&["restore", "m"]).succeeded();
        }
        project.run(&["evict", "m", "--yes"]).succeeded();
        assert_eq!(walk(&repository), before);
    }
}

#[test]
fn a_copied_folder_of_ollamas_stays() {
    for again in [false, true] {
        let project = Project::new("[models.d]\npath = \"files\"\nprovider = \"ollama\"\n");
        fs::create_dir_all(project.dir().join("files")).unwrap();
        fs::write(project.dir().join("files/tiny.gguf"), b"GGUF weights").unwrap();
        project.run(&["lock", "d"]).succeeded();
        project.run(&["restore", "d"]).succeeded();
        let (models, aside) = (project.home().join(".ollama/models"), project.root().join("aside"));
        copy(&models, &aside, Times::New);
        fs::remove_dir_all(&models).unwrap();
        copy(&aside, &models, Times::New);
        let before = walk(&models);
        if again {
            project.run(&["restore", "d"]).succeeded();
        }
        project.run(&["evict", "d", "--yes"]).succeeded();
        assert_eq!(walk(&models), before);
    }
}

#[test]
fn what_was_placed_is_taken_back_whole_after_a_second_restore() {
    let (_server, project, repository, _) = hub();
    fs::remove_file(repository.join("refs/main")).unwrap();
    project.run(&["restore", "m"]).succeeded();
    project.run(&["evict", "m", "--yes"]).succeeded();
    assert!(!repository.exists(), "{:?}", walk(&repository));
}

#[test]
fn the_users_other_file_is_named_and_untouched() {
    for links in LINKS {
        let project = restored(links);
        let path = folder(&project).join("config.json");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "USER WORK").unwrap();
        let ended = project.run(&["restore", "d"]);
        assert!(ended.code == Some(1) && ended.stderr.contains("models/d/config.json"), "{ended:?}");
        project.run(&["optimize", "--yes"]).succeeded();
        project.run(&["evict", "d", "--yes"]).succeeded();
        assert_eq!(fs::read_to_string(&path).unwrap(), "USER WORK");
    }
}

#[test]
fn the_users_folder_in_a_files_place_is_named_and_untouched() {
    let project = restored("");
    let path = folder(&project).join("config.json");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("work"), "USER WORK").unwrap();
    let ended = project.run(&["restore", "d"]);
    assert!(ended.code == Some(1) && ended.stderr.contains("models/d/config.json"), "{ended:?}");
    project.run(&["optimize", "--yes"]).succeeded();
    project.run(&["evict", "d", "--yes"]).succeeded();
    assert_eq!(fs::read_to_string(path.join("work")).unwrap(), "USER WORK");
}

#[test]
fn what_was_written_into_a_placed_file_is_put_aside_aloud_and_kept() {
    let project = restored("links = \"copy\"\n");
    let path = folder(&project).join("config.json");
    let inode = path.metadata().unwrap().ino();
    fs::write(&path, "USER WORK").unwrap();
    assert_eq!(path.metadata().unwrap().ino(), inode);
    let ended = project.run(&["restore", "d"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
    project.run(&["optimize", "--yes"]).succeeded();
    let quarantine = project.cache().join("v1/quarantine");
    let [_, kept] = &walk(&quarantine)[..] else { panic!("{:?}", walk(&quarantine)) };
    assert!(ended.stderr.contains(kept.to_str().unwrap()), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(kept).unwrap(), "USER WORK");
    // Thirty days later.
    let name = kept.file_name().unwrap().to_str().unwrap();
    let rest = name.strip_prefix("config.json.").unwrap();
    let (stamp, rest) = rest.split_once('-').unwrap();
    let earlier = stamp.parse::<u64>().unwrap() - 31 * 24 * 60 * 60;
    fs::rename(kept, quarantine.join(format!("config.json.{earlier}-{rest}"))).unwrap();
    project.run(&["optimize", "--yes"]).succeeded();
    assert_eq!(walk(&quarantine), [quarantine]);
}

#[test]
fn a_blob_that_another_snapshot_of_the_users_names_stays() {
    let (_server, project, repository, model) = hub();
    let theirs = repository.join("snapshots").join("f".repeat(40)).join("onnx");
    fs::create_dir_all(&theirs).unwrap();
    symlink(format!("../../../blobs/{}", model.digest(1)), theirs.join("weights.bin")).unwrap();
    project.run(&["evict", "m", "--yes"]).succeeded();
    assert_eq!(fs::read(theirs.join("weights.bin")).unwrap().len(), 10_000);
    assert!(!repository.join("blobs").join(model.digest(0)).exists() && !repository.join("refs").exists());
}

#[test]
fn a_blob_that_another_manifest_of_ollamas_names_stays() {
    let project = Project::new("[models.d]\npath = \"files\"\nprovider = \"ollama\"\n");
    fs::create_dir_all(project.dir().join("files")).unwrap();
    fs::write(project.dir().join("files/tiny.gguf"), b"GGUF weights").unwrap();
    project.run(&["lock", "d"]).succeeded();
    project.run(&["restore", "d"]).succeeded();
    let models = project.home().join(".ollama/models");
    let library = models.join("manifests/registry.ollama.ai/library");
    fs::create_dir_all(library.join("mine")).unwrap();
    fs::copy(library.join("d/latest"), library.join("mine/latest")).unwrap();
    project.run(&["evict", "d", "--yes"]).succeeded();
    assert!(!library.join("d").exists());
    assert_eq!(fs::read_dir(models.join("blobs")).unwrap().count(), 2);
    fs::remove_dir_all(library.join("mine")).unwrap();
}
