//! `add`, `remove` and `lock`, as a person or a script meets them.

#![expect(clippy::disallowed_methods, reason = "tests make the projects they edit")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use cache_harness::Sha256Digest;
use cache_harness::testkit::Server;
use serde_json::Value;
use tempfile::TempDir;

/// A project with a model folder, and a home of its own.
struct Project(TempDir);

/// What a command printed and how it ended; paths of the project are shown below `~`.
#[derive(Debug, PartialEq)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Project {
    fn new() -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(project.path("fixtures/tiny/onnx")).unwrap();
        project.write("fixtures/tiny/config.json", "{}");
        project.write("fixtures/tiny/onnx/model.onnx", "weights");
        project
    }

    fn with_catalog(text: &str) -> Self {
        let project = Self::new();
        project.write("cache-harness.toml", text);
        project
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    fn files(&self) -> (String, String) {
        (self.read("cache-harness.toml"), self.read("cache-harness.lock"))
    }

    fn command(&self, folder: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cache-harness-cli"));
        let inherited = std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            ["CACHE_HARNESS_", "HF_", "XDG_"].iter().any(|prefix| name.starts_with(prefix))
        });
        for (name, _) in inherited {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.path(folder)).env("HOME", self.path("home"));
        command.env_remove("CARGO_NET_OFFLINE").env("CACHE_HARNESS_DIR", self.path("cache")).stdin(Stdio::null());
        command
    }

    fn run_in(&self, folder: &str, arguments: &[&str]) -> Ended {
        let output = self.command(folder, arguments).output().unwrap();
        let real = self.0.path().canonicalize().unwrap();
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).replace(real.to_str().unwrap(), "~");
            text.replace(self.0.path().to_str().unwrap(), "~")
        };
        Ended { code: output.status.code().unwrap(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_in(".", arguments)
    }

    /// Runs what must succeed, and gives what it printed.
    fn done(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.stdout
    }
}

fn digest(text: &str) -> Sha256Digest {
    Sha256Digest::of(text.as_bytes())
}

#[test]
fn what_is_added_can_be_restored_and_what_is_removed_leaves_no_trace() {
    let project = Project::new();
    let added = project.done(&["add", "tiny", "fixtures/tiny", "--hub-id", "openai/whisper-tiny"]);
    assert_eq!(added, "added tiny: 2 files, 9 B of 2.00 GB\n  #[cached_model(\"tiny\")]\n");
    let (catalog, lock) = project.files();
    let block =
        "\n[models.tiny]\npath = \"fixtures/tiny\"\nprovider = \"huggingface\"\nhub_id = \"openai/whisper-tiny\"\n";
    assert!(catalog.ends_with(block), "{catalog}");
    let pins = format!(
        "version = 1\n\n[models.tiny]\nsource = \"path:fixtures/tiny\" # tiny\nfiles = [ # tiny\n  \
         {{ path = \"config.json\", size = 2, sha256 = \"{}\" }}, # tiny\n  \
         {{ path = \"onnx/model.onnx\", size = 7, sha256 = \"{}\" }}, # tiny\n] # tiny\ncheck = \"",
        digest("{}"),
        digest("weights")
    );
    assert!(lock.contains(&pins), "{lock}");

    let restored = project.done(&["restore", "tiny"]);
    assert_eq!(
        fs::read(Path::new(&restored.trim().replace('~', project.0.path().to_str().unwrap())).join("config.json"))
            .unwrap(),
        b"{}"
    );
    assert_eq!(project.done(&["lock"]), "tiny: unchanged\n");
    assert_eq!(project.done(&["lock", "--check"]), "");
    assert_eq!(project.files(), (catalog.clone(), lock));

    let planned = project.done(&["remove", "tiny", "--dry-run"]);
    assert_eq!(planned, "would remove tiny from `~/cache-harness.toml` and `~/cache-harness.lock`\n");
    assert_eq!(project.files().0, catalog);
    project.done(&["remove", "tiny", "--yes"]);
    let (after, lock) = project.files();
    assert_eq!(after, catalog.replace(block, ""));
    assert!(lock.ends_with("version = 1\n"), "{lock}");
}

