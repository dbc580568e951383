//! Which runs are kept: the policy is pure, the removal best effort.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::Result;
use crate::time;

/// A run written to more recently may still be going on.
const IN_USE: Duration = Duration::from_secs(3600);
const BLOCK: u64 = 4096;

/// The most that may stay.
#[derive(Debug, Clone, Copy)]
struct HistoryPolicy {
    /// As many, the newest.
    runs: usize,
    /// Bytes on disk, in all runs together. A file counts whole blocks: nextest's runs have one small file a test.
    bytes: u64,
    /// Nothing was written to it for longer: it goes.
    age: Duration,
}

const POLICY: HistoryPolicy = HistoryPolicy { runs: 200, bytes: 64 << 20, age: Duration::from_secs(90 * 24 * 3600) };

/// A run's folder, as the policy sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    modified: SystemTime,
    folder: PathBuf,
    bytes: u64,
}

impl HistoryPolicy {
    /// Chooses the runs to remove: those that are too old, all beyond the newest so many, and from the first that does
    /// not fit into the bytes on. A run modified in the last hour, or after `now`, always stays.
    fn plan(&self, mut runs: Vec<Kept>, now: SystemTime) -> Vec<Kept> {
        runs.sort_by(|one, other| other.cmp(one));
        let mut bytes = 0_u64;
        let mut removed = Vec::new();
        for (index, run) in runs.into_iter().enumerate() {
            bytes = bytes.saturating_add(run.bytes);
            let age = time::age(run.modified, now);
            let exceeds = index >= self.runs || bytes > self.bytes || age > self.age;
            if exceeds && age > IN_USE {
                removed.push(run);
            }
        }
        removed
    }
}

/// Removes what the policy does not let stay. What fails is tried again when another run begins.
pub(super) fn apply(runs: &Path, now: SystemTime) {
    let Ok(folders) = fs::read_dir(runs) else { return };
    let mut kept = Vec::new();
    for folder in folders.flatten().map(|entry| entry.path()) {
        if hidden(&folder) {
            // Its removal was interrupted.
            let _ = remove(&folder, &folder);
        } else if let Some(run) = measure(folder) {
            kept.push(run);
        }
    }
    for Kept { folder, .. } in POLICY.plan(kept, now) {
        if let Some(name) = folder.file_name() {
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            let _ = remove(&folder, &runs.join(hidden));
        }
    }
}

/// Whether the folder is a run that is being removed.
pub(crate) fn hidden(folder: &Path) -> bool {
    folder.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn measure(folder: PathBuf) -> Option<Kept> {
    let mut modified = folder.metadata().ok()?.modified().ok()?;
    let mut bytes = BLOCK;
    for file in fs::read_dir(&folder).ok()?.flatten() {
        if let Ok(metadata) = file.metadata() {
            bytes = bytes.saturating_add(metadata.len().next_multiple_of(BLOCK));
            modified = modified.max(metadata.modified().unwrap_or(modified));
        }
    }
    Some(Kept { modified, folder, bytes })
}

/// Renames aside first, so that a report never reads half a run.
fn remove(folder: &Path, aside: &Path) -> Result<()> {
    if folder != aside {
        crate::fs::rename(folder, aside)?;
    }
    crate::fs::remove_folder(aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(count: u64, bytes: u64, now: SystemTime) -> Vec<Kept> {
        let run =
            |age: u64| Kept { modified: now - Duration::from_secs(age * 60), folder: age.to_string().into(), bytes };
        (0..count).map(run).collect()
    }

    fn now() -> SystemTime {
        time::from_unix_seconds(1_763_704_346)
    }

    #[test]
    fn the_newest_two_hundred_stay() {
        let removed = POLICY.plan(runs(210, 1, now()), now());
        assert_eq!(removed.len(), 10);
        assert!(removed.iter().all(|run| run.modified < now() - Duration::from_secs(199 * 60)));
    }

    #[test]
    fn what_exceeds_the_bytes_goes_oldest_first() {
        let removed = POLICY.plan(runs(100, 1 << 20, now()), now());
        assert_eq!(removed.len(), 36);
        assert!(removed.iter().all(|run| run.modified <= now() - Duration::from_secs(64 * 60)));
    }

    #[test]
    fn what_is_older_than_ninety_days_goes() {
        let day = |age: u64| Kept {
            modified: now() - Duration::from_secs(age * 24 * 3600),
            folder: age.to_string().into(),
            bytes: 1,
        };
        let removed = POLICY.plan((80..100).map(day).collect(), now());
        assert_eq!(removed.len(), 9);
        assert!(removed.iter().all(|run| run.modified < now() - POLICY.age));
    }

    #[test]
    fn a_run_that_may_be_going_on_stays_whatever_its_size() {
        assert_eq!(POLICY.plan(runs(60, 1 << 40, now()), now()), []);
        let future = Kept { modified: now() + IN_USE, folder: "f".into(), bytes: u64::MAX };
        assert_eq!(POLICY.plan(vec![future], now()), []);
    }

    #[test]
    fn removal_takes_whole_runs_and_what_an_interrupted_one_left() {
        let state = tempfile::tempdir().unwrap();
        for name in ["old", ".half", "other"] {
            #[expect(clippy::disallowed_methods, reason = "test data")]
            fs::create_dir(state.path().join(name)).unwrap();
            fs::File::create_new(state.path().join(name).join("1-1.jsonl")).unwrap().set_len(40 << 20).unwrap();
        }
        apply(state.path(), time::now() + 2 * IN_USE);
        let left: Vec<_> = state.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
