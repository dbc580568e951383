//! The runs whose logs are kept, newest first.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::fold::Fold;
use super::{Change, Report};
use crate::error::{Error, Result};
use crate::event::{Header, Line, run_is_hidden};
use crate::fs::open_through;
use crate::run::RunId;

/// A line longer than this is not ours; reading on would only cost memory.
const MAX_LINE: u64 = 1 << 20;

/// The kept runs of one state folder.
#[derive(Debug)]
pub(crate) struct Runs {
    folder: PathBuf,
}

/// A run whose log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// When a process last joined it.
    joined: SystemTime,
    /// Its name.
    pub(crate) id: String,
    folder: PathBuf,
}

impl Runs {
    /// The runs below `state_dir`.
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self { folder: state_dir.join("runs") }
    }

    /// All runs, or those of one project (its catalog's path), newest first; none is not an error. Whose a run is, is
    /// read only when the iterator comes to it.
    ///
    /// # Errors
    ///
    /// The folder is there and cannot be read.
    pub(crate) fn list(&self, project: Option<&Path>) -> Result<impl Iterator<Item = Run>> {
        let runs = self.sorted()?.into_iter();
        Ok(runs.filter(move |run| project.is_none_or(|project| run.is_of(project))))
    }

    fn sorted(&self) -> Result<Vec<Run>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            result => Some(result.map_err(Error::io("list", &self.folder))?),
        };
        let mut runs: Vec<Run> =
            entries.into_iter().flatten().flatten().filter_map(|entry| Run::at(entry.path())).collect();
        runs.sort_by(|one, other| (other.joined, &other.id).cmp(&(one.joined, &one.id)));
        Ok(runs)
    }

    /// The reports of the `count` newest runs, newest first, each compared with the one before it; no log of another
    /// run is read.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list), and for each run as [`Run::report`].
    pub(crate) fn last(&self, project: Option<&Path>, count: usize) -> Result<Vec<Report>> {
        let reports: Result<Vec<_>> = self.list(project)?.take(count).map(|run| run.report()).collect();
        Ok(compared(reports?))
    }

    /// The newest run with a request, so that a `prune` after the tests does not hide them (without any, the newest),
    /// and up to `earlier` such runs before it, each compared with the one before it.
    ///
    /// # Errors
    ///
    /// As [`last`](Self::last).
    pub(crate) fn latest(&self, project: Option<&Path>, earlier: usize) -> Result<Vec<Report>> {
        let (mut reports, mut newest) = (Vec::new(), None);
        for run in self.list(project)? {
            let report = run.report()?;
            if report.requests > 0 {
                reports.push(report);
            } else {
                newest.get_or_insert(report);
            }
            if reports.len() > earlier {
                break;
            }
        }
        if reports.is_empty() {
            reports.extend(newest);
        }
        Ok(compared(reports))
    }

    /// The report of this run, and up to `earlier` of its project with requests before it, each compared with the one
    /// before it.
    ///
    /// # Errors
    ///
    /// As [`last`](Self::last).
    pub(crate) fn up_to(&self, run: &Run, project: Option<&Path>, earlier: usize) -> Result<Vec<Report>> {
        let mut reports = vec![run.report()?];
        let before = self.sorted()?.into_iter().skip_while(|other| other.id != run.id).skip(1);
        let mut before = before.filter(|run| project.is_none_or(|project| run.is_of(project)));
        while reports.len() <= earlier
            && let Some(run) = before.next()
        {
            reports.push(run.report()?);
            reports.pop_if(|report| report.requests == 0);
        }
        Ok(compared(reports))
    }

    /// The run of that name, spelt as in the variable or as in a report.
    pub(crate) fn by_id(&self, id: &str) -> Option<Run> {
        Run::at(self.folder.join(RunId::escaped(id.as_bytes()).as_str()))
    }
}

impl Run {
    fn at(folder: PathBuf) -> Option<Self> {
        let metadata = folder.metadata().ok().filter(fs::Metadata::is_dir)?;
        let id = folder.file_name()?.to_str()?.to_owned();
        (!run_is_hidden(&folder)).then_some(Self { joined: metadata.modified().ok()?, id, folder })
    }

