//! Stand-ins: small variants that have to declare what their model does, also after either has changed.

use std::fmt::Write as _;

use cache_harness::testkit::Server;
use tests::hub::{Hub, Repository};

use crate::pinned::COMMIT;
use crate::project::{Ended, Project};

const MOVED: &str = "1111111111111111111111111111111111111111";

/// A safetensors file with tensors of 32-bit floats: each with its name and size, which is that of a square.
fn safetensors(tensors: &[(&str, usize)]) -> Vec<u8> {
    let (mut header, mut end) = (String::new(), 0);
    for (name, width) in tensors {
        let begin = end;
        end += width * width * 4;
        let separator = if header.is_empty() { '{' } else { ',' };
        let shape = format!("[{width},{width}]");
        let _ =
            write!(header, r#"{separator}"{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{begin},{end}]}}"#);
    }
    header.push('}');
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.into_bytes());
    file.resize(file.len() + end, 0);
    file
}

const WIDE: [(&str, usize); 2] = [("embed", 1000), ("head", 20)];
const NARROW: [(&str, usize); 2] = [("head", 2), ("embed", 2)];

/// A Hub with `owner/tiny`, 4 MB, and a project that declares it and has `mini` as its stand-in. Nothing is pinned.
fn project(mini: &[(&str, usize)]) -> (Hub, Repository, Project) {
    let hub = Hub::start();
    let repository = repository(COMMIT, &WIDE);
    hub.put(&repository, "main");
    let mut project = Project::new(
        "[models.tiny]\nhub = \"owner/tiny\"\n\
         [models.tiny.variants.mini]\npath = \"mini.safetensors\"\nstand_in = true\n",
    );
    project.set("HF_ENDPOINT", hub.server.url());
    std::fs::write(project.dir().join("mini.safetensors"), safetensors(mini)).unwrap();
    (hub, repository, project)
}

fn repository(commit: &str, tensors: &[(&str, usize)]) -> Repository {
    Repository::new("owner/tiny", commit).small("config.json", "{}").stored("model.safetensors", safetensors(tensors))
}

fn lock_file(project: &Project) -> String {
    std::fs::read_to_string(project.dir().join("cache-harness.lock")).unwrap_or_default()
}

/// The `signature` of each block, in the order of the lock file.
fn signatures(project: &Project) -> Vec<String> {
    let pins = project.pins();
    let values = pins.lines().filter_map(|line| line.strip_prefix("signature = "));
    values.map(|value| value.trim_matches('"').to_owned()).collect()
}

#[track_caller]
fn refused(ended: &Ended, expected: &str) {
    assert!(ended.code == Some(1) && ended.stderr.contains(expected), "{ended:?}");
}

#[test]
fn it_is_compared_with_the_header_of_a_model_that_nobody_downloads() {
    let (hub, repository, project) = project(&NARROW);
    project.run(&["lock"]).succeeded();
    let (_, files) = hub.requests();
    let weights: Vec<_> = files.iter().filter(|request| !request.path.ends_with("config.json")).collect();
    assert_eq!(weights.len(), 2, "{weights:?}");
    assert_eq!(weights[0].path, repository.resolve("model.safetensors"));
    assert_eq!(weights[1].header("Range"), Some("bytes=0-131071"));
    assert!(weights.iter().map(|request| request.bytes_sent).sum::<u64>() <= 128 << 10);

    let both = signatures(&project);
    assert!(both.len() == 2 && both[0] == both[1] && both[0].len() == 16, "{both:?}");
    let locked = lock_file(&project);
    hub.server.clear_log();
    project.run(&["lock", "--check", "--offline"]).succeeded();
    // What did not change is not read again.
    let said = project.run(&["lock", "--offline"]).succeeded().stdout;
    assert_eq!(said, "tiny: unchanged\ntiny@mini: unchanged\n");
    assert_eq!((lock_file(&project), hub.server.requests().len()), (locked, 0));
}

#[test]
fn one_that_declares_something_else_is_refused_with_the_differences_and_pins_nothing() {
    let (_hub, _, project) = project(&[("head", 2), ("extra", 1)]);
    let ended = project.run(&["lock"]);
    refused(
        &ended,
        "error: `tiny@mini` cannot stand in for `tiny`: `mini.safetensors` declares other things than `model.safetensors`\n  \
         missing: safetensors tensor `embed` (F32, rank 2)\n  \
         unexpected: safetensors tensor `extra` (F32, rank 2)\n\
         hint: nothing of the two was pinned: ",
    );
    assert!(ended.stderr.contains("`cache-harness lock tiny tiny@mini`"), "{ended:?}");
    assert!(!lock_file(&project).contains("[models."));
}

