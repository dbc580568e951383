//! A project of its own in a temporary folder: catalog, lock file, home. Nothing of the outside leaks in.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A project and the home of its user; both go when this is dropped.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// How a command of the project ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Says that this machine cannot show a claim; past the capture of a test's output, so that somebody reads it.
pub(crate) fn left_out(claim: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "left out: {claim}, as {reason}");
}

impl Project {
    /// A project with this `cache-harness.toml`, a cold store, and a disk that may be filled.
    pub(crate) fn new(catalog: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        for folder in ["project", "home/.config/cache-harness", "tmp"] {
            std::fs::create_dir_all(project.folder.path().join(folder)).unwrap();
        }
        // In the user's file, so that the catalog is all the test's.
        let user = project.home().join(".config/cache-harness/config.toml");
        std::fs::write(user, "[cache]\nmin_free_disk = \"0B\"\n").unwrap();
        project.write("cache-harness.toml", catalog);
        project
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir().join(name), text).unwrap();
    }

    /// Writes `cache-harness.lock` with these blocks.
    pub(crate) fn lock(&self, blocks: &str) {
        self.write("cache-harness.lock", &format!("version = 1\n{blocks}"));
    }

    /// `cache-harness.lock` as a person would write it: no comment behind a line, and no `check`.
    pub(crate) fn pins(&self) -> String {
        let text = std::fs::read_to_string(self.dir().join("cache-harness.lock")).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("check = "));
        lines.fold(String::new(), |pins, line| pins + line.split(" # ").next().unwrap_or_default() + "\n")
    }

    /// A variable for all commands to come.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<str>) {
        self.variables.push((name.to_owned(), value.as_ref().to_owned()));
    }

    /// The folder that everything is in.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the catalog; commands start here.
    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The cache folder, where no setting names another.
    pub(crate) fn cache(&self) -> PathBuf {
        self.home().join(".cache/cache-harness")
    }

    /// Where the store keeps the blob of this digest.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        self.cache().join("v1/blobs/sha256").join(&digest[..2]).join(digest)
    }

    /// Where Hub clients look for `owner/NAME`.
    pub(crate) fn snapshot(&self, name: &str) -> PathBuf {
        let hub = self.home().join(".cache/huggingface/hub");
        hub.join(format!("models--owner--{name}/snapshots")).join(crate::pinned::COMMIT)
    }

    /// A program that sees this project's home and variables, and no others; all belong to one run, `it`.
    pub(crate) fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home()).env("TMPDIR", self.folder.path().join("tmp"));
        for (name, below) in [("CACHE", ".cache"), ("CONFIG", ".config"), ("STATE", ".local/state")] {
            command.env(format!("XDG_{name}_HOME"), self.home().join(below));
        }
        command.env("CACHE_HARNESS_RUN", "it");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// `cache-harness` with these arguments, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_cache-harness-cli"));
        command.args(arguments);
        command
    }

    /// `cache-harness` with these arguments, started, its output captured.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs `cache-harness` with these arguments to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(&self.command(arguments).output().unwrap())
    }

    /// Runs `cache-harness` with these arguments on a terminal, and these keys pressed; what it showed. `None` where no
    /// terminal is to be had.
    pub(crate) fn on_a_terminal(&self, arguments: &[&str], keys: &str) -> Option<String> {
        let line = format!("{} {}", env!("CARGO_BIN_EXE_cache-harness-cli"), arguments.join(" "));
        let mut command = self.program("script");
        command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            left_out(&format!("`cache-harness {}` on a terminal", arguments.join(" ")), "there is no `script`");
            return None;
        };
        child.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
        Some(Ended::of(&child.wait_with_output().unwrap()).stdout)
    }

    /// The document that `cache-harness --json …` prints, whatever its exit code.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ended = Ended::of(&self.command(arguments).arg("--json").output().unwrap());
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {ended:?}"))
    }
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// That it ended well.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }
}
