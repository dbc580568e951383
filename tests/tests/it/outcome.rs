//! What a restore from a faulty server came to: how it ended, what was asked and sent, and what is on disk.

use std::fmt::Debug;
use std::thread;

use cache_harness::testkit::{Fault, Received, Server};

use crate::inspect::{assert_blobs_are_right, leftovers, walk};
use crate::pinned::{Pinned, project};
use crate::project::{Ended, Project};

pub(crate) const FILE: &str = "model.safetensors";

/// A project whose one model `m` has one file, on a server of its own.
pub(crate) struct Case {
    pub(crate) server: Server,
    pub(crate) project: Project,
    pub(crate) model: Pinned,
}

/// How a restore ended, and what the server saw of it.
pub(crate) struct Outcome {
    pub(crate) ended: Ended,
    pub(crate) requests: Vec<Received>,
    /// Bytes that a broken download left for the next one.
    pub(crate) left: u64,
}

impl Case {
    /// A file of so many bytes, and what goes wrong with it. A standstill is broken off after a second.
    pub(crate) fn new(size: u64, faults: &[Fault]) -> Self {
        let server = Server::start().unwrap();
        let model = Pinned::weights("m", 1, size);
        let mut project = project("", &[&model], &server);
        project.set("CACHE_HARNESS_PATIENCE", "1s");
        let case = Self { server, project, model };
        faults.iter().for_each(|fault| case.fault(fault.clone()));
        case
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.server.fault(&self.path(), fault);
    }

    /// Where the server has the file.
    pub(crate) fn path(&self) -> String {
        self.model.address(FILE)
    }

    /// Restores the model. Whatever comes of it, there is no blob but a right one, nothing in place if it failed, and
    /// nothing else left behind but the bytes to go on from.
    #[track_caller]
    pub(crate) fn restore(&self) -> Outcome {
        self.server.clear_log();
        let ended = self.project.run(&["restore", "m"]);
        let requests = self.server.requests();
        assert!(matches!(ended.code, Some(0 | 1)) && !ended.stderr.contains("panicked"), "{ended:?}");
        let is_right = ended.code == Some(0);
        assert_blobs_are_right(&self.project);
        assert_eq!(self.project.blob(&self.model.digest(0)).exists(), is_right, "{ended:?}");
        assert_eq!(self.project.snapshot("m").join(FILE).exists(), is_right, "{ended:?}");
        assert_eq!(leftovers(&self.project), [] as [std::path::PathBuf; 0]);
        let partials = self.project.cache().join("v1/partial");
        let left: u64 = walk(&partials)
            .iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "part"))
            .map(|path| path.metadata().unwrap().len())
            .sum();
        if left == 0 {
            assert_eq!(walk(&partials)[1..], [] as [std::path::PathBuf; 0], "{ended:?}");
        }
        assert!(!is_right || left == 0, "{left} bytes left over");
        // Of its connections nothing but what the host said.
        let hosts = walk(&self.project.home().join(".local/state/cache-harness/hosts"));
        let kept = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "state");
        assert!(hosts.iter().filter(|path| path.is_file()).all(kept), "{hosts:?}");
        Outcome { ended, requests, left }
    }
}

impl Outcome {
    /// Body bytes that the server sent.
    pub(crate) fn sent(&self) -> u64 {
        self.requests.iter().map(|request| request.bytes_sent).sum()
    }

    /// The header `Range` of each request.
    pub(crate) fn ranges(&self) -> Vec<Option<&str>> {
        self.requests.iter().map(|request| request.range.as_deref()).collect()
    }

    /// The status of each answer, and what it sent.
    pub(crate) fn answers(&self) -> Vec<(u16, u64)> {
        self.requests.iter().map(|request| (request.status, request.bytes_sent)).collect()
    }

    /// Why the only source failed, as told last; the file's address is `URL`.
    #[track_caller]
    pub(crate) fn told(&self, case: &Case) -> String {
        assert_eq!(self.ended.code, Some(1), "{:?}", self.ended);
        let stderr = self.ended.stderr.replace(&format!("{}{}", case.server.url(), case.path()), "URL");
        let errors: Vec<_> = stderr.split("\nerror: ").collect();
        let [.., words] = errors[..] else { panic!("{stderr}") };
        let words = words.strip_prefix("error: ").unwrap_or(words);
        let reason = words.strip_prefix("no source of `model.safetensors` of model `m` gave its bytes: ");
        let reason = reason.unwrap_or_else(|| panic!("{stderr}"));
        reason.trim_end().to_owned()
    }
}

/// Checks each of these at the same time, as most of it is spent waiting.
pub(crate) fn each<T: Sync + Debug>(cases: &[T], check: impl Fn(&T) + Sync) {
    let check = &check;
    let failed: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = cases.iter().map(|case| (case, scope.spawn(move || check(case)))).collect();
        running.into_iter().filter_map(|(case, running)| running.join().is_err().then_some(case)).collect()
    });
    let names = failed.iter().map(|case| format!("{case:?}").chars().take(200).collect::<String>());
    assert!(failed.is_empty(), "{:#?}", names.collect::<Vec<_>>());
}