    /// Reads the run's logs and adds them up. What cannot be read is counted.
    ///
    /// # Errors
    ///
    /// The run's folder cannot be read.
    pub(crate) fn report(&self) -> Result<Report> {
        let mut fold = Fold::default();
        for file in self.files()? {
            if open(&file).and_then(|file| read(file, &mut fold)).is_err() {
                fold.unreadable();
            }
        }
        Ok(fold.finish(self.id.clone()))
    }

    /// Whether a process of the run worked under this catalog. Mostly the first line of the first file tells.
    fn is_of(&self, project: &Path) -> bool {
        let project = project.to_string_lossy();
        let names_it = |file: PathBuf| {
            let mut line = Vec::new();
            let opened = open(&file).map(|file| BufReader::new(file.take(MAX_LINE)));
            let read = opened.and_then(|mut file| file.read_until(b'\n', &mut line));
            let of_project = |header: &Header| header.project.as_deref() == Some(&*project);
            read.is_ok() && matches!(Line::parse(&line), Line::Header(header) if of_project(&header))
        };
        self.files().is_ok_and(|files| files.into_iter().any(names_it))
    }

    fn files(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.folder).map_err(Error::io("list", &self.folder))?;
        let files = entries.flatten().map(|entry| entry.path());
        Ok(files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).collect())
    }
}

/// The same, newest first, each with what changed since the one before it that asked for models.
fn compared(mut reports: Vec<Report>) -> Vec<Report> {
    for index in 1..reports.len() {
        let (newer, older) = reports.split_at_mut(index);
        if let (Some(newer), Some(older)) = (newer.last_mut(), older.iter().find(|older| older.requests > 0)) {
            newer.since = Some(Change::since(older, newer));
        }
    }
    reports
}