#[test]
fn a_path_is_written_relative_to_the_catalog_and_json_tells_the_cost() {
    let project = Project::with_catalog("[cache]\nmax_size = '1MB'\n");
    fs::create_dir_all(project.path("crates/inner")).unwrap();
    let ended =
        project.run_in("crates/inner", &["--json", "add", "tiny", "../../fixtures/../fixtures/tiny/config.json"]);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    let expected = serde_json::json!({
        "name": "tiny", "files": 1, "bytes": 2, "max_bytes": 1_000_000,
        "lock": "~/cache-harness.lock", "catalog": "~/cache-harness.toml",
    });
    assert_eq!(told, expected);
    assert!(project.read("cache-harness.toml").ends_with("\n[models.tiny]\npath = \"fixtures/tiny/config.json\"\n"));
}

#[test]
fn comments_and_order_of_what_people_wrote_are_kept() {
    let before = "# our models\n\n[cache]\nmax_size = '1GB'   # enough\n\n# needs care\n[models.zeta]\n\
                  path = 'fixtures/tiny'\n\n# of the team\n[remote]\nurl = 'https://cas.example/cas'\n";
    let project = Project::with_catalog(before);
    project.done(&["add", "alpha", "fixtures/tiny"]);
    let block = "\n[models.alpha]\npath = \"fixtures/tiny\"\n";
    assert_eq!(project.read("cache-harness.toml"), before.replace("\n\n# of", &format!("\n{block}\n# of")));
    assert_eq!(project.done(&["lock"]), "alpha: unchanged\nzeta: pinned, 2 files, 9 B\n");
    project.done(&["remove", "alpha", "--yes"]);
    assert_eq!(project.read("cache-harness.toml"), before);
}

#[test]
fn of_two_at_the_same_time_neither_is_lost() {
    let project = Project::new();
    let names: Vec<String> = (0..16).map(|number| format!("model-{number}")).collect();
    let start =
        |name: &String| project.command(".", &["-q", "add", name, "fixtures/tiny"]).stdout(Stdio::null()).spawn();
    let children: Vec<_> = names.iter().map(start).collect();
    for child in children {
        assert!(child.unwrap().wait().unwrap().success());
    }
    assert_eq!(project.done(&["lock", "--check"]), "");
    let (catalog, lock) = project.files();
    for name in names {
        assert!(
            catalog.contains(&format!("[models.{name}]\n")) && lock.contains(&format!("[models.{name}]\n")),
            "{name}"
        );
    }
    let edits = project.path("home/.local/state/cache-harness/edits");
    assert_eq!(fs::read_dir(edits).unwrap().count(), 0);
}

