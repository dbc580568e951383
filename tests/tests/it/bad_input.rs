//! Catalogs, lock files, variables and arguments that cannot be meant: told with their place and exit code 2, before
//! anything is written or asked for.

use crate::project::{Ended, Project};

const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A catalog with one model of the Hub, `m`.
const CATALOG: &str = "[models.m]\nhub = \"o/m\"\n";

/// A lock file that pins `m` to one file, told by the part within its braces.
fn lock(file: &str) -> String {
    let head = format!("version = 1\n[models.m]\nsource = \"hub:o/m@main\"\ncommit = \"{COMMIT}\"\n");
    format!("{head}files = [\n{{ {file} }},\n]\n")
}

/// What the message is after `error: `, the project's folder being `~`; the exit code must be 2, and no
/// cache made.
#[track_caller]
fn told(project: &Project, ended: &Ended) -> String {
    let stderr = ended.stderr.replace(project.root().to_str().unwrap(), "~");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(!project.home().join(".cache").exists(), "{stderr}");
    stderr.strip_prefix("error: ").unwrap_or(&stderr).trim_end().to_owned()
}

/// What `restore m` says in a project with these files.
#[track_caller]
fn restored(catalog: &str, lock: &str) -> String {
    let project = Project::new(catalog);
    project.write("cache-harness.lock", lock);
    told(&project, &project.run(&["restore", "m"]))
}

#[test]
fn a_catalog_that_cannot_be_meant_is_told_with_line_and_column() {
    for (catalog, expected) in [
        ("[cache\n", "1:7: unclosed table, expected `]`"),
        ("[cache]\ndir = \"a\"\ndir = \"b\"\n", "3:1: duplicate key"),
        ("[cache]\nmax_sise = \"1GB\"\n", "2:1: unknown key `max_sise` in [cache]\nhint: did you mean `max_size`?"),
        ("[modells.m]\n", "1:2: unknown key `modells` at the top level\nhint: did you mean `models`?"),
        (
            "[models.m]\nurls = [\"https://a.example/m\"]\nsha265 = \"ab\"\n",
            "3:1: unknown key `sha265` in [models.m]\nhint: did you mean `sha256`?",
        ),
        (
            "[models.m]\nurls = [\"https://a.example/m\"]\nsha256 = \"da39a3ee5e6b4b0d3255bfef95601890afd80709\"\n",
            "3:10: `sha256` in [models.m]: `da39a3ee5e6b4b0d3255bfef95601890afd80709` is no SHA-256: \
             expected 64 hexadecimal digits, found 40 (a SHA-1 has 40)",
        ),
        (
            "[models.m]\nurls = [\"http://a.example/m\"]\n",
            "2:9: `urls` in [models.m]: `http://a.example/m` cannot be used: plain http is allowed only to this \
             machine (127.0.0.0/8, [::1], localhost): use https\nhint: without https there, `insecure_http = true` in \
             [models.m] allows it: the pinned digest still protects the bytes, but who is on the way reads which file it \
             is, and its size",
        ),
        (
            "[models.m]\nurls = [\"https://a.example/..%2fm\"]\n",
            "2:9: `urls` in [models.m]: `https://a.example/..%2fm` cannot be used: its file name `../m` has a `/`",
        ),
        (
            "[models.'../m']\nhub = \"o/m\"\n",
            "1:9: the model name `../m` has a `.` or `..` part, which could leave its folder",
        ),
        (
            "[models.m]\nhub = \"../m\"\n",
            "2:7: `hub` in [models.m]: `../m` is no repository id: expected `owner/name` of letters, digits, \
             `.`, `_`, `-`",
        ),
        (
            "[models.m]\nhub = \"o/m\"\npath = \"x\"\n",
            "1:9: exactly one of `hub`, `urls`, `path` and `builtin` is needed in [models.m], found `hub`, `path`",
        ),
        ("[cache]\nmax_size = 5\n", "2:12: `max_size` in [cache] must be a string, found an integer"),
        (
            "[cache]\nwhen_unusable = \"bipass\"\n",
            "2:17: `when_unusable` in [cache]: expected one of `bypass`, `fail`, found `bipass`",
        ),
    ] {
        let expected = format!("~/project/cache-harness.toml:{expected}");
        assert_eq!(restored(catalog, "version = 1\n"), expected, "{catalog}");
    }
}

