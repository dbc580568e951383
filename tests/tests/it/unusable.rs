//! A cache folder that cannot be used never makes a test suite worse than none.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cache_harness::Sha256Digest;
use cache_harness::testkit::Server;

use crate::pinned::{Pinned, project};
use crate::project::{Ended, Project, left_out};
use crate::suite::nextest;

/// A way in which the cache folder is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A file stands where the folder should be.
    File,
    /// The folder would be inside a file.
    BelowFile,
    /// The folder may not be written to.
    Permission,
    /// It is on a file system that is mounted read-only.
    ReadOnly,
    /// Locks succeed whoever asks, as on some network file systems.
    NoLocks,
}

impl Trouble {
    /// What the message gives as the reason.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::File => "File exists",
            Self::BelowFile => "Not a directory",
            Self::Permission => "Permission denied",
            Self::ReadOnly => "Read-only file system",
            Self::NoLocks => "locks do nothing on its file system",
        }
    }

    /// Prepares the folder.
    fn prepare(self, project: &Project) -> PathBuf {
        let place = project.root().join("place");
        match self {
            Self::File => std::fs::write(&place, "a file").unwrap(),
            Self::BelowFile => {
                std::fs::write(&place, "a file").unwrap();
                return place.join("cache");
            }
            Self::Permission => {
                std::fs::create_dir(&place).unwrap();
                std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o555)).unwrap();
            }
            Self::ReadOnly => std::fs::create_dir(&place).unwrap(),
            Self::NoLocks => {
                let (source, library) = (project.root().join("shim.c"), project.root().join("shim.so"));
                std::fs::write(&source, "int flock(int file, int operation) { return 0; }\n").unwrap();
                let mut compiler = Command::new("cc");
                compiler.args(["-shared", "-fPIC", "-o"]).arg(library).arg(source);
                // Without a compiler there is no library, and `is_possible` says so.
                let _ = compiler.status();
            }
        }
        place
    }

    /// `cache-harness` with these arguments under this trouble.
    pub(crate) fn command(self, project: &Project, arguments: &[&str]) -> Command {
        let wrapped = |program: &str, options: &[&str]| {
            let mut command = project.program(program);
            command.args(options).arg(env!("CARGO_BIN_EXE_cache-harness-cli")).args(arguments);
            command
        };
        match self {
            // Root may write anywhere, unless it gives that up.
            Self::Permission if is_root() => {
                wrapped("setpriv", &["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"])
            }
            Self::ReadOnly => {
                let place = project.root().join("place");
                let script = format!("mount -t tmpfs -o ro none '{}' && exec \"$@\"", place.display());
                wrapped("unshare", &["--map-root-user", "--mount", "sh", "-c", &script, "sh"])
            }
            Self::NoLocks => {
                let mut command = project.command(arguments);
                command.env("LD_PRELOAD", project.root().join("shim.so"));
                command
            }
            Self::File | Self::BelowFile | Self::Permission => project.command(arguments),
        }
    }

    /// Whether it can be had on this machine; if not, says so.
    fn is_possible(self, project: &Project) -> bool {
        let shim = self != Self::NoLocks || project.root().join("shim.so").exists();
        let works = shim && self.command(project, &["--version"]).output().is_ok_and(|output| output.status.success());
        if !works {
            left_out(&format!("a cache in trouble: {self:?}"), "this machine does not permit it");
        }
        works
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|facts| std::os::unix::fs::MetadataExt::uid(&facts) == 0)
}

/// A project with two models whose cache folder is in trouble; none if this machine cannot have it.
pub(crate) fn troubled(trouble: Trouble, when_unusable: &str, server: &Server) -> Option<(Project, [Pinned; 2])> {
    let models = [Pinned::weights("one", 1, 100_000), Pinned::weights("two", 2, 100_000)];
    let settings = format!("[cache]\nwhen_unusable = \"{when_unusable}\"\n");
    let mut project = project(&settings, &[&models[0], &models[1]], server);
    let dir = trouble.prepare(&project);
    if !trouble.is_possible(&project) {
        return None;
    }
    project.set("CACHE_HARNESS_DIR", dir.to_str().unwrap());
    Some((project, models))
}

fn assert_in_place(project: &Project, models: &[Pinned]) {
    for model in models {
        let path = project.snapshot(&model.name).join("model.safetensors");
        let (digest, _) = Sha256Digest::of_reader(std::fs::File::open(path).unwrap()).unwrap();
        assert_eq!(digest.to_string(), model.digest(0));
    }
}

