//! `init`: a project is ready after it, and a second time changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cache_harness::testkit::Server;
use serde_json::json;

use crate::inspect::walk;
use crate::pinned::{Pinned, project};
use crate::project::{Ended, Project, left_out};

/// A project without a catalog.
fn bare() -> Project {
    let project = Project::new("");
    std::fs::remove_file(project.dir().join("cache-harness.toml")).unwrap();
    project
}

/// Every file below the project with its text, and every folder.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, String> {
    let text = |path: PathBuf| (path.clone(), std::fs::read_to_string(&path).unwrap_or_default());
    walk(folder).into_iter().map(text).collect()
}

fn read(project: &Project, name: &str) -> String {
    std::fs::read_to_string(project.dir().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn a_new_project_gets_a_commented_catalog_and_the_cache_and_the_second_time_nothing() {
    let project = bare();
    let planned = project.run(&["init", "--dry-run"]).succeeded();
    assert_eq!(planned.stdout, "would write   cache-harness.toml\nwould create  ~/.cache/cache-harness  (cache)\n");
    assert!(!project.dir().join("cache-harness.toml").exists() && !project.cache().exists());

    let done = project.run(&["init"]).succeeded();
    assert_eq!(done.stdout, "wrote         cache-harness.toml\ncreated       ~/.cache/cache-harness  (cache)\n");
    assert_eq!(done.stderr, "next: `cache-harness add NAME SOURCE` declares a model and pins it\n");
    assert!(project.cache().join("CACHEDIR.TAG").exists());
    assert!(!project.dir().join(".gitignore").exists(), "nothing of it is in the project");
    let catalog = read(&project, "cache-harness.toml");
    assert!(catalog.contains("\n# max_size = \"2GB\"  "), "{catalog}");

    let before = snapshot(project.root());
    let again = project.run(&["init"]).succeeded();
    assert_eq!(again.stdout, "there is      ~/.cache/cache-harness  (cache)\n");
    assert!(again.stderr.starts_with("nothing to change: the project is ready\n"), "{again:?}");
    assert_eq!(snapshot(project.root()), before);
    assert_eq!(project.json(&["init"])["changes"], json!([]));
}

/// What the comments say is what holds, and may be taken out of its comment.
#[test]
fn the_commented_settings_are_the_defaults() {
    let project = bare();
    project.run(&["init"]).succeeded();
    std::fs::remove_file(project.home().join(".config/cache-harness/config.toml")).unwrap();
    let settings = |project: &Project| {
        let status = project.json(&["status", "--origins"]);
        let settings = status["settings"].as_array().unwrap().clone();
        let values = settings.into_iter().filter(|setting| setting["section"] == "cache" && setting["key"] != "dir");
        values.map(|setting| (setting["key"].to_string(), setting["value"].clone())).collect::<BTreeMap<_, _>>()
    };
    let defaults = settings(&project);
    let catalog = read(&project, "cache-harness.toml");
    let bare = |line: &str| {
        let rest = line.strip_prefix("# ").filter(|rest| rest.starts_with('[') || rest.contains(" = "));
        rest.unwrap_or(line).to_owned() + "\n"
    };
    project.write("cache-harness.toml", &catalog.lines().map(bare).collect::<String>());
    assert_eq!(settings(&project), defaults);
    let status = project.json(&["status", "--origins"]);
    let origins: Vec<_> = status["settings"].as_array().unwrap().iter().map(|setting| &setting["origin"]).collect();
    let of_the_file = origins.iter().filter(|origin| origin.as_str().unwrap().contains("cache-harness.toml:"));
    assert_eq!(of_the_file.count(), 11, "{origins:?}");
    assert!(catalog.lines().all(|line| line.chars().count() <= 120));
}

#[test]
fn a_local_cache_is_ignored_by_git_and_only_what_lacks_is_added() {
    let project = bare();
    project.write(".gitignore", "target\n# mine\n.cache/torch");
    let done = project.run(&["init", "--local"]).succeeded();
    assert_eq!(
        done.stdout,
        "\
wrote         cache-harness.toml
changed       .gitignore
              /.cache/huggingface/
              /.cache/models/
created       .cache/models  (cache)
created       .cache/huggingface/hub  (huggingface)
created       .cache/torch  (torch-hub)
"
    );
    assert_eq!(read(&project, ".gitignore"), "target\n# mine\n.cache/torch\n/.cache/huggingface/\n/.cache/models/\n");
    assert!(project.dir().join(".cache/models/CACHEDIR.TAG").exists());
    assert!(!project.cache().exists());
    let before = snapshot(project.root());
    let again = project.run(&["init", "--local"]).succeeded();
    assert!(again.stderr.starts_with("nothing to change"), "{again:?}");
    assert_eq!(snapshot(project.root()), before);
    assert_eq!(project.json(&["status"])["dir"], project.dir().join(".cache/models").to_str().unwrap());
}

#[test]
fn a_catalog_is_never_overwritten() {
    let project = Project::new("# mine\n[cache]\ndir = \"cache\" # here\n");
    project.run(&["init"]).succeeded();
    assert_eq!(read(&project, "cache-harness.toml"), "# mine\n[cache]\ndir = \"cache\" # here\n");
    assert_eq!(read(&project, ".gitignore"), "/cache/\n");
    let shared = Project::new("# mine\n");
    let ended = shared.run(&["init", "--local"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("write `dir = \".cache/models\"` into [cache] of `"), "{ended:?}");
    assert_eq!(read(&shared, "cache-harness.toml"), "# mine\n");
    // From a folder below, it is that catalog's project.
    std::fs::create_dir(project.dir().join("below")).unwrap();
    let mut command = project.command(&["init"]);
    let ended = Ended::of(&command.current_dir(project.dir().join("below")).output().unwrap()).succeeded();
    assert!(ended.stderr.starts_with("nothing to change"), "{ended:?}");
    assert_eq!(walk(&project.dir().join("below")).len(), 1);
}

#[test]
fn cargo_is_told_in_a_file_that_keeps_its_comments() {
    let project = bare();
    std::fs::create_dir(project.dir().join(".cargo")).unwrap();
    let before = "# why\n[alias] # short\nt = \"test\"\n\n[env]\nMINE = \"1\" # mine\n\n[build]\njobs = 1\n";
    project.write(".cargo/config.toml", before);
    project.run(&["init", "--local", "--env", "cargo"]).succeeded();
    let expected = before.replace(
        "# mine\n",
        "# mine\n\
         HF_HOME = { value = \".cache/huggingface\", relative = true, force = true }\n\
         HF_HUB_CACHE = { value = \".cache/huggingface/hub\", relative = true, force = true }\n\
         TORCH_HOME = { value = \".cache/torch\", relative = true, force = true }\n\
         TRANSFORMERS_CACHE = { value = \".cache/huggingface/hub\", relative = true, force = true }\n",
    );
    assert_eq!(read(&project, ".cargo/config.toml"), expected);
    let again = project.run(&["init", "--env", "cargo"]).succeeded();
    assert!(again.stderr.starts_with("nothing to change"), "{again:?}");
    assert_eq!(read(&project, ".cargo/config.toml"), expected);

    project.write(".cargo/config.toml", "[env]\nTORCH_HOME = \"elsewhere\" # mine\n");
    let ended = project.run(&["init", "--env", "cargo"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("TORCH_HOME is `\"elsewhere\" # mine` in [env]"), "{ended:?}");
    assert_eq!(read(&project, ".cargo/config.toml"), "[env]\nTORCH_HOME = \"elsewhere\" # mine\n");
}

#[test]
fn a_broken_file_is_told_with_its_line_and_nothing_is_written() {
    let project = bare();
    std::fs::create_dir(project.dir().join(".config")).unwrap();
    project.write(".config/nextest.toml", "[profile.default]\nretries = \n");
    let ended = project.run(&["init", "--env", "nextest"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains(".config/nextest.toml:2:11: "), "{ended:?}");
    assert!(!project.dir().join("cache-harness.toml").exists());
    project.write(".config/nextest.toml", "experimental = \"setup-scripts\"\n");
    let ended = project.run(&["init", "--env", "nextest"]);
    assert!(ended.stderr.contains("`experimental` in `") && ended.code == Some(2), "{ended:?}");
}

#[test]
fn nextest_is_told_in_a_file_that_keeps_its_comments() {
    let project = bare();
    std::fs::create_dir(project.dir().join(".config")).unwrap();
    let before = "# ours\n[profile.default]\nretries = 2 # flaky\n";
    project.write(".config/nextest.toml", before);
    project.run(&["init", "--env", "nextest", "--env", "nextest"]).succeeded();
    let text = read(&project, ".config/nextest.toml");
    assert_eq!(
        text,
        "\
experimental = [\"setup-scripts\"]

# ours
[profile.default]
retries = 2 # flaky

[[profile.default.scripts]]
filter = \"all()\"
setup = \"cache-harness\"

[scripts.setup.cache-harness]
command = [\"sh\", \"-c\", 'cache-harness warm --tests; cache-harness env --format nextest >> \"$NEXTEST_ENV\"']
"
    );
    project.run(&["init", "--env", "nextest"]).succeeded();
    assert_eq!(read(&project, ".config/nextest.toml"), text);
}

/// The two runners themselves: a test of a crate sees the variables.
#[test]
fn tests_see_the_variables_under_cargo_and_nextest() {
    let Some(cargo) = std::env::var_os("CARGO") else {
        return left_out("tests see the variables", "there is no cargo");
    };
    let project = bare();
    std::fs::create_dir(project.dir().join("tests")).unwrap();
    project
        .write("Cargo.toml", "[package]\nname = \"seen\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n");
    project.write("lib.rs", "");
    let root = project.dir().join(".cache/torch");
    let body = format!("#[test]\nfn sees() {{ assert_eq!(std::env::var(\"TORCH_HOME\").unwrap(), {root:?}); }}\n");
    project.write("tests/seen.rs", &body);
    let bin = project.root().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_cache-harness-cli"), bin.join("cache-harness")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let test = |arguments: &[&str]| {
        let mut command = project.program(&cargo);
        for name in ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "HOME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.args(arguments).env("PATH", &path).env("TORCH_HOME", "/theirs");
        Ended::of(&command.output().unwrap())
    };
    project.run(&["init", "--local", "--env", "nextest"]).succeeded();
    let ended = test(&["nextest", "run", "--offline"]);
    if ended.stderr.contains("no such command") {
        left_out("tests see the variables under nextest", "there is no nextest");
    } else {
        ended.succeeded();
    }
    assert_eq!(test(&["test", "--offline"]).code, Some(101), "nobody told cargo yet");
    project.run(&["init", "--env", "cargo"]).succeeded();
    test(&["test", "--offline"]).succeeded();
}

/// Two models that are pinned and not here.
fn two() -> (Server, Project) {
    let server = Server::start().unwrap();
    let models = [Pinned::weights("a", 1, 100_000), Pinned::weights("b", 2, 50_000)];
    let project = project("", &models.iter().collect::<Vec<_>>(), &server);
    (server, project)
}

#[test]
fn without_a_terminal_nothing_is_fetched_unless_asked_for() {
    let (server, project) = two();
    let ended = project.run(&["init"]).succeeded();
    let told = "not here yet: 2 models (150 kB); `cache-harness warm` fetches them\n";
    assert!(ended.stderr.ends_with(told), "{ended:?}");
    project.run(&["init", "--skip-download"]).succeeded();
    assert_eq!(server.requests().len(), 0);
    let document = project.json(&["init", "--dry-run", "--download"]);
    assert_eq!(
        (&document["dry_run"], &document["lacking"], &document["lacking_bytes"]),
        (&json!(true), &json!(["a", "b"]), &json!(150_000))
    );
    assert_eq!(server.requests().len(), 0);
    let ended = project.run(&["init", "--download"]).succeeded();
    assert!(ended.stderr.ends_with("fetched 150 kB\n"), "{ended:?}");
    project.run(&["warm", "--check"]).succeeded();
    server.clear_log();
    project.run(&["init", "--download"]).succeeded();
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn on_a_terminal_a_person_is_asked_with_the_size() {
    let (server, project) = two();
    let Some(shown) = project.on_a_terminal(&["init"], "n\n") else { return };
    assert!(shown.contains("Fetch 2 models (150 kB) now? [y/N]"), "{shown}");
    let shown = project.on_a_terminal(&["init", "--skip-download"], "").unwrap();
    assert!(!shown.contains("now?"), "{shown}");
    assert_eq!(server.requests().len(), 0);
    project.on_a_terminal(&["init"], "y\n").unwrap();
    project.run(&["warm", "--check"]).succeeded();
}

#[test]
fn what_is_not_pinned_is_told_and_cannot_be_fetched() {
    let project = Project::new("[models.a]\npath = \"a.bin\"\n");
    project.write("a.bin", "weights");
    let ended = project.run(&["init"]).succeeded();
    assert!(ended.stderr.ends_with("1 model is not pinned: `cache-harness lock` does it\n"), "{ended:?}");
    let ended = project.run(&["init", "--download"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("run `cache-harness lock a`"), "{ended:?}");
}