#[test]
fn a_lock_file_that_cannot_be_meant_is_told_with_line_and_column() {
    let file = |path: &str| lock(&format!("path = {path}, size = 1, sha256 = \"{SHA256}\""));
    let leaves = |path: &str| {
        format!("`path` in [models.m.files]: `{path}` has a `.` or `..` part, which could leave its folder")
    };
    for (lock, expected) in [
        ("version = 1\n[models\n".to_owned(), "2:8: unclosed table, expected `]`".to_owned()),
        (String::new(), "1:1: missing `version` at the top level".to_owned()),
        (file("'../x'"), format!("6:10: {}", leaves("../x"))),
        (file("'a/../../x'"), format!("6:10: {}", leaves("a/../../x"))),
        (
            file("'/etc/passwd'"),
            "6:10: `path` in [models.m.files]: `/etc/passwd` starts or ends with `/` or has `//`: a relative path is \
             expected"
                .to_owned(),
        ),
        (file(r"'..\x'"), r"6:10: `path` in [models.m.files]: `..\\x` has a control character or `\`".to_owned()),
        (file("'C:x'"), "6:10: `path` in [models.m.files]: `C:x` has a `:`".to_owned()),
        (
            lock("path = 'x', size = 1, sha256 = 'da39a3ee5e6b4b0d3255bfef95601890afd80709'"),
            "6:34: `sha256` in [models.m.files]: `da39a3ee5e6b4b0d3255bfef95601890afd80709` is no SHA-256: \
             expected 64 hexadecimal digits, found 40 (a SHA-1 has 40)"
                .to_owned(),
        ),
        (
            lock(&format!("path = 'x', size = 1, sha265 = '{SHA256}'")),
            "6:25: unknown key `sha265` in [models.m.files]\nhint: did you mean `sha256`?".to_owned(),
        ),
        (
            file("'x'").replace("commit", "comit"),
            "4:1: unknown key `comit` in [models.m]\nhint: did you mean `commit`?".to_owned(),
        ),
        (
            lock(&format!("path = 'x', size = 1, sha256 = '{SHA256}', etag = '../../x'")),
            "6:109: `etag` in [models.m.files]: expected 40 or 64 lower-case hexadecimal digits, found `../../x` (7)"
                .to_owned(),
        ),
        (
            file("'x'").replace(COMMIT, "../.."),
            "4:10: `commit` in [models.m]: expected 40 lower-case hexadecimal digits, found `../..` (5)".to_owned(),
        ),
    ] {
        assert_eq!(restored(CATALOG, &lock), format!("~/project/cache-harness.lock:{expected}"), "{lock}");
    }
}

#[test]
fn a_model_that_is_unknown_or_not_pinned_is_told_with_what_helps() {
    let project = Project::new("[models.whisper-tiny]\nhub = \"o/m\"\n");
    for (name, expected) in [
        (
            "wisper-tiny",
            "no model named `wisper-tiny` in `~/project/cache-harness.toml`\nhint: did you mean `whisper-tiny`?",
        ),
        (
            "other",
            "no model named `other` in `~/project/cache-harness.toml`\n\
             hint: `cache-harness add other SOURCE` declares and pins it",
        ),
        (
            "whisper-tiny",
            "model `whisper-tiny` is declared but not pinned in `~/project/cache-harness.lock`\n\
             hint: run `cache-harness lock whisper-tiny` and commit the lock file",
        ),
    ] {
        assert_eq!(told(&project, &project.run(&["restore", name])), expected);
    }
    let stale = lock(&format!("path = 'x', size = 1, sha256 = '{SHA256}'")).replace("@main", "@other");
    assert_eq!(
        restored(CATALOG, &stale),
        "the pins of `m` in `~/project/cache-harness.lock` are of `hub:o/m@other`, but the catalog declares \
         `hub:o/m@main`\nhint: run `cache-harness lock m` and commit the lock file"
    );
}

