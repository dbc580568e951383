//! `doctor` on variables, and on the folders that they lead consumers to.

use crate::doctor::{found, only};
use crate::project::Project;

const MODEL: &str = "[models.m]\npath = \"w\"\nprovider = \"huggingface\"\nhub_id = \"owner/m\"\n";

/// A project under these variables, in which `@/` stands for the folder that everything is in.
fn project(variables: &[(&str, &str)]) -> Project {
    let mut project = Project::new(MODEL);
    project.write("w", "weights");
    project.run(&["lock"]).succeeded();
    for (name, value) in variables {
        let value = resolved(&project, value);
        project.set(name, value);
    }
    project
}

fn resolved(project: &Project, text: &str) -> String {
    text.replace("@/", &format!("{}/", project.root().display()))
}

/// That these variables give exactly this finding, and no other that is as bad.
#[track_caller]
fn gives(variables: &[(&str, &str)], level: &str, id: &str, message: &str, mend: &str) {
    let project = project(variables);
    let (code, diagnosis) = found(&project, &[]);
    let finding = only(&diagnosis, id);
    assert_eq!(finding["level"], level, "{finding}");
    assert!(finding["message"].as_str().unwrap().contains(&resolved(&project, message)), "{finding}");
    assert_eq!(finding["mend"].as_str().unwrap_or_default(), resolved(&project, mend), "{finding}");
    assert_eq!(code, i32::from(level == "error"), "{diagnosis}");
    let counts = (diagnosis["errors"].as_u64(), diagnosis["warnings"].as_u64());
    assert_eq!(counts, (Some(u64::from(level == "error")), Some(u64::from(level == "warning"))), "{diagnosis}");
}

#[test]
fn a_variable_that_no_current_consumer_reads_is_dead() {
    gives(
        &[("TRANSFORMERS_CACHE", "@/other")],
        "warning",
        "variable-dead",
        "`TRANSFORMERS_CACHE` does nothing: no current transformers reads it",
        "export HF_HUB_CACHE=@/other; unset TRANSFORMERS_CACHE",
    );
    gives(
        &[("MLX_CACHE_DIR", "@/other"), ("HF_HUB_CACHE", "@/hub")],
        "warning",
        "variable-dead",
        "`MLX_CACHE_DIR` does nothing",
        "unset MLX_CACHE_DIR",
    );
}

#[test]
fn a_dead_variable_that_says_what_the_living_one_says_does_no_harm() {
    let project = project(&[("TRANSFORMERS_CACHE", "@/hub"), ("HF_HUB_CACHE", "@/hub")]);
    let diagnosis = project.json(&["doctor"]);
    assert_eq!(diagnosis["warnings"], 0, "{diagnosis}");
}

#[test]
fn of_two_names_of_one_folder_the_one_that_loses_is_named() {
    gives(
        &[("HF_HUB_CACHE", "@/one"), ("HUGGINGFACE_HUB_CACHE", "@/two")],
        "warning",
        "variable-shadowed",
        "`HUGGINGFACE_HUB_CACHE` does nothing: `HF_HUB_CACHE` names another folder and wins",
        "unset HUGGINGFACE_HUB_CACHE",
    );
}

#[test]
fn hf_home_means_two_folders_which_matters_where_fastembed_is_built() {
    gives(&[("HF_HOME", "@/hf")], "note", "hf-home-two-meanings", "fastembed (Rust) in `@/hf` itself", "");
    let project = project(&[("HF_HOME", "@/hf")]);
    project.write("Cargo.lock", "version = 4\n\n[[package]]\nname = \"fastembed\"\nversion = \"5.0.0\"\n");
    let finding = only(&project.json(&["doctor"]), "hf-home-two-meanings");
    assert_eq!(finding["level"], "warning");
    assert!(finding["mend"].as_str().unwrap().contains("with_cache_dir"), "{finding}");
}

#[test]
fn what_hf_hub_does_not_expand_is_told_with_the_expanded_path() {
    let project = project(&[("HF_HUB_CACHE", "~/models")]);
    let finding = only(&project.json(&["doctor"]), "variable-unexpanded");
    let expected = format!("export HF_HUB_CACHE={}/models", project.home().display());
    assert_eq!((&finding["level"], &finding["mend"]), (&"warning".into(), &expected.into()));
}

#[test]
fn a_relative_path_is_told_as_what_each_program_takes_from_elsewhere() {
    let project = project(&[("TORCH_HOME", "models")]);
    let finding = only(&project.json(&["doctor"]), "variable-relative");
    let expected = format!("export TORCH_HOME={}/models", project.dir().display());
    assert_eq!((&finding["level"], &finding["mend"]), (&"warning".into(), &expected.into()));
}

