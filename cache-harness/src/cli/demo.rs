//! `demo`: the same tests before and after, on this machine, without a network.
//!
//! A loopback server stands in for a model hub behind a home connection. Eight real processes at once
//! stand in for a test suite, each needing one of three models. First each downloads for itself, then
//! they ask cache-harness, cold and once more warm. What is shown is counted from the server's log and
//! measured by the clock; nothing is estimated.

mod table;
mod test;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

pub(crate) use test::DemoTest;

use crate::error::{Error, Result};
use crate::testkit::{Body, Line, Server};

const MEGABYTE: u64 = 1_000_000;
/// Name and size of each model: large enough to feel the line, small enough to end before one looks away.
const MODELS: [(&str, u64); 3] = [("keyword", 4 * MEGABYTE), ("embedding", 6 * MEGABYTE), ("speech", 10 * MEGABYTE)];
/// As many as a test runner starts on an eight-core machine; the models take turns.
const TESTS: usize = 8;
/// 50 Mbit/s for everybody together.
const BYTES_PER_SECOND: u64 = 50 * MEGABYTE / 8;
const LATENCY: Duration = Duration::from_millis(30);

/// How the tests come by their models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scene {
    /// Each downloads for itself.
    Without,
    /// Through cache-harness, with an empty cache.
    FirstRun,
    /// Through cache-harness, with what the first run left.
    LaterRun,
}

/// What one run of all tests cost.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measured {
    pub(crate) scene: Scene,
    pub(crate) tests: usize,
    /// From starting the first process to the end of the last.
    pub(crate) seconds: f64,
    /// Requests that the server answered with a body.
    pub(crate) downloads: usize,
    /// Body bytes over the line.
    pub(crate) bytes: u64,
    /// Whether each test's bytes were compared with a pinned SHA-256.
    pub(crate) verified: bool,
}

/// Runs the demo and prints a table, a row as soon as it is measured.
pub(crate) fn run(out: &mut dyn Write) -> Result<()> {
    let printed = |result: io::Result<()>| result.map_err(Error::io("write to", "the terminal"));
    printed(table::introduction(out))?;
    let measured = measure(|row, first| printed(table::row(out, row, first)))?;
    printed(table::conclusion(out, &measured))
}

/// Runs the three scenes; tells `each` what was measured, and the first measurement to compare with.
pub(crate) fn measure(mut each: impl FnMut(&Measured, &Measured) -> Result<()>) -> Result<Vec<Measured>> {
    let stage = Stage::build()?;
    let mut measured: Vec<Measured> = Vec::new();
    for scene in [Scene::Without, Scene::FirstRun, Scene::LaterRun] {
        let row = stage.play(scene)?;
        each(&row, measured.first().unwrap_or(&row))?;
        measured.push(row);
    }
    Ok(measured)
}

/// The server, and a project whose catalog names its models.
struct Stage {
    server: Server,
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Stage {
    fn build() -> Result<Self> {
        let folder = crate::fs::temporary_folder("cache-harness-demo-")?;
        let server = Server::start().map_err(Error::io("listen on", "127.0.0.1"))?;
        // The demo needs 100 MB at most: a nearly full disk need not refuse it.
        let mut catalog = vec!["[cache]\nmin_free_disk = \"0B\"\n".to_owned()];
        for (seed, (name, size)) in (1..).zip(MODELS) {
            let body = Body::Generated { seed, size };
            let digest = body.digest().map_err(Error::io("generate", name))?;
            let (path, url) = (format!("/{name}.bin"), server.url());
            server.put(&path, body);
            catalog.push(format!(
                "[models.{name}]\nurls = [\"{url}{path}\"]\nsha256 = \"{digest}\"\nprovider = \"directory\"\n"
            ));
        }
        crate::fs::write_new(&catalog_in(folder.path()), catalog.join("\n").as_bytes())?;
        server.limit(Line { latency: LATENCY, bytes_per_second: Some(BYTES_PER_SECOND), per_connection: None });
        let program = std::env::current_exe().map_err(Error::io("find", "the program itself"))?;
        Ok(Self { server, folder, program })
    }

    fn play(&self, scene: Scene) -> Result<Measured> {
        self.server.clear_log();
        let start = Instant::now();
        let mut tests = Vec::new();
        for (number, (model, _)) in (0..TESTS).zip(MODELS.iter().cycle()) {
            let started = self.test(scene, number, model).spawn();
            tests.push((*model, Running(started.map_err(Error::io("start", &self.program))?)));
        }
        for (model, test) in tests {
            test.end().map_err(Error::io("run a test of the demo that needs", model))?;
        }
        let seconds = start.elapsed().as_secs_f64();
        let requests = self.server.requests();
        Ok(Measured {
            scene,
            tests: TESTS,
            seconds,
            downloads: requests.iter().filter(|request| request.bytes_sent > 0).count(),
            bytes: requests.iter().map(|request| request.bytes_sent).sum(),
            verified: scene != Scene::Without,
        })
    }

    /// A process that needs `model`, in an environment where nothing of the user's own applies.
    fn test(&self, scene: Scene, number: usize, model: &str) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(&self.program);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).arg("demo-test");
        match scene {
            Scene::Without => {
                command.arg("download").arg(format!("{}/{model}.bin", self.server.url()));
                command.arg(folder.join(format!("own-copy-{number}.bin")));
            }
            Scene::FirstRun | Scene::LaterRun => {
                command.arg("cached").arg(folder).arg(model);
            }
        }
        for name in ["MAX_SIZE", "MAX_AGE", "VERIFY", "OFFLINE", "REMOTE", "RUN"] {
            command.env_remove(format!("CACHE_HARNESS_{name}"));
        }
        for name in ["HF_HUB_OFFLINE", "CARGO_NET_OFFLINE", "NEXTEST_RUN_ID"] {
            command.env_remove(name);
        }
        for name in ["HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"] {
            command.env(name, folder);
        }
        for kind in ["CACHE", "CONFIG", "DATA", "STATE"] {
            command.env(format!("XDG_{kind}_HOME"), folder.join(kind.to_lowercase()));
        }
        // A proxy would be asked for the loopback server otherwise.
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        command.env("CACHE_HARNESS_CONFIG", catalog_in(folder)).env("CACHE_HARNESS_DIR", folder.join("models"));
        command
    }
}

/// A started process, which does not outlive the demo when another one fails.
struct Running(Child);

impl Running {
    /// Waits for the end, which a failed test makes an error with what the test said.
    fn end(mut self) -> io::Result<()> {
        let mut said = String::new();
        if let Some(stderr) = &mut self.0.stderr {
            io::Read::read_to_string(stderr, &mut said)?;
        }
        match self.0.wait()? {
            status if status.success() => Ok(()),
            status => Err(io::Error::other(format!("{status}: {}", said.trim()))),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `wait` these do nothing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn catalog_in(folder: &Path) -> PathBuf {
    folder.join("cache-harness.toml")
}

/// The command.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {}

impl Demo {
    #[expect(clippy::unused_self, reason = "commands are called alike")]
    pub(super) fn run(&self, context: &super::Context) -> Result<super::Verdict> {
        if context.wants_json() {
            let measured = measure(|_, _| Ok(()))?;
            context.json(&measured)?;
        } else {
            run(&mut anstream::stdout())?;
        }
        Ok(super::Verdict::Holds)
    }
}