#[test]
fn a_bad_argument_is_named_and_changes_nothing() {
    let project = Project::with_catalog("[models.known]\npath = 'fixtures/tiny'\n");
    fs::create_dir_all(project.path("fixtures/empty")).unwrap();
    fs::create_dir_all(project.path("fixtures/strange")).unwrap();
    project.write("fixtures/strange/a:b", "");
    fs::create_dir_all(project.path("fixtures/leak")).unwrap();
    std::os::unix::fs::symlink("../tiny/config.json", project.path("fixtures/leak/config.json")).unwrap();
    let before = project.files();
    for (arguments, code, expected) in [
        (["add", "new", "fixtures/none"], 2, "error: `~/fixtures/none` does not exist\n"),
        (["add", "new", "fixtures/empty"], 1, "error: could not pin `~/fixtures/empty`: it holds no file\n"),
        (["add", "new", "fixtures/strange"], 1, "error: could not pin `~/fixtures/strange/a:b`: `a:b` has a `:`\n"),
        (
            ["add", "new", "fixtures/leak"],
            1,
            "error: could not pin `~/fixtures/leak/config.json`: it leads out of the model's folder, to `~/fixtures/tiny/config.json`\n",
        ),
        (
            ["add", "../new", "fixtures/tiny"],
            2,
            "error: invalid value '../new' for '<NAME>': `../new` has a `.` or `..` part, which could leave its folder\n\nFor more information, try '--help'.\n",
        ),
        (
            ["add", "new", "http://models.example/m.bin"],
            2,
            "error: `urls` in [models.new]: `http://models.example/m.bin` cannot be used: plain http is allowed only to this machine (127.0.0.0/8, [::1], localhost): use https\nhint: without https there, `insecure_http = true` in [models.new] allows it: the pinned digest still protects the bytes, but who is on the way reads which file it is, and its size\n",
        ),
        (
            ["add", "known", "fixtures/tiny"],
            2,
            "error: `known` is already declared in `~/cache-harness.toml`, line 1\nhint: `cache-harness lock known` pins it anew, `cache-harness remove known` removes it\n",
        ),
        (
            ["remove", "knwon", "--dry-run"],
            2,
            "error: no model named `knwon` in `~/cache-harness.toml`\nhint: did you mean `known`?\n",
        ),
        (
            ["lock", "knwon", "--check"],
            2,
            "error: no model named `knwon` in `~/cache-harness.toml`\nhint: did you mean `known`?\n",
        ),
    ] {
        let ended = project.run(&arguments);
        assert_eq!(ended, Ended { code, stdout: String::new(), stderr: expected.to_owned() });
        assert_eq!(project.files(), before, "{arguments:?}");
    }
}

#[test]
fn check_tells_what_disagrees_and_changes_nothing() {
    let project =
        Project::with_catalog("[models.kept]\npath = 'fixtures/tiny'\n[models.moved]\npath = 'fixtures/tiny'\n");
    project.done(&["add", "gone", "fixtures/tiny/config.json"]);
    project.done(&["lock"]);
    let catalog = "[models.kept]\npath = 'fixtures/tiny'\n[models.moved]\npath = './fixtures/tiny'\n[models.new]\npath = 'fixtures/tiny'\n";
    project.write("cache-harness.toml", catalog);
    project.write("fixtures/tiny/config.json", "[]");
    project.write("fixtures/tiny/more", "");
    let before = project.files();
    let ended = project.run(&["--offline", "lock", "--check"]);
    let (old, new) = (digest("{}").short(), digest("[]").short());
    let expected = format!(
        "kept: config.json: {old} -> {new}\nkept: more: new, {}\n\
         moved: is pinned from `path:fixtures/tiny`, but declared as `path:./fixtures/tiny`\n\
         new: is not pinned\ngone: is pinned, but not in the catalog\n",
        digest("").short()
    );
    assert_eq!((ended.code, ended.stdout), (1, expected));
    let stderr = "error: `~/cache-harness.lock` disagrees with the catalog or the project's files\n\
                  hint: run `cache-harness lock` and commit the lock file\n";
    assert_eq!(ended.stderr, stderr);
    assert_eq!(project.files(), before);

    let told = project.done(&["lock"]);
    assert!(told.ends_with("gone: dropped, for it is not in the catalog\n"), "{told}");
    assert_eq!(project.done(&["lock", "--check"]), "");
}

