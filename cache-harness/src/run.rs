//! Which run this process belongs to.
//!
//! A run is one test session, and its processes must agree on its name without talking to each other. In order:
//! `CACHE_HARNESS_RUN`, `NEXTEST_RUN_ID` (one per nextest session), and else the nearest ancestor that is cargo: one
//! `cargo test` starts every test binary itself, one after another. Without an ancestor to be found (a test binary
//! started by hand) each process is a run of its own.

use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::process;

use crate::digest::Sha256Digest;
use crate::environment;

/// The name of a run: always one safe path component of at most 100 ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RunId(String);

const MAX_LENGTH: usize = 100;

impl RunId {
    /// The run of this process; `variable` looks up the environment. An empty variable counts as unset.
    pub(crate) fn current(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        [environment::RUN, environment::NEXTEST_RUN_ID]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty())
            .map_or_else(Self::of_process, |value| Self::escaped(value.as_encoded_bytes()))
    }

    /// A name of somebody's choice as the log spells it: what could leave the folder, hide in it or upset a file
    /// system becomes `%` and two digits, what is too long ends in its digest. A spelt name is spelt as it is.
    pub(crate) fn escaped(name: &[u8]) -> Self {
        let mut text = String::with_capacity(name.len());
        for (index, &byte) in name.iter().enumerate() {
            let inner = index > 0 && index + 1 < name.len();
            match byte {
                b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'%' => text.push(char::from(byte)),
                b'.' if inner => text.push('.'),
                _ => {
                    // Writing to a `String` has no error.
                    let _ = write!(text, "%{byte:02x}");
                }
            }
        }
        if text.is_empty() {
            text.push('%');
        }
        if text.len() > MAX_LENGTH {
            let digest = Sha256Digest::of(name).to_string();
            text.replace_range(MAX_LENGTH - 17.., "-");
            text.push_str(&digest[..16]);
        }
        Self(text)
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn of_process() -> Self {
        let read = |process: &str| std::fs::read(format!("/proc/{process}/stat")).ok();
        ancestor::run_of(read).map_or_else(|| Self(format!("process-{}", process::id())), Self)
    }

    /// Without `/proc` the parent is taken for cargo.
    #[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
    fn of_process() -> Self {
        Self(format!("parent-{}", std::os::unix::process::parent_id()))
    }

    #[cfg(not(unix))]
    fn of_process() -> Self {
        let since_epoch = crate::time::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(format!("process-{}-{}", process::id(), since_epoch.as_micros()))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// The way up through `/proc/<pid>/stat` (`man 5 proc_pid_stat`).
#[cfg(any(target_os = "linux", target_os = "android"))]
mod ancestor {
    /// No real tree of processes is deeper; a pid reused on the way could close a circle.
    const MAX_DEPTH: usize = 64;

    struct Stat {
        pid: u32,
        command: Vec<u8>,
        parent: u32,
        /// In ticks since boot: with it, a pid names one process until the next boot.
        start: u64,
    }

    impl Stat {
        /// `pid (comm) state ppid …`, where `comm` may itself have blanks and parentheses.
        fn parse(text: &[u8]) -> Option<Self> {
            let open = text.iter().position(|byte| *byte == b'(')?;
            let close = text.iter().rposition(|byte| *byte == b')')?;
            let rest = str::from_utf8(text.get(close + 1..)?).ok()?;
            let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
            Some(Self {
                pid: str::from_utf8(&text[..open]).ok()?.trim().parse().ok()?,
                command: text.get(open + 1..close)?.to_vec(),
                // The first field after `comm` is number 3: the parent is 4, the start 22.
                parent: fields.get(1)?.parse().ok()?,
                start: fields.get(19)?.parse().ok()?,
            })
        }
    }

    /// The nearest cargo above this process, else the process itself; none without a readable `/proc`.
    pub(super) fn run_of(read: impl Fn(&str) -> Option<Vec<u8>>) -> Option<String> {
        let own = Stat::parse(&read("self")?)?;
        let mut parent = own.parent;
        for _ in 0..MAX_DEPTH {
            let Some(stat) = read(&parent.to_string()).and_then(|text| Stat::parse(&text)) else { break };
            if stat.command == b"cargo" || stat.command == b"cargo-nextest" {
                return Some(format!("cargo-{}-{}", stat.pid, stat.start));
            }
            parent = stat.parent;
        }
        Some(format!("process-{}-{}", own.pid, own.start))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[expect(clippy::unnecessary_wraps, reason = "what `read` gives")]
        fn stat(pid: u32, command: &str, parent: u32, start: u32) -> Option<Vec<u8>> {
            Some(format!("{pid} ({command}) S {parent} 5 6 7 8 9 1 2 3 4 5 6 7 8 20 0 1 0 {start} 99\n").into_bytes())
        }

        #[test]
        fn the_nearest_cargo_names_the_run() {
            let tree = |name: &str| match name {
                "self" => stat(40, "it-0123", 30, 900),
                "30" => stat(30, "sh) S 1 (x", 20, 800),
                "20" => stat(20, "cargo", 10, 700),
                "10" => stat(10, "cargo", 1, 600),
                _ => None,
            };
            assert_eq!(run_of(tree).unwrap(), "cargo-20-700");
        }

        #[test]
        fn without_cargo_the_process_is_its_own_run() {
            let tree = |name: &str| match name {
                "self" => stat(40, "it", 30, 900),
                "30" => stat(30, "cargo-watch", 30, 800),
                _ => None,
            };
            assert_eq!(run_of(tree).unwrap(), "process-40-900");
            assert_eq!(run_of(|_| None), None);
            assert_eq!(run_of(|_| Some(b"40 (it) S".to_vec())), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_variable_wins_over_nextests_and_empty_is_unset() {
        let both = |name: &str| match name {
            "CACHE_HARNESS_RUN" => Some("mine".into()),
            "NEXTEST_RUN_ID" => Some("theirs".into()),
            _ => None,
        };
        assert_eq!(RunId::current(both).as_str(), "mine");
        let empty = |name: &str| both(name).map(|value| if value == "mine" { OsString::new() } else { value });
        assert_eq!(RunId::current(empty).as_str(), "theirs");
    }

    #[test]
    fn every_process_of_a_session_finds_the_same_run() {
        assert_eq!(RunId::current(|_| None), RunId::current(|_| None));
        assert!(!RunId::current(|_| None).as_str().is_empty());
    }

    #[test]
    fn whatever_the_variable_says_the_name_is_one_safe_component() {
        let long = "n".repeat(5000);
        let names =
            ["..", ".", "../../etc", "/", "a\\b", "C:\\x", "ein Lauf", "\n\0", "é", ".hidden", "dot.", "", &long];
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            let run = RunId::escaped(name.as_bytes());
            let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_%.".contains(&byte);
            assert!(run.as_str().bytes().all(safe), "{name:?} became {run}");
            assert!(!run.as_str().starts_with('.') && !run.as_str().ends_with('.') && run.as_str().len() <= MAX_LENGTH);
            assert_eq!(RunId::escaped(run.as_str().as_bytes()), run, "spelling it twice changed it");
            assert!(seen.insert(run), "{name:?} is another run's name");
        }
        assert_eq!(RunId::escaped(b"3c2d1e9a-7b1f-4c55.2").as_str(), "3c2d1e9a-7b1f-4c55.2");
    }
}