#[test]
fn a_misspelt_variable_of_ours_is_told_with_the_right_name() {
    gives(
        &[("CACHE_HARNESS_MAXSIZE", "3GB")],
        "warning",
        "variable-misspelt",
        "nobody reads `CACHE_HARNESS_MAXSIZE`: did you mean `CACHE_HARNESS_MAX_SIZE`?",
        "export CACHE_HARNESS_MAX_SIZE=3GB; unset CACHE_HARNESS_MAXSIZE",
    );
    gives(
        &[("CACHE_HARNES_DIR", "@/x")],
        "warning",
        "variable-misspelt",
        "did you mean `CACHE_HARNESS_DIR`?",
        "export CACHE_HARNESS_DIR=@/x; unset CACHE_HARNES_DIR",
    );
    gives(
        &[("CACHE_HARNESS_NOTHING_LIKE_IT", "1")],
        "warning",
        "variable-misspelt",
        "nobody reads `CACHE_HARNESS_NOTHING_LIKE_IT`",
        "unset CACHE_HARNESS_NOTHING_LIKE_IT",
    );
}

#[test]
fn proxies_are_told_without_their_password_and_two_of_them_are_a_contradiction() {
    gives(
        &[("HTTPS_PROXY", "http://me:secret@proxy.example:3128")],
        "note",
        "proxy",
        "`HTTPS_PROXY` leads requests through http://proxy.example:3128/",
        "",
    );
    gives(
        &[("HTTPS_PROXY", "http://a.example"), ("https_proxy", "http://b.example")],
        "warning",
        "proxy-contradiction",
        "`HTTPS_PROXY` and `https_proxy` name two proxies",
        "unset https_proxy",
    );
}

#[test]
fn a_switch_that_nobody_understands_counts_as_off_and_that_is_told() {
    gives(
        &[("HF_HUB_OFFLINE", "maybe")],
        "warning",
        "switch-unread",
        "`HF_HUB_OFFLINE` is `maybe`, which counts as off",
        "export HF_HUB_OFFLINE=1",
    );
}

#[test]
fn each_root_is_told_with_the_variable_that_decides_it() {
    let decided = |variables: &[(&str, &str)], provider: &str| {
        let diagnosis = project(variables).json(&["doctor"]);
        let roots = diagnosis["roots"].as_array().unwrap();
        let root = roots.iter().find(|root| root["provider"] == provider).unwrap();
        root["decided_by"].as_str().unwrap().to_owned()
    };
    assert_eq!(decided(&[("HF_HUB_CACHE", "@/one"), ("HF_HOME", "@/two")], "huggingface"), "HF_HUB_CACHE");
    assert_eq!(decided(&[("HF_HOME", "@/two")], "huggingface"), "HF_HOME");
    assert_eq!(decided(&[("TORCH_HOME", "@/two")], "torch-hub"), "TORCH_HOME");
    assert_eq!(decided(&[], "torch-hub"), "XDG_CACHE_HOME");
    assert_eq!(decided(&[("XDG_CACHE_HOME", "")], "torch-hub"), "default");
}

#[test]
fn a_root_that_its_consumer_does_not_look_at_is_told_until_a_variable_leads_there() {
    let mut project = project(&[]);
    project.write("cache-harness.toml", &format!("[providers.huggingface]\nroot = \"hf\"\n{MODEL}"));
    let finding = only(&project.json(&["doctor"]), "root-unseen");
    assert_eq!((&finding["level"], &finding["mend"]), (&"error".into(), &"eval \"$(cache-harness env)\"".into()));
    assert_eq!(project.run(&["doctor"]).code, Some(1));
    let root = project.dir().join("hf");
    std::fs::create_dir(project.dir().join(".cargo")).unwrap();
    let hub = root.join("hub");
    let variables = format!("[env]\nHF_HOME = \"{}\"\nHF_HUB_CACHE = \"{}\"\n", root.display(), hub.display());
    project.write(".cargo/config.toml", &variables);
    let diagnosis = project.json(&["doctor"]);
    assert_eq!((&diagnosis["errors"], &diagnosis["warnings"]), (&0.into(), &0.into()), "{diagnosis}");
    std::fs::remove_file(project.dir().join(".cargo/config.toml")).unwrap();
    project.set("HF_HUB_CACHE", root.join("hub").to_str().unwrap());
    let diagnosis = project.json(&["doctor"]);
    assert_eq!((&diagnosis["errors"], &diagnosis["warnings"]), (&0.into(), &0.into()), "{diagnosis}");
}
