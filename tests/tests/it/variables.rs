//! The variables by which other processes find the models, and tests whose own process would look elsewhere.

use std::path::Path;

use serde_json::{Value, json};

use crate::project::{Ended, Project};

/// A project that configures providers, with one model of `provider`.
fn scene(providers: &str, provider: &str) -> Project {
    let project = Project::new("");
    std::fs::write(project.dir().join("tiny.pt"), "weights").unwrap();
    let hub_id = if matches!(provider, "directory" | "openai-whisper" | "mine") { "" } else { "hub_id = \"o/n\"\n" };
    let model = format!("[models.m]\npath = \"tiny.pt\"\nprovider = \"{provider}\"\n{hub_id}");
    project.write("cache-harness.toml", &format!("{providers}\n{model}"));
    project
}

fn variables(providers: &str, provider: &str) -> Value {
    let project = scene(providers, provider);
    let text = project.json(&["env"]).to_string();
    serde_json::from_str(&text.replace(project.dir().to_str().unwrap(), "P")).unwrap()
}

#[test]
fn each_provider_tells_where_its_consumer_and_older_code_look() {
    for (providers, provider, expected) in [
        (
            "huggingface",
            "huggingface",
            json!({"HF_HOME": "P/r", "HF_HUB_CACHE": "P/r/hub", "TRANSFORMERS_CACHE": "P/r/hub"}),
        ),
        (
            "mlx",
            "mlx",
            json!({"HF_HOME": "P/r", "HF_HUB_CACHE": "P/r/hub", "TRANSFORMERS_CACHE": "P/r/hub", "MLX_CACHE_DIR": "P/r/hub"}),
        ),
        ("sentence-transformers", "sentence-transformers", json!({"SENTENCE_TRANSFORMERS_HOME": "P/r"})),
        ("fastembed", "fastembed", json!({"FASTEMBED_CACHE_PATH": "P/r"})),
        ("fastembed-rs", "fastembed-rs", json!({"HF_HOME": "P/r", "FASTEMBED_CACHE_DIR": "P/r"})),
        ("llama-cpp", "llama-cpp", json!({"LLAMA_CACHE": "P/r"})),
        ("llama-cpp-flat", "llama-cpp-flat", json!({"LLAMA_CACHE": "P/r"})),
        ("torch-hub", "directory", json!({"TORCH_HOME": "P/r"})),
        ("ollama", "directory", json!({"OLLAMA_MODELS": "P/r"})),
        ("ort", "directory", json!({"ORT_CACHE_DIR": "P/r"})),
        ("directory", "directory", json!({})),
        // It has no variable of its own, and looks in a folder of this name.
        ("openai-whisper", "openai-whisper", json!({})),
    ] {
        let root = format!("[providers.{providers}]\nroot = \"r\"");
        assert_eq!(variables(&root, provider), expected, "{providers}");
    }
    let named = "[providers.openai-whisper]\nroot = \"c/whisper\"";
    let mut named = variables(named, "openai-whisper");
    // With it, the store itself would move.
    let store = named.as_object_mut().unwrap().remove("CACHE_HARNESS_DIR").unwrap();
    assert!(store.as_str().unwrap().ends_with("/.cache/cache-harness"), "{store}");
    assert_eq!(named, json!({"XDG_CACHE_HOME": "P/c"}));
    // Those that read the Hub's variables follow its root.
    let followed = variables("[providers.huggingface]\nroot = \"r\"", "llama-cpp");
    assert_eq!((&followed["LLAMA_CACHE"], &followed["HF_HUB_CACHE"]), (&"P/r/hub".into(), &"P/r/hub".into()));
    let offline = variables("[cache]\noffline = true", "directory");
    assert_eq!(offline, json!({"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}));
}

#[test]
fn providers_that_contradict_each_other_are_named() {
    let told = |providers: &str, provider: &str| {
        let ended = scene(providers, provider).run(&["env"]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        ended.stderr
    };
    let both = "[providers.huggingface]\nroot = \"h\"\n[providers.fastembed-rs]\nroot = \"f\"";
    let stderr = told(both, "directory");
    assert!(stderr.contains("HF_HOME: provider `fastembed-rs` needs `"), "{stderr}");
    assert!(stderr.contains("and `huggingface` needs `"), "{stderr}");
    // With the Hub's variables the crate fastembed would look in its home.
    let stderr = told("[providers.huggingface]\nroot = \"h\"", "fastembed-rs");
    assert!(stderr.contains("provider `fastembed-rs`: with the variables of the other providers"), "{stderr}");
    let same = both.replace("\"f\"", "\"h\"");
    assert_eq!(variables(&same, "directory")["HF_HOME"], "P/h");
    let mine = "[providers.mine]\nroot = \"m\"\nlayout = \"{root}/{path}\"\nenv = { TORCH_HOME = \"{root}\" }\n\
                [providers.torch-hub]\nroot = \"t\"";
    assert!(told(mine, "directory").contains("TORCH_HOME: provider `torch-hub` needs `"));
}

/// The annotated test, in a process with these variables.
fn test(project: &Project, variables: &[(&str, &Path)]) -> Ended {
    let mut command = project.program(env!("CARGO_BIN_EXE_annotated-test"));
    command.arg("m").env("CACHE_HARNESS_CONFIG", project.dir().join("cache-harness.toml"));
    command.env("RUST_BACKTRACE", "0").envs(variables.iter().copied());
    Ended::of(&command.output().unwrap())
}

#[test]
fn a_root_that_the_tests_own_consumer_would_not_look_in_is_an_error_with_the_line_to_add() {
    let project = scene("[providers.huggingface]\nroot = \"r\"", "huggingface");
    project.run(&["lock", "m"]).succeeded();
    let root = project.dir().join("r");
    let ended = test(&project, &[]);
    assert_ne!(ended.code, Some(0), "{ended:?}");
    for said in [
        format!("provider `huggingface` has its files in `{}`", root.join("hub").display()),
        format!("would look in `{}`", project.home().join(".cache/huggingface/hub").display()),
        format!("\n  HF_HOME = \"{}\"", root.display()),
        "`check_environment = false` in [providers.huggingface]".to_owned(),
    ] {
        assert!(ended.stderr.contains(&said), "{said}\n{}", ended.stderr);
    }
    // One variable that leads there is enough; so is a command that sets them, or the waiver.
    test(&project, &[("HF_HOME", &root)]).succeeded();
    test(&project, &[("HF_HUB_CACHE", &root.join("hub"))]).succeeded();
    let program = env!("CARGO_BIN_EXE_annotated-test");
    project.run(&["run", "--no-warm", "--", program, "m"]).succeeded();
    project.run(&["restore", "m"]).succeeded();
    project.run(&["warm", "m"]).succeeded();
    let catalog = std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    let waived = catalog.replace("root = \"r\"", "root = \"r\"\ncheck_environment = false");
    project.write("cache-harness.toml", &waived);
    test(&project, &[]).succeeded();
}

#[test]
fn a_described_consumer_is_believed_to_look_where_its_variable_says() {
    let providers = "[providers.mine]\nroot = \"m\"\nlayout = \"{root}/{path}\"\nenv = { MY_HOME = \"{root}\" }";
    let project = scene(providers, "mine");
    project.run(&["lock", "m"]).succeeded();
    test(&project, &[]).succeeded();
    test(&project, &[("MY_HOME", &project.dir().join("m"))]).succeeded();
    let ended = test(&project, &[("MY_HOME", Path::new("/elsewhere"))]);
    assert!(ended.stderr.contains("would look in `/elsewhere`"), "{}", ended.stderr);
}