#[test]
fn an_address_is_asked_once_for_the_pin_and_the_first_use() {
    let (server, project) = (Server::start().unwrap(), Project::new());
    server.put("/ggml.bin", b"weights");
    let url = format!("{}/ggml.bin", server.url());
    let mirror = format!("{}/mirror/ggml.bin", server.url());
    let ended = project.run(&["add", "ggml", &url, &mirror]);
    assert_eq!((ended.code, ended.stdout.lines().next()), (0, Some("added ggml: 1 file, 7 B of 2.00 GB")), "{ended:?}");
    assert_eq!(ended.stderr, "one address sent the bytes; what the others send is compared with them\n");
    let pin = format!("{{ path = \"ggml.bin\", size = 7, sha256 = \"{}\" }}", digest("weights"));
    assert!(project.read("cache-harness.lock").contains(&pin));
    let restored = project.done(&["--offline", "restore", "ggml"]);
    assert!(!restored.is_empty());
    let asked: Vec<_> =
        server.requests().iter().map(|request| format!("{} {}", request.method, request.path)).collect();
    assert_eq!(asked, ["GET /ggml.bin"]);

    // One that is gone is told, and leaves the pin to the next.
    let gone = format!("{}/gone/ggml.bin", server.url());
    let ended = project.run(&["add", "second", &gone, &mirror]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains(&format!("\n  - {gone} answered 404\n  - {mirror} answered 404\n")), "{ended:?}");
    server.put("/mirror/ggml.bin", b"more weights");
    project.done(&["add", "second", &gone, &mirror]);
    assert!(project.read("cache-harness.lock").contains(&digest("more weights").to_string()));
    project.done(&["remove", "second", "--yes"]);

    server.put("/ggml.bin", b"other weights");
    let (old, new) = (digest("weights").short(), digest("other weights").short());
    assert_eq!(project.done(&["lock", "ggml"]), format!("ggml: changed\n  ggml.bin: {old} -> {new}\n"));
    let ended = project.run(&["--offline", "lock"]);
    let refused =
        format!("error: ggml: {url} is refused: its bytes are not known yet, and the network is off (--offline)\n");
    assert_eq!((ended.code, ended.stderr), (1, refused));
}

#[test]
fn a_digest_in_the_catalog_is_held_against_what_comes() {
    let (server, project) = (Server::start().unwrap(), Project::new());
    server.put("/ggml.bin", b"weights");
    let url = format!("{}/ggml.bin", server.url());
    let catalog = |digest: Sha256Digest| format!("[models.ggml]\nurls = ['{url}']\nsha256 = '{digest}'\n");
    project.write("cache-harness.toml", &catalog(digest("expected")));
    assert_eq!(project.done(&["lock", "--check"]), "");
    let ended = project.run(&["lock"]);
    let (expected, actual) = (digest("expected"), digest("weights"));
    assert_eq!(ended.code, 1);
    let told = format!(
        "error: no source of `ggml.bin` of model `ggml` gave its bytes: \
         `ggml.bin` from {url} has sha256 {actual}, but {expected} is pinned\n\
         hint: if the file was meant to change, correct `sha256` in [models.ggml]\n"
    );
    assert!(ended.stderr.ends_with(&told), "{}", ended.stderr);
    assert!(!project.read("cache-harness.lock").contains("[models"));

    project.write("cache-harness.toml", &catalog(actual));
    assert_eq!(project.done(&["lock"]), "ggml: pinned, 1 file, 7 B\n");
    server.clear_log();
    assert_eq!(project.done(&["lock"]), "ggml: unchanged\n");
    assert!(server.requests().is_empty());
    project.write("cache-harness.toml", &catalog(expected));
    let ended = project.run(&["lock", "--check"]);
    let told = format!("ggml: ggml.bin: {} is pinned, but {} declared\n", actual.short(), expected.short());
    assert_eq!((ended.code, ended.stdout), (1, told));
}

#[test]
fn a_lock_file_of_a_newer_version_is_never_written() {
    let project = Project::with_catalog("[models.known]\npath = 'fixtures/tiny'\n");
    project.write("cache-harness.lock", "version = 2\nnew_key = true\n");
    let before = project.files();
    let expected = "error: could not change `~/cache-harness.lock`: a newer version of cache-harness wrote it; update cache-harness\n";
    for arguments in [&["add", "new", "fixtures/tiny"][..], &["lock"], &["remove", "known", "--yes"]] {
        let ended = project.run(arguments);
        assert_eq!(ended, Ended { code: 1, stdout: String::new(), stderr: expected.to_owned() });
        assert_eq!(project.files(), before);
    }
}
