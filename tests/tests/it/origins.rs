//! Every effective setting says where it comes from.

use serde_json::{Value, json};

use crate::project::Project;

#[test]
fn every_setting_tells_its_file_and_line_variable_flag_or_default() {
    let mut project = Project::new(
        "[cache]\nmax_size = \"1GB\"\ndir = \"here\"\n[providers.torch-hub]\nroot = \"../torch\"\n\
         [application_caches.\"a b\"]\npath = \"$OUT/tmdb\"\nmax_age = \"90d\"\n[application_caches.c]\npath = \"~/c\"\n\
         [remote]\nurl = \"https://cas.example/x\"\n\
         [models.hub]\nhub = \"owner/a\"\n[models.torch]\nurls = [\"https://a.example/x.pt\"]\nprovider = \"torch-hub\"\n",
    );
    std::fs::create_dir_all(project.dir().join("crates/deep")).unwrap();
    for (name, value) in [
        ("CACHE_HARNESS_MAX_AGE", "2d"),
        ("HF_HOME", "/hf"),
        ("OUT", "/out"),
        ("HF_TOKEN", "hf_secret"),
        ("HF_ENDPOINT", "https://hub.example/"),
    ] {
        project.set(name, value);
    }
    let mut command = project.command(&["--offline", "status", "--origins"]);
    let ended = crate::project::Ended::of(&command.current_dir(project.dir().join("crates/deep")).output().unwrap());
    let root = project.root().canonicalize().unwrap();
    let text = ended.succeeded().stdout.replace(root.to_str().unwrap(), "/ROOT");
    let (_, settings) = text.split_once("\n\n[cache]\n").unwrap();
    let lines: Vec<_> = settings.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines.join("\n"),
        "\
dir /ROOT/project/here cache-harness.toml:3
max_size 1.00 GB cache-harness.toml:2
max_age 2 days CACHE_HARNESS_MAX_AGE
rehash_after 30 days default
verify memo default
offline true --offline
min_free_disk 0 B ~/.config/cache-harness/config.toml:2
strict_budget false default
when_unusable bypass default
patience 1 min default
mirrors none default
connections 8 default
variant none default

[providers.huggingface]
root /hf/hub HF_HOME

[providers.torch-hub]
root /ROOT/torch cache-harness.toml:5

[application_caches.\"a b\"]
path /out/tmdb cache-harness.toml:7
max_age 90 days cache-harness.toml:8

[application_caches.c]
path /ROOT/home/c cache-harness.toml:10
max_age never default

[remote]
url https://cas.example/x cache-harness.toml:12
mode read default

[environment]
HF_ENDPOINT https://hub.example HF_ENDPOINT
HF_TOKEN *** HF_TOKEN
state /ROOT/home/.local/state/cache-harness
XDG_STATE_HOME"
    );
}

#[test]
fn programs_read_the_same_in_bytes_and_seconds() {
    let project = Project::new("[cache]\nmax_age = \"2d\"\n[application_caches.c]\npath = \"c\"\n");
    assert_eq!(project.json(&["status"])["settings"], Value::Null);
    let status = project.json(&["status", "--origins"]);
    let setting = |section: &str, key: &str| {
        let mut settings = status["settings"].as_array().unwrap().iter();
        let found = settings.find(|setting| setting["section"] == section && setting["key"] == key).unwrap();
        (found["value"].clone(), found["origin"].as_str().unwrap().to_owned())
    };
    assert_eq!(setting("cache", "max_size"), (json!(2_000_000_000), "default".to_owned()));
    let file = project.dir().join("cache-harness.toml").display().to_string();
    assert_eq!(setting("cache", "max_age"), (json!(172_800.0), format!("{file}:2")));
    assert_eq!(setting("cache", "offline"), (json!(false), "default".to_owned()));
    assert_eq!(setting("application_caches.c", "max_age"), (json!("never"), "default".to_owned()));
}
