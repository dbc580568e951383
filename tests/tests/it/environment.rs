//! The variables by which others find the models: in every format, for children and for theirs.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use crate::project::{Ended, Project};

/// A project whose roots have a space, quotes, a `$` and letters of another script; its own name has them, too.
fn awkward() -> Project {
    let project = Project::new(
        r#"[providers.huggingface]
root = 'a $ b/it’s "hub" é日'
[providers.torch-hub]
root = "torch"
[models.small]
path = "small.bin"
provider = "torch-hub"
[models.minilm]
path = "minilm"
provider = "huggingface"
hub_id = "owner/minilm"
"#,
    );
    project.write("small.bin", "weights");
    std::fs::create_dir(project.dir().join("minilm")).unwrap();
    project.write("minilm/config.json", "{}");
    project.run(&["lock"]).succeeded();
    project
}

/// What the project's programs are to see.
fn expected(project: &Project) -> BTreeMap<String, String> {
    let below = |path: &str| project.dir().join(path).to_str().unwrap().to_owned();
    let home = "a $ b/it’s \"hub\" é日";
    [("HF_HOME", below(home)), ("HF_HUB_CACHE", below(&format!("{home}/hub"))), ("TORCH_HOME", below("torch"))]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// The expected variables among those that `env` printed.
fn among(printed: &str, expected: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let pairs = printed.lines().filter_map(|line| line.split_once('='));
    let pairs = pairs.filter(|(name, _)| expected.contains_key(*name));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_shell_that_evaluates_env_sees_the_paths_whatever_is_in_them() {
    let project = awkward();
    let script = project.run(&["env"]).succeeded().stdout;
    let output = Command::new("sh").args(["-c", &format!("{script}\nsh -c env")]).env_clear().output().unwrap();
    assert_eq!(among(&Ended::of(&output).stdout, &expected(&project)), expected(&project), "{script}");
}

#[test]
fn every_format_says_the_same_and_the_environment_decides_nothing() {
    let project = awkward();
    let expected = expected(&project);
    let json: BTreeMap<String, String> =
        serde_json::from_str(&project.run(&["env", "--format", "json"]).succeeded().stdout).unwrap();
    assert!(expected.iter().all(|(name, value)| json[name] == *value), "{json:?}");
    assert!(!json.contains_key("HF_HUB_OFFLINE"));
    let mut lines = BTreeMap::new();
    for format in ["sh", "fish", "powershell", "github", "nextest", "cargo", "dotenv"] {
        let text = project.run(&["env", "--format", format]).succeeded().stdout;
        let line = text.lines().find(|line| line.contains("HF_HOME")).unwrap();
        lines.insert(format, line.replace(project.dir().to_str().unwrap(), "DIR"));
    }
    let words: Vec<_> = lines.iter().map(|(format, line)| format!("{format:10} {line}\n")).collect();
    assert_eq!(
        words.concat(),
        "\
cargo      HF_HOME = { value = \"DIR/a $ b/it’s \\\"hub\\\" é日\", force = true }
dotenv     HF_HOME=\"DIR/a \\$ b/it’s \\\"hub\\\" é日\"
fish       set -gx HF_HOME 'DIR/a $ b/it’s \"hub\" é日'
github     HF_HOME=DIR/a $ b/it’s \"hub\" é日
nextest    HF_HOME=DIR/a $ b/it’s \"hub\" é日
powershell $env:HF_HOME = 'DIR/a $ b/it’’s \"hub\" é日'
sh         export HF_HOME='DIR/a $ b/it’s \"hub\" é日'
"
    );
    let cargo = project.run(&["env", "--format", "cargo"]).succeeded().stdout;
    assert!(cargo.starts_with("[env]\n"), "{cargo}");
}

#[test]
fn a_value_that_a_format_cannot_carry_is_refused_before_anything_is_printed() {
    let project = Project::new("[providers.torch-hub]\nroot = \"a\\nb\"\n[providers.huggingface]\nroot = \"hub\"\n");
    let ended = project.run(&["env", "--format", "nextest"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    assert!(ended.stderr.contains("TORCH_HOME") && ended.stderr.contains("has a line break"), "{ended:?}");
    let github = project.run(&["env", "--format", "github"]).succeeded().stdout;
    let (_, value) = github.split_once("TORCH_HOME<<").unwrap();
    let mut lines = value.lines();
    let delimiter = lines.next().unwrap();
    assert!(lines.next().unwrap().ends_with("/project/a"), "{github}");
    assert_eq!((lines.next(), lines.next()), (Some("b"), Some(delimiter)));
}

#[test]
fn offline_tells_the_clients_of_the_hub() {
    let mut project = awkward();
    assert!(project.run(&["--offline", "env"]).succeeded().stdout.contains("export HF_HUB_OFFLINE='1'\n"));
    project.set("CACHE_HARNESS_OFFLINE", "1");
    assert_eq!(project.json(&["env"])["HF_HUB_OFFLINE"], "1");
    for by in ["std", "tokio"] {
        assert!(grandchild(&project, by).contains("HF_HUB_OFFLINE=1\n"));
    }
}

fn grandchild(project: &Project, by: &str) -> String {
    let mut command = project.program(env!("CARGO_BIN_EXE_grandchild"));
    let output = command.args([by, "small", "minilm"]).stdin(Stdio::null()).output().unwrap();
    Ended::of(&output).succeeded().stdout
}

#[test]
fn the_child_of_a_child_sees_the_variables() {
    let project = awkward();
    let expected = expected(&project);
    let run = project.run(&["run", "--", "sh", "-c", "sh -c env"]).succeeded();
    assert_eq!(among(&run.stdout, &expected), expected);
    for by in ["std", "tokio"] {
        let seen = grandchild(&project, by);
        assert_eq!(among(&seen, &expected), expected, "{by}");
        assert!(!seen.contains("HF_HUB_OFFLINE"), "{by}");
    }
}

#[test]
fn a_child_whose_other_caches_are_moved_keeps_to_this_store() {
    let mut project = Project::new("[models.m]\npath = \"m.bin\"\nprovider = \"openai-whisper\"\n");
    project.write("m.bin", "weights");
    project.run(&["lock"]).succeeded();
    let whisper = project.root().join("out/whisper");
    let catalog = std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    project.write("cache-harness.toml", &format!("[providers.openai-whisper]\nroot = {whisper:?}\n{catalog}"));
    project.run(&["warm"]).succeeded();
    let variables = project.json(&["env"]);
    assert_eq!(variables["XDG_CACHE_HOME"], project.root().join("out").to_str().unwrap());
    let status = |project: &Project| project.json(&["status"]);
    let before = status(&project);
    for (name, value) in variables.as_object().unwrap() {
        project.set(name, value.as_str().unwrap());
    }
    let after = status(&project);
    assert_eq!((&after["dir"], &after["models"][0]["state"]), (&before["dir"], &"warm".into()), "{after}");
}
