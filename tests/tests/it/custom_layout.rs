//! Layouts that the catalog describes, and what it must not say.

use std::path::PathBuf;

use crate::inspect::walk;
use crate::project::{Ended, Project};

/// A project with a model of two files for the provider `mine`, which has these lines.
fn scene(provider: &str, model: &str) -> Project {
    let project = Project::new("");
    for (path, text) in [("a/x.bin", "x"), ("b/y.bin", "y")] {
        let path = project.dir().join("files").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    // Pinned by another layout, so that the one in question is not in the way.
    project
        .write("cache-harness.toml", "[models.one.two]\npath = \"files\"\n".replace("one.two", "\"one/two\"").as_str());
    project.run(&["lock", "one/two"]).succeeded();
    let model = format!("[models.\"one/two\"]\npath = \"files\"\nprovider = \"mine\"\n{model}");
    project.write("cache-harness.toml", &format!("[providers.mine]\n{provider}\n{model}"));
    project
}

fn restore(project: &Project) -> Ended {
    project.run(&["restore", "one/two"])
}

#[test]
fn a_described_layout_is_restored_repaired_found_by_its_variables_and_evicted() {
    let project = scene(
        "root = \"out\"\nlayout = \"{root}/{repo}-by-{owner}/{name}/{sha256}/{path}\"\nlinks = \"copy\"\n\
         env = { MY_HOME = \"{root}\", MY_MODELS = \"file://{root}/models\", MY_MODE = \"test\" }",
        "hub_id = \"o/n\"\n",
    );
    restore(&project).succeeded();
    let out = project.dir().join("out");
    let digest = |text: &str| cache_harness::Sha256Digest::of(text.as_bytes()).to_string();
    let path = |text: &str, file: &str| out.join("n-by-o/one/two").join(digest(text)).join(file);
    let report = project.json(&["restore", "one/two"]);
    let model = &report["models"][0];
    assert_eq!((&model["outcome"], &model["provider"]), (&"hit".into(), &"mine".into()));
    assert_eq!(model["path"], out.join("n-by-o/one/two").to_str().unwrap());
    for (file, (text, name)) in model["files"].as_array().unwrap().iter().zip([("x", "a/x.bin"), ("y", "b/y.bin")]) {
        assert_eq!((file["path"].as_str(), &file["link_mode"]), (path(text, name).to_str(), &"copy".into()));
    }
    std::fs::remove_dir_all(&out).unwrap();
    assert_eq!(project.json(&["restore", "one/two"])["models"][0]["outcome"], "repaired");
    let variables = project.json(&["env"]);
    assert_eq!(variables["MY_HOME"], out.to_str().unwrap());
    assert_eq!(variables["MY_MODELS"], format!("file://{}/models", out.display()));
    assert_eq!(variables["MY_MODE"], "test");
    project.run(&["evict", "one/two", "--yes"]).succeeded();
    assert_eq!(walk(&out), Vec::<PathBuf>::new());
}

#[test]
fn a_users_own_files_in_a_described_layout_are_theirs() {
    let project = scene("root = \"out\"\nlayout = \"{root}/{file}\"", "");
    let (x, y) = (project.dir().join("out/x.bin"), project.dir().join("out/y.bin"));
    std::fs::create_dir_all(x.parent().unwrap()).unwrap();
    std::fs::write(&x, "x").unwrap();
    std::fs::write(&y, "mine").unwrap();
    let ended = restore(&project);
    assert!(ended.code == Some(1) && ended.stderr.contains(y.to_str().unwrap()), "{ended:?}");
    std::fs::remove_file(&y).unwrap();
    std::os::unix::fs::symlink(project.root().join("nowhere"), &y).unwrap();
    assert_eq!(restore(&project).code, Some(1));
    std::fs::remove_file(&y).unwrap();
    std::fs::create_dir(&y).unwrap();
    assert_eq!(restore(&project).code, Some(1));
    std::fs::remove_dir(&y).unwrap();
    restore(&project).succeeded();
    project.run(&["evict", "one/two", "--yes"]).succeeded();
    assert_eq!((std::fs::read_to_string(&x).unwrap().as_str(), y.exists()), ("x", false));
}

#[test]
fn a_description_that_cannot_be_meant_is_refused_with_its_place() {
    let layout = |layout: &str| format!("root = \"out\"\nlayout = \"{layout}\"");
    for (provider, model, expected) in [
        (layout("{root}/{name}"), "", "3:10: `layout`: `a/x.bin` and `b/y.bin` of `one/two` would both be `one/two`"),
        (
            layout("{root}/{name}/x"),
            "",
            "3:10: `layout`: `a/x.bin` and `b/y.bin` of `one/two` would both be `one/two/x`",
        ),
        (
            layout("{root}/../{path}"),
            "",
            "3:10: `layout` in [providers.mine]: `{root}/../{path}`: between `/` stands a name",
        ),
        (
            layout("{root}//{path}"),
            "",
            "3:10: `layout` in [providers.mine]: `{root}//{path}`: between `/` stands a name",
        ),
        (layout("/etc/{path}"), "", "3:10: `layout` in [providers.mine]: must begin with `{root}/`"),
        (layout("{root}/{root}/{path}"), "", "3:10: `layout` in [providers.mine]: `{root}` stands once, at the start"),
        (
            layout("{root}/{pth}"),
            "",
            "3:10: `layout` in [providers.mine]: `{pth}` is no placeholder: did you mean `{path}`?",
        ),
        (layout("{root}/{path"), "", "3:10: `layout` in [providers.mine]: `{root}/{path` has `{` without `}`"),
        (
            layout("{root}/all"),
            "",
            "3:10: `layout` in [providers.mine]: `{root}/all` would put every file of every model at one place",
        ),
        (layout("{root}/{owner}/{path}"), "", "3:10: `layout`: `one/two` has no repository"),
        (layout("{root}/{owner}/{path}"), "hub_id = \"n\"\n", "3:10: `layout`: `one/two` has no owner"),
        ("layout = \"{root}/{path}\"".into(), "", "1:12: missing `root` in [providers.mine]"),
        (
            layout("{root}/{path}") + "\nenv = { \"A B\" = \"x\" }",
            "",
            "4:9: `env` in [providers.mine]: `A B` is no name of a variable",
        ),
        (
            layout("{root}/{path}") + "\nenv = { A = \"{name}\" }",
            "",
            "4:9: `env` in [providers.mine]: `{name}`: a value has no placeholder",
        ),
        (
            layout("{root}/{path}") + "\nenv = { A = 1 }",
            "",
            "4:13: `A` in [providers.mine.env] must be a string, found an integer",
        ),
        (
            layout("{root}/{path}") + "\nlinks = \"hard\"",
            "",
            "4:9: `links` in [providers.mine]: expected one of `copy`, `hardlink`",
        ),
        ("root = \"out\"".into(), "", "1:12: `mine` is no provider: "),
    ] {
        let project = scene(&provider, model);
        let ended = restore(&project);
        assert_eq!(ended.code, Some(2), "{provider}: {ended:?}");
        let place = format!("cache-harness.toml:{expected}");
        assert!(ended.stderr.contains(&place), "{provider}:\n{}\n{expected}", ended.stderr);
    }
    let project = scene("root = \"out\"\nlayout = \"{root}/{path}\"\n[providers.mlx]\nlayout = \"{root}/{path}\"", "");
    assert!(restore(&project).stderr.contains(":4:12: `mlx` has a layout of its own"));
}

#[test]
fn two_models_that_would_stand_in_one_place_are_not_both_said_to_be_there() {
    let project = Project::new(
        "[providers.mine]\nroot = \"cust\"\nlayout = \"{root}/{path}\"\n[models.d]\npath = \"d\"\nprovider = \"mine\"\n\
         [models.e]\npath = \"e\"\nprovider = \"mine\"\n",
    );
    for name in ["d", "e"] {
        std::fs::create_dir(project.dir().join(name)).unwrap();
        project.write(&format!("{name}/config.json"), name);
    }
    project.run(&["lock"]).succeeded();
    let ended = project.run(&["restore", "d", "e"]);
    assert!(ended.code == Some(1) && ended.stderr.contains("config.json"), "{ended:?}");
    assert_eq!(std::fs::read(project.dir().join("cust/config.json")).unwrap(), b"d");
}
