//! The scheduled upgrade that the README gives to copy, run as it stands there.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use tests::hub::{Hub, Repository};

use crate::project::{Ended, Project, left_out};

const FIRST: &str = "0123456789abcdef0123456789abcdef01234567";
const SECOND: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// Notes what it was asked, and the text of the pull request.
const GH: &str = "#!/bin/sh\necho \"$*\" >>../gh.log\ncat changes.txt >>../gh.log\n";

/// The lines of the recipe's one step.
fn recipe() -> String {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let (_, after) = readme.split_once("A bot keeps the pins").unwrap();
    let (_, after) = after.split_once("- run: |\n").unwrap();
    after.lines().map_while(|line| line.strip_prefix("    ")).fold(String::new(), |text, line| text + line + "\n")
}

fn ran(project: &Project, program: &str, arguments: &[&str]) -> Ended {
    let path = format!("{}/bin:{}", project.home().display(), std::env::var("PATH").unwrap_or_default());
    let mut command = project.program(program);
    Ended::of(&command.env("PATH", path).args(arguments).output().unwrap())
}

#[test]
fn the_scheduled_upgrade_opens_a_pull_request_when_a_model_moved_and_not_before() {
    let hub = Hub::start();
    hub.put(&Repository::new("owner/tiny", FIRST).small("config.json", "1"), "main");
    let mut project = Project::new("");
    project.set("HF_ENDPOINT", hub.server.url());
    for program in ["git", "bash"] {
        if project.program(program).arg("--version").output().is_err() {
            return left_out("the recipe for a bot", &format!("there is no {program} here"));
        }
    }
    let bin = project.home().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_cache-harness-cli"), bin.join("cache-harness")).unwrap();
    std::fs::write(bin.join("gh"), GH).unwrap();
    std::fs::set_permissions(bin.join("gh"), std::fs::Permissions::from_mode(0o755)).unwrap();

    project.run(&["add", "tiny", "hf:owner/tiny"]).succeeded();
    let origin = project.home().join("origin.git");
    let origin = origin.to_str().unwrap();
    for arguments in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["init", "--quiet", "--bare", origin],
        &["remote", "add", "origin", origin],
        &["add", "--all"],
        &["-c", "user.name=it", "-c", "user.email=it@example.com", "commit", "--quiet", "--message", "it"],
    ] {
        ran(&project, "git", arguments).succeeded();
    }
    let recipe = recipe();
    let log = project.dir().join("../gh.log");
    ran(&project, "bash", &["-e", "-c", &recipe]).succeeded();
    assert!(!log.exists(), "nothing moved");

    hub.put(&Repository::new("owner/tiny", SECOND).small("config.json", "22"), "main");
    ran(&project, "bash", &["-e", "-c", &recipe]).succeeded();
    let told = std::fs::read_to_string(log).unwrap();
    let expected = format!("tiny: changed\n  commit: {FIRST} -> {SECOND}\n  config.json: ");
    assert!(told.starts_with("pr create --head models ") && told.contains(&expected), "{told}");
    let pushed = ran(&project, "git", &["--git-dir", origin, "show", "models:cache-harness.lock"]).succeeded();
    assert!(pushed.stdout.contains(SECOND), "{}", pushed.stdout);
    let changed = ran(&project, "git", &["--git-dir", origin, "show", "--name-only", "--format=", "models"]);
    assert_eq!(changed.succeeded().stdout, "cache-harness.lock\n");
}