/// Opens a log; what is no file is none: nobody may ever write into a pipe, and a device may never end.
fn open(path: &Path) -> io::Result<File> {
    let file = open_through(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

fn read(file: File, fold: &mut Fold) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        fold.line(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Log, Recorded, Warning};

    const HIT: &[u8] = br#"{"event":"request","at":1.5,"model":"a","outcome":"hit","test":"t"}"#;

    fn record(state: &Path, run: &str, project: &str, line: &[u8]) {
        let log = Log::new(state, RunId::escaped(run.as_bytes()), Some(project.into()));
        let Line::Event(event) = Line::parse(line) else { panic!("no event") };
        assert!(matches!(log.append(&event), Recorded::Yes));
    }

    #[test]
    fn runs_are_found_by_project_and_name() {
        let state = tempfile::tempdir().unwrap();
        let runs = Runs::new(state.path());
        assert_eq!(runs.list(None).unwrap().count(), 0);
        assert!(runs.latest(None, 1).unwrap().is_empty());
        record(state.path(), "one", "/p", HIT);
        record(state.path(), "feature/two", "/q", HIT);
        record(state.path(), "one", "/p", HIT);
        assert_eq!(runs.list(None).unwrap().count(), 2);
        let [run] = &runs.list(Some(Path::new("/q"))).unwrap().collect::<Vec<_>>()[..] else { panic!("not one run") };
        assert_eq!((run.id.as_str(), run.report().unwrap().requests), ("feature%2ftwo", 1));
        assert_eq!(runs.latest(Some(Path::new("/p")), 1).unwrap()[0].requests, 2);
        assert_eq!(runs.by_id("feature/two").as_ref(), Some(run));
        assert_eq!(runs.by_id("feature%2ftwo").as_ref(), Some(run));
        assert_eq!(runs.by_id("three"), None);
    }

    #[test]
    fn a_command_after_the_tests_does_not_hide_their_report() {
        let state = tempfile::tempdir().unwrap();
        record(state.path(), "tests", "/p", HIT);
        record(state.path(), "prune", "/p", br#"{"event":"evict","at":9.5,"model":"a","bytes":1,"reason":"old"}"#);
        assert_eq!(Runs::new(state.path()).latest(None, 1).unwrap().remove(0).run, "tests");
    }

    #[test]
    fn a_run_is_compared_with_the_one_before_it_of_its_project() {
        let state = tempfile::tempdir().unwrap();
        let runs = Runs::new(state.path());
        let moment = |seconds| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        for (age, run, project, line) in [
            (5, "first", "/p", HIT),
            (4, "foreign", "/q", HIT),
            (3, "prune", "/p", &br#"{"event":"evict","at":9.5,"model":"a","bytes":1,"reason":"old"}"#[..]),
            (
                2,
                "second",
                "/p",
                br#"{"event":"request","at":1.5,"model":"b","outcome":"miss","miss_reason":"other_pin"}"#,
            ),
            (1, "third", "/p", HIT),
        ] {
            record(state.path(), run, project, line);
            File::open(state.path().join("runs").join(run)).unwrap().set_modified(moment(1_000_000 - age)).unwrap();
        }
        let project = Some(Path::new("/p"));
        let names = |reports: &[Report]| {
            let pair = |report: &Report| (report.run.clone(), report.since.as_ref().map(|since| since.run.clone()));
            reports.iter().map(pair).collect::<Vec<_>>()
        };
        let pair = |run: &str, since: Option<&str>| (run.to_owned(), since.map(str::to_owned));
        let latest = runs.latest(project, 1).unwrap();
        assert_eq!(names(&latest), [pair("third", Some("second")), pair("second", None)]);
        let second = runs.up_to(&runs.by_id("second").unwrap(), project, 1).unwrap();
        assert_eq!(names(&second), [pair("second", Some("first")), pair("first", None)]);
        let since = second[0].since.as_ref().unwrap();
        assert_eq!(
            (&since.models_added[..], &since.models_removed[..]),
            (&["b".to_owned()][..], &["a".to_owned()][..])
        );
        assert_eq!((&since.pins_moved[..], since.hit_rate), (&["b".to_owned()][..], Some(1.0)));
        let last = runs.last(project, 3).unwrap();
        assert_eq!(names(&last), [pair("third", Some("second")), pair("second", None), pair("prune", None)]);
    }

    #[test]
    fn lines_cut_by_a_kill_are_counted_and_the_rest_is_exact() {
        let state = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..25).for_each(|_| record(state.path(), "r", "/p", HIT)));
            }
        });
        let run = Runs::new(state.path()).by_id("r").unwrap();
        for file in run.files().unwrap().iter().take(30) {
            // As a kill does it: the last line has no end.
            let length = file.metadata().unwrap().len();
            File::options().write(true).open(file).unwrap().set_len(length - 9).unwrap();
        }
        let report = run.report().unwrap();
        assert_eq!((report.requests, report.hits, report.unreadable), (170, 170, 30));
        assert_eq!(report.tests, 1);
    }

    #[test]
    fn a_log_of_a_newer_version_is_read_as_far_as_understood() {
        let state = tempfile::tempdir().unwrap();
        record(state.path(), "r", "/p", HIT);
        let run = Runs::new(state.path()).by_id("r").unwrap();
        let mut newer = br#"{"version":9,"run":"r","started":"1999-01-01T00:00:00Z","planet":"mars"}"#.to_vec();
        newer.extend_from_slice(b"\n{\"event\":\"teleport\"}\n\n");
        newer.extend_from_slice(HIT);
        let mut file = File::create_new(run.folder.join("9-9.jsonl")).unwrap();
        io::Write::write_all(&mut file, &newer).unwrap();
        let report = run.report().unwrap();
        assert_eq!((report.requests, report.unreadable), (2, 0));
        assert_eq!(report.started.as_deref(), Some("1999-01-01T00:00:00Z"));
    }

    #[test]
    fn warnings_alone_make_a_run() {
        let state = tempfile::tempdir().unwrap();
        let log = Log::new(state.path(), RunId::escaped(b"r"), None);
        let _ = log.append(&Event::Warning(Warning { at: 1.0, text: "the cache folder is read-only".into() }));
        let report = Runs::new(state.path()).latest(None, 1).unwrap().remove(0);
        assert_eq!((report.requests, report.warnings.len()), (0, 1));
    }
}
