//! `doctor` where the configuration itself is broken: it tells what and where, and goes on with the rest.

use crate::doctor::{found, only};
use crate::project::Project;

const DIGEST: &str = "be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21";

fn model() -> String {
    format!("[models.a]\nurls = [\"https://a.example/a.bin\"]\nsha256 = \"{DIGEST}\"\n")
}

#[test]
fn a_catalog_that_does_not_parse_is_told_with_line_and_column_and_the_store_is_still_looked_at() {
    let project = Project::new("[cache]\nmax_size = \n");
    let (code, diagnosis) = found(&project, &[]);
    let finding = only(&diagnosis, "malformed");
    assert_eq!((code, finding["level"].as_str().unwrap()), (1, "error"), "{finding}");
    assert!(finding["message"].as_str().unwrap().contains("cache-harness.toml:2:12: "), "{finding}");
    assert!(finding["mend"].as_str().unwrap().starts_with("correct line 2 of `"), "{finding}");
    let findings = diagnosis["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["check"] == "storage"), "{diagnosis}");
    assert_eq!(only(&diagnosis, "passed-over")["level"], "note");
}

#[test]
fn a_broken_model_leaves_the_settings_of_its_file_in_force() {
    let project =
        Project::new("[cache]\nmax_size = \"3GB\"\n[models.a]\nurls = [\"https://a.example/a.bin\"]\nsha255 = \"x\"\n");
    let (code, diagnosis) = found(&project, &[]);
    let finding = only(&diagnosis, "malformed");
    assert_eq!(code, 1);
    assert!(finding["message"].as_str().unwrap().contains("cache-harness.toml:5:1: "), "{finding}");
    assert!(finding["mend"].as_str().unwrap().contains("did you mean `sha256`?"), "{finding}");
    let size = diagnosis["settings"].as_array().unwrap().iter().find(|row| row["name"] == "max_size").unwrap();
    assert!(size["origin"].as_str().unwrap().ends_with("cache-harness.toml:2"), "{size}");
}

#[test]
fn a_broken_lock_file_is_told_once_and_nothing_is_compared_with_it() {
    let project = Project::new(&model());
    project.write("cache-harness.lock", "version = 1\n[models.a]\nsource = 3\n");
    let (code, diagnosis) = found(&project, &[]);
    let message = only(&diagnosis, "malformed")["message"].as_str().unwrap().to_owned();
    assert!(code == 1 && message.contains("cache-harness.lock:3:10: "), "{message}");
    assert_eq!(diagnosis["errors"], 1, "{diagnosis}");
}

#[test]
fn variables_that_cannot_be_used_are_all_told_with_how_to_unset_them() {
    let mut project = Project::new(&model());
    project.set("CACHE_HARNESS_MAX_SIZE", "big");
    project.set("CACHE_HARNESS_OFFLINE", "maybe");
    let (code, diagnosis) = found(&project, &[]);
    let mends = diagnosis["findings"].as_array().unwrap().iter().filter(|one| one["id"] == "variable-unusable");
    let mends: Vec<_> = mends.map(|finding| finding["mend"].as_str().unwrap()).collect();
    assert_eq!((code, mends), (1, vec!["unset CACHE_HARNESS_OFFLINE", "unset CACHE_HARNESS_MAX_SIZE"]));
    assert_eq!(diagnosis["files"]["models"], 1, "{diagnosis}");
}

#[test]
fn a_malformed_token_is_told_and_never_printed() {
    let mut project = Project::new(&model());
    project.set("HF_TOKEN", "hf_secret word");
    let ended = project.run(&["doctor"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("HF_TOKEN: the token has a character that no token has"), "{ended:?}");
    assert!(ended.stdout.contains("mend: unset HF_TOKEN"), "{ended:?}");
    let json = project.json(&["doctor"]).to_string();
    assert!(!format!("{ended:?}{json}").contains("hf_secret"), "{ended:?}");
}

#[test]
fn a_catalog_that_a_variable_names_and_that_is_not_there_is_told() {
    let mut project = Project::new(&model());
    project.set("CACHE_HARNESS_CONFIG", "/no/such.toml");
    let (code, diagnosis) = found(&project, &[]);
    let finding = only(&diagnosis, "variable-unusable");
    assert_eq!((code, finding["mend"].as_str().unwrap()), (1, "unset CACHE_HARNESS_CONFIG"), "{finding}");
}

#[test]
fn without_a_home_and_without_a_catalog_the_rest_is_still_told() {
    let project = Project::new("");
    std::fs::remove_file(project.dir().join("cache-harness.toml")).unwrap();
    let mut command = project.command(&["doctor", "--json"]);
    for name in ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        command.env_remove(name);
    }
    let output = command.env("TRANSFORMERS_CACHE", "/elsewhere").output().unwrap();
    let diagnosis: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{diagnosis}");
    for id in ["unreadable", "no-catalog", "variable-dead"] {
        only(&diagnosis, id);
    }
}

#[test]
fn a_pipe_in_place_of_a_file_is_not_waited_for() {
    let project = Project::new(&model());
    let pipe = project.dir().join("cache-harness.lock");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (code, diagnosis) = found(&project, &[]);
    assert_eq!(code, 1, "{diagnosis}");
}
