//! The lock file under `git merge`, and what a merge that went wrong is told as.

use crate::project::{Ended, Project, left_out};

/// A project under git with this catalog, pinned and committed on `main`; `None` without git.
fn repository(catalog: &str) -> Option<Project> {
    let project = Project::new(catalog);
    if project.program("git").arg("--version").output().is_err() {
        left_out("merges of the lock file", "there is no git here");
        return None;
    }
    for name in ["a", "b", "m", "n", "z"] {
        std::fs::create_dir(project.dir().join(name)).unwrap();
        project.write(&format!("{name}/model.bin"), name);
        project.write(&format!("{name}/tokenizer.json"), "the same for all");
    }
    git(&project, &["init", "--quiet", "--initial-branch=main"]).succeeded();
    commit(&project, &["lock"]);
    Some(project)
}

fn git(project: &Project, arguments: &[&str]) -> Ended {
    let mut command = project.program("git");
    command.args(["-c", "user.name=it", "-c", "user.email=it@example.com"]).args(arguments);
    Ended::of(&command.output().unwrap())
}

/// Runs `cache-harness` with these arguments and commits all that changed.
fn commit(project: &Project, arguments: &[&str]) {
    project.run(arguments).succeeded();
    git(project, &["add", "--all"]).succeeded();
    git(project, &["commit", "--quiet", "--message", "it"]).succeeded();
}

/// Merges a branch that declares and pins `theirs` with one that declares and pins `ours`.
fn merge(project: &Project, base: &str, ours: &str, theirs: &str, both: &str) -> Ended {
    for (branch, declared) in [("theirs", theirs), ("ours", ours)] {
        git(project, &["checkout", "--quiet", "-b", branch, "main"]).succeeded();
        project.write("cache-harness.toml", &format!("{base}{declared}"));
        commit(project, &["lock"]);
    }
    let merged = git(project, &["merge", "--quiet", "theirs"]);
    // The catalog is written by people, who also say how it is merged.
    project.write("cache-harness.toml", &format!("{base}{both}"));
    merged
}

fn declared(names: &[&str]) -> String {
    names.iter().fold(String::new(), |text, name| format!("{text}[models.{name}]\npath = \"{name}\"\n"))
}

fn lock(project: &Project) -> String {
    std::fs::read_to_string(project.dir().join("cache-harness.lock")).unwrap()
}

#[test]
fn two_branches_that_add_models_merge_into_what_lock_would_write() {
    for (base, ours, theirs) in [("a z", "m", "n"), ("a", "n", "m"), ("a z", "b m", "n"), ("b n", "a m z", "m")] {
        let words = |text: &'static str| text.split(' ').collect::<Vec<_>>();
        let (ours, theirs) = (words(ours), words(theirs));
        let Some(project) = repository(&declared(&words(base))) else { return };
        let mut both = [ours.clone(), theirs.clone()].concat();
        both.sort_unstable();
        both.dedup();
        let [base, ours, theirs, both] = [words(base), ours, theirs, both].map(|names| declared(&names));
        merge(&project, &base, &ours, &theirs, &both);
        assert!(!lock(&project).contains("<<<<<<<"), "{}", lock(&project));
        project.run(&["lock", "--check"]).succeeded();
        project.run(&["lock"]).succeeded();
        let merged = lock(&project);
        std::fs::remove_file(project.dir().join("cache-harness.lock")).unwrap();
        project.run(&["lock"]).succeeded();
        assert_eq!(merged, lock(&project));
    }
}

#[test]
fn a_model_that_both_branches_changed_is_refused_with_its_place() {
    let Some(project) = repository(&declared(&["a", "z"])) else { return };
    for (branch, bytes) in [("theirs", "one"), ("ours", "other")] {
        git(&project, &["checkout", "--quiet", "-b", branch, "main"]).succeeded();
        std::fs::write(project.dir().join("a").join(format!("{branch}.bin")), bytes).unwrap();
        commit(&project, &["lock"]);
    }
    git(&project, &["merge", "--quiet", "theirs"]).succeeded();
    let ended = project.run(&["lock", "--check"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("cache-harness.lock:13:3: "), "{ended:?}");
}

#[test]
fn the_rule_for_git_is_written_with_the_first_lock_file_and_no_more() {
    let Some(project) = repository(&declared(&["a"])) else { return };
    let rules = project.dir().join(".gitattributes");
    assert_eq!(std::fs::read_to_string(&rules).unwrap(), "cache-harness.lock merge=union\n");
    std::fs::write(&rules, "*.bin binary").unwrap();
    project.write("cache-harness.toml", &declared(&["a", "b"]));
    project.run(&["lock"]).succeeded();
    assert_eq!(std::fs::read_to_string(&rules).unwrap(), "*.bin binary");
    std::fs::remove_file(project.dir().join("cache-harness.lock")).unwrap();
    project.run(&["lock"]).succeeded();
    assert_eq!(std::fs::read_to_string(&rules).unwrap(), "*.bin binary\ncache-harness.lock merge=union\n");
    let elsewhere = Project::new("");
    elsewhere.run(&["lock"]).succeeded();
    assert!(!elsewhere.dir().join(".gitattributes").exists());
}