#[test]
fn a_variable_or_argument_that_cannot_be_meant_is_named() {
    for (name, value, expected) in [
        ("CACHE_HARNESS_MAX_SIZE", "big", "`big` is no size; write for example \"2GB\" (10^9) or \"2GiB\" (2^30)"),
        ("CACHE_HARNESS_OFFLINE", "maybe", "`maybe` is no switch; write \"1\" or \"0\""),
        ("CACHE_HARNESS_CONFIG", "/no/such", "`/no/such` does not exist"),
        ("CACHE_HARNESS_VERIFY", "never", "expected one of `memo`, `always`, found `never`"),
        (
            "HF_ENDPOINT",
            "http://hub.example",
            "`http://hub.example` cannot be used: plain http is allowed only to this machine (127.0.0.0/8, [::1], \
             localhost): use https",
        ),
    ] {
        let mut project = Project::new(CATALOG);
        project.set(name, value);
        assert_eq!(told(&project, &project.run(&["restore", "m"])), format!("{name}: {expected}"));
    }
    let project = Project::new(CATALOG);
    for (arguments, expected) in [
        (&["restore"][..], "the following required arguments were not provided:\n  <NAME>..."),
        (&["restor"], "unrecognized subcommand 'restor'"),
        (&["restore", "m", "--speed", "9"], "unexpected argument '--speed' found"),
        (&["--config", "none.toml", "restore", "m"], "--config: `~/project/none.toml` does not exist"),
        (&["restore", "m", "--color", "pink"], "invalid value 'pink' for '--color <WHEN>'"),
    ] {
        let message = told(&project, &project.run(arguments));
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn without_a_home_the_place_of_the_cache_is_asked_for() {
    let project = Project::new(CATALOG);
    let mut command = project.command(&["restore", "m"]);
    command.env_remove("HOME").env_remove("XDG_CACHE_HOME").env_remove("XDG_CONFIG_HOME").env_remove("XDG_STATE_HOME");
    assert_eq!(
        told(&project, &Ended::of(&command.output().unwrap())),
        "cannot tell where the cache belongs: HOME is not set\nhint: set `dir` in [cache] or CACHE_HARNESS_DIR"
    );
}

#[test]
fn a_catalog_that_is_absent_no_text_or_a_folder_is_told() {
    let project = Project::new("");
    let catalog = project.dir().join("cache-harness.toml");
    let message = || told(&project, &project.run(&["restore", "m"]));
    std::fs::write(&catalog, b"[cache]\ndir = \"\xff\"\n").unwrap();
    assert_eq!(message(), "~/project/cache-harness.toml:2:8: byte 0xff is not UTF-8\nhint: save the file as UTF-8");
    std::fs::remove_file(&catalog).unwrap();
    assert_eq!(
        message(),
        "no `cache-harness.toml` in `~/project` or above it\n\
         hint: `cache-harness add NAME SOURCE` writes one; CACHE_HARNESS_CONFIG names another"
    );
    std::fs::create_dir(&catalog).unwrap();
    assert_eq!(message(), "~/project/cache-harness.toml:1:1: a folder stands where a file is expected");
}

#[test]
fn a_catalog_or_lock_file_that_is_a_pipe_or_device_is_refused_and_stays() {
    for name in ["cache-harness.toml", "cache-harness.lock"] {
        let project = Project::new(CATALOG);
        project.write("small.bin", "weights");
        let path = project.dir().join(name);
        let says = format!("~/project/{name}:1:1: a pipe or device stands where a file is expected");
        let add = || told(&project, &project.run(&["add", "small", "small.bin"]));
        let _ = std::fs::remove_file(&path);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(add(), says);
        assert!(!path.metadata().unwrap().is_file());
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert_eq!(add(), says);
        assert!(path.is_symlink());
    }
}

#[test]
fn a_password_in_the_hubs_address_is_not_shown() {
    let mut project = Project::new("");
    project.set("HF_ENDPOINT", "http://user:secret@127.0.0.1:9");
    for arguments in [&["status", "--origins"][..], &["doctor"], &["doctor", "--json"], &["add", "m", "hf:a/b"]] {
        let ended = project.run(arguments);
        assert!(!format!("{ended:?}").contains("secret"), "{ended:?}");
    }
}

#[test]
fn there_is_no_key_where_there_is_no_catalog() {
    let project = Project::new("");
    std::fs::remove_file(project.dir().join("cache-harness.toml")).unwrap();
    let ended = project.run(&["key"]);
    assert!(ended.code == Some(2) && ended.stdout.is_empty(), "{ended:?}");
}