fn is_bypassed(trouble: Trouble) {
    let server = Server::start().unwrap();
    let Some((project, models)) = troubled(trouble, "bypass", &server) else { return };
    let restore = || Ended::of(&trouble.command(&project, &["restore", "one", "two"]).output().unwrap()).succeeded();
    let ended = restore();
    let told = ended.stderr.matches("cannot be used, so models are fetched past it").count();
    assert!(told == 1 && ended.stderr.contains(trouble.reason()), "{trouble:?}: {}", ended.stderr);
    assert_in_place(&project, &models);
    assert_eq!(server.requests().len(), 2);
    restore();
    assert_eq!(server.requests().len(), 2, "{trouble:?}: what is in place is hashed, not fetched");
    let report = project.json(&["report"]);
    let counts = ["requests", "hits", "misses", "bypassed"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(counts, [4, 2, 2, 4], "{trouble:?}: {report}");
    assert!(report["warnings"][0].as_str().unwrap().contains(trouble.reason()), "{report}");
}

fn is_told(trouble: Trouble) {
    let server = Server::start().unwrap();
    let Some((project, _)) = troubled(trouble, "fail", &server) else { return };
    let ended = Ended::of(&trouble.command(&project, &["restore", "one"]).output().unwrap());
    let place = project.root().join("place").display().to_string();
    let expected = [
        &format!("error: the cache folder `{place}"),
        "cannot be used: ",
        trouble.reason(),
        "hint: set `dir` in [cache]",
    ];
    assert!(expected.iter().all(|part| ended.stderr.contains(*part)), "{trouble:?}: {ended:?}");
    assert_eq!((ended.code, server.requests().len()), (Some(1), 0), "{trouble:?}: {ended:?}");
    assert!(!project.snapshot("one").exists());
}

macro_rules! troubles {
    ($($name:ident $trouble:ident)*) => {$(
        mod $name {
            use super::Trouble;

            #[test]
            fn is_bypassed_and_counted() {
                super::is_bypassed(Trouble::$trouble);
            }

            #[test]
            fn is_an_error_if_so_configured() {
                super::is_told(Trouble::$trouble);
            }
        }
    )*};
}

troubles! {
    a_file_as_cache_folder File
    a_cache_folder_below_a_file BelowFile
    a_cache_folder_without_permission Permission
    a_read_only_file_system ReadOnly
    a_file_system_without_locks NoLocks
}

#[test]
fn many_processes_that_bypass_the_cache_do_not_disturb_each_other() {
    let server = Server::start().unwrap();
    let Some((project, models)) = troubled(Trouble::BelowFile, "bypass", &server) else { return };
    let mut command = Trouble::BelowFile.command(&project, &["restore", "one", "two"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let started: Vec<_> = (0..16).map(|_| command.spawn().unwrap()).collect();
    for child in started {
        Ended::of(&child.wait_with_output().unwrap()).succeeded();
    }
    assert_in_place(&project, &models);
    assert_eq!(project.json(&["report"])["bypassed"], 32);
    let left = |folder: &Path| folder.read_dir().unwrap().count();
    assert_eq!(left(&project.root().join("tmp")), 0, "nothing is left behind");
}

#[test]
fn annotated_tests_pass_past_a_cache_that_cannot_be_used() {
    let server = Server::start().unwrap();
    let model = Pinned::weights("minilm", 1, 100_000);
    let mut project = project("", &[&model], &server);
    project.set("CACHE_HARNESS_DIR", Trouble::BelowFile.prepare(&project).to_str().unwrap());
    let Some(mut nextest) = nextest(&project) else { return };
    let ended = Ended::of(&nextest.args(["t00", "t01", "t02", "t03"]).output().unwrap()).succeeded();
    assert!(ended.stderr.contains("4 tests run: 4 passed"), "{}", ended.stderr);
    let report = project.json(&["report", "--last", "1"]);
    assert_eq!((&report["requests"], &report["bypassed"]), (&4.into(), &4.into()), "{report}");
}

#[test]
fn where_locks_do_nothing_nothing_is_evicted() {
    let server = Server::start().unwrap();
    let Some((project, _)) = troubled(Trouble::NoLocks, "bypass", &server) else { return };
    project.run(&["restore", "one"]).succeeded();
    for arguments in
        [&["evict", "one", "--yes"][..], &["prune", "--yes"], &["optimize", "--yes"], &["clean", "--models", "--yes"]]
    {
        let mut command = Trouble::NoLocks.command(&project, arguments);
        let ended = Ended::of(&command.env("CACHE_HARNESS_MAX_AGE", "0s").output().unwrap());
        assert_eq!(ended.code, Some(1), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(Trouble::NoLocks.reason()), "{arguments:?}: {ended:?}");
    }
    assert_eq!(project.json(&["restore", "one"])["models"][0]["outcome"], "hit");
}

#[test]
fn a_warm_cache_that_may_only_be_read_still_serves() {
    let server = Server::start().unwrap();
    let Some((project, models)) = troubled(Trouble::Permission, "fail", &server) else { return };
    let place = project.root().join("place");
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).unwrap();
    project.run(&["restore", "one"]).succeeded();
    // All but the blobs, which are read-only anyway: another ctime would have them hashed again.
    let chmod = |mode: &str| {
        let mut find = Command::new("find");
        find.arg(&place).args(["!", "-path", "*/sha256/??/*", "-exec", "chmod", mode, "{}", "+"]);
        assert!(find.status().unwrap().success());
    };
    chmod("a-w");
    let restore = |name| Ended::of(&Trouble::Permission.command(&project, &["restore", name]).output().unwrap());
    assert_eq!(restore("one").succeeded().stderr, "");
    assert_in_place(&project, &models[..1]);
    let missing = restore("two");
    assert!(missing.code == Some(1) && missing.stderr.contains("Permission denied"), "{missing:?}");
    assert_eq!(server.requests().len(), 1);
    // So that whoever runs this can remove it.
    chmod("u+w");
}