#[test]
fn a_model_that_moved_away_from_it_is_not_pinned_and_one_that_moved_along_is() {
    let (hub, _, project) = project(&NARROW);
    project.run(&["lock"]).succeeded();
    let locked = lock_file(&project);
    hub.put(&repository(MOVED, &[("embed", 9), ("new", 9)]), "main");
    refused(&project.run(&["lock", "--upgrade", "tiny"]), "missing: safetensors tensor `new` (F32, rank 2)");
    assert_eq!(lock_file(&project), locked);

    // The stand-in's own block is signed anew though only the model was named.
    std::fs::write(project.dir().join("mini.safetensors"), safetensors(&[("embed", 1), ("new", 1)])).unwrap();
    refused(&project.run(&["lock", "tiny@mini"]), "unexpected: safetensors tensor `new`");
    let said = project.run(&["lock", "--upgrade"]).succeeded().stdout;
    assert!(said.contains("  signature: "), "{said}");
    let both = signatures(&project);
    assert!(both.len() == 2 && both[0] == both[1] && !locked.contains(&both[0]), "{both:?}");
    project.run(&["lock", "--check"]).succeeded();
}

#[test]
fn the_check_finds_a_stand_in_that_was_never_compared_or_not_with_this_model() {
    let (_hub, _, project) = project(&NARROW);
    project.run(&["lock"]).succeeded();
    let pins = project.pins();
    let signature = &signatures(&project)[0];
    project.write("cache-harness.lock", &pins.replacen(signature, "0000000000000000", 1));
    for names in [&["lock", "--check"][..], &["lock", "--check", "tiny"], &["lock", "--check", "tiny@mini"]] {
        let ended = project.run(names);
        refused(&ended, "run `cache-harness lock tiny@mini`");
        assert_eq!(ended.stdout, "tiny@mini: has another signature than `tiny`, whose stand-in it is\n");
    }
    project.write("cache-harness.lock", &pins.replacen(&format!("signature = \"{signature}\"\n"), "", 1));
    let found = project.json(&["lock", "--check"])["disagreements"].to_string();
    assert_eq!(found, r#"[{"name":"tiny@mini","reasons":["is a stand-in, but was not compared with `tiny`"]}]"#);
    project.run(&["lock", "tiny@mini"]).succeeded();
    project.run(&["lock", "--check"]).succeeded();
}

#[test]
fn it_is_added_only_if_it_stands_in_and_its_model_is_unsigned_when_it_goes() {
    let (_hub, _, project) = project(&NARROW);
    project.write("cache-harness.toml", "[models.tiny]\nhub = \"owner/tiny\"\n");
    project.run(&["lock"]).succeeded();
    let unsigned = lock_file(&project);
    assert!(!unsigned.contains("signature"), "{unsigned}");
    std::fs::write(project.dir().join("wrong.safetensors"), safetensors(&[("embed", 2)])).unwrap();
    let catalog = std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    refused(
        &project.run(&["add", "tiny@mini", "wrong.safetensors", "--stand-in"]),
        "missing: safetensors tensor `head`",
    );
    assert_eq!(std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap(), catalog);
    assert_eq!(lock_file(&project), unsigned);

    project.run(&["add", "tiny@mini", "mini.safetensors", "--stand-in"]).succeeded();
    let catalog = std::fs::read_to_string(project.dir().join("cache-harness.toml")).unwrap();
    assert!(
        catalog.contains("[models.tiny.variants.mini]\npath = \"mini.safetensors\"\nstand_in = true\n"),
        "{catalog}"
    );
    assert_eq!(signatures(&project).len(), 2);
    project.run(&["lock", "--check"]).succeeded();
    project.run(&["remove", "tiny@mini", "--yes"]).succeeded();
    assert_eq!(lock_file(&project), unsigned);

    let ended = project.run(&["add", "other", "mini.safetensors", "--stand-in"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("only a variant can be a stand-in"), "{ended:?}");
}

#[test]
fn what_no_header_tells_about_has_no_stand_in() {
    let server = Server::start().unwrap();
    server.put("/tiny.bin", b"weights");
    let project = Project::new(&format!(
        "[models.tiny]\nurls = [\"{}/tiny.bin\"]\n\
         [models.tiny.variants.mini]\npath = \"mini.gguf\"\nstand_in = true\n",
        server.url()
    ));
    project.write("mini.gguf", "GGML");
    refused(
        &project.run(&["lock"]),
        "`tiny@mini` cannot stand in for `tiny`: `tiny` has no safetensors, GGUF or ONNX file",
    );
    project.write("cache-harness.toml", &project_with_gguf(&server));
    server.put("/tiny.gguf", b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    refused(&project.run(&["lock"]), "cannot stand in for `tiny`: `mini.gguf`: it does not begin with `GGUF`");
    std::fs::write(project.dir().join("mini.gguf"), b"GGUF\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").unwrap();
    server.clear_log();
    project.run(&["lock"]).succeeded();
    // Once to pin it, and then it is in the store.
    assert!(server.requests().len() <= 1, "{:?}", server.requests());
}

fn project_with_gguf(server: &Server) -> String {
    format!(
        "[models.tiny]\nurls = [\"{}/tiny.gguf\"]\n\
         [models.tiny.variants.mini]\npath = \"mini.gguf\"\nstand_in = true\n",
        server.url()
    )
}
