//! The file one process appends to.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, PoisonError};

use super::retention;
use super::{Event, Header};
use crate::error::Error;
use crate::run::RunId;
use crate::{fs, time};

/// The log of this process in its run. Nothing touches the disk before the first [`append`](Self::append).
#[derive(Debug)]
pub(crate) struct Log {
    runs: PathBuf,
    run: RunId,
    project: Option<PathBuf>,
    writer: Mutex<Writer>,
}

#[derive(Debug, Default)]
struct Writer {
    file: Option<File>,
    /// The header line, until it is on disk.
    header: String,
    /// Kept to spare an allocation per line.
    buffer: String,
    /// The last line was cut by a full disk: the next one starts on a line of its own.
    torn: bool,
}

/// Whether an event is in the log.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// The line is written.
    Yes,
    /// It is not, and the statistics lack it; no reason to fail a test.
    No(Error),
}

impl Log {
    /// The log of this process below `state_dir` (`<state dir>/runs/<run>/`); `project` is the catalog in force.
    pub(crate) fn new(state_dir: &Path, run: RunId, project: Option<PathBuf>) -> Self {
        Self { runs: state_dir.join("runs"), run, project, writer: Mutex::default() }
    }

    /// Appends one line with one `write`. The first call makes folder and file; a failed one is tried anew.
    pub(crate) fn append(&self, event: &Event) -> Recorded {
        // A test that panicked elsewhere left no half line here: the buffer is built anew each time.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match self.try_append(&mut writer, event) {
            Ok(()) => Recorded::Yes,
            Err(error) => Recorded::No(Error::io("append to the events in", self.runs.join(self.run.as_str()))(error)),
        }
    }

    fn try_append(&self, writer: &mut Writer, event: &Event) -> io::Result<()> {
        let Writer { file, header, buffer, torn } = writer;
        let file = if let Some(file) = file {
            file
        } else {
            *header = self.header()?;
            file.insert(self.create()?)
        };
        buffer.clear();
        if *torn {
            buffer.push('\n');
        }
        buffer.push_str(header);
        let header_end = buffer.len();
        event.write_line(buffer);
        let written = loop {
            match file.write(buffer.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if written >= header_end {
            header.clear();
        }
        // Nothing written at all leaves the last state of the line as it was.
        *torn = written < buffer.len() && (written > 0 || *torn);
        if written < buffer.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn header(&self) -> io::Result<String> {
        let header = Header {
            version: Header::VERSION,
            run: self.run.as_str().to_owned(),
            project: self.project.as_ref().map(|path| path.to_string_lossy().into_owned()),
            started: time::rfc3339(time::now()),
            pid: process::id(),
            argv0: std::env::args_os().next().unwrap_or_default().to_string_lossy().into_owned(),
        };
        Ok(serde_json::to_string(&header)? + "\n")
    }

    /// The name has the time besides the pid, and the file must be new: a reused pid never appends to another's file.
    fn create(&self) -> io::Result<File> {
        let folder = self.runs.join(self.run.as_str());
        // Looking at every file of every run takes milliseconds: it is enough if some of the runs do.
        if let Folder::New = make_folder(&self.runs, &folder)?
            && fastrand::u8(..8) == 0
        {
            retention::apply(&self.runs, time::now());
        }
        let since_epoch = time::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let mut stamp = since_epoch.as_micros();
        loop {
            let path = folder.join(format!("{}-{stamp}.jsonl", process::id()));
            match fs::create_log(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => stamp += 1,
                result => return result,
            }
        }
    }
}

enum Folder {
    New,
    Existing,
}

/// Makes the run's folder; exactly one of the processes of a run is told that it is new.
fn make_folder(runs: &Path, folder: &Path) -> io::Result<Folder> {
    fs::create_folders(runs).map_err(io::Error::other)?;
    match fs::create_folder(folder) {
        Ok(()) => Ok(Folder::New),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Folder::Existing),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Line, Warning};
    use super::*;

    fn warning(text: &str) -> Event {
        Event::Warning(Warning { at: 1.0, text: text.into() })
    }

    fn lines(state: &Path) -> Vec<Vec<Line>> {
        let folder = state.join("runs/r");
        let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
        files.map(|text| text.split_inclusive(|byte| *byte == b'\n').map(Line::parse).collect()).collect()
    }

    fn log(state: &Path) -> Log {
        Log::new(state, RunId::escaped(b"r"), Some("/p/cache-harness.toml".into()))
    }

    #[test]
    fn nothing_is_written_before_the_first_event() {
        let state = tempfile::tempdir().unwrap();
        let log = log(state.path());
        assert_eq!(state.path().read_dir().unwrap().count(), 0);
        assert!(matches!(log.append(&warning("a")), Recorded::Yes));
        assert!(matches!(&lines(state.path())[..], [lines] if matches!(lines[..], [Line::Header(_), Line::Event(_)])));
    }

    #[test]
    fn threads_and_logs_of_one_run_never_mix_lines() {
        let state = tempfile::tempdir().unwrap();
        let logs = [log(state.path()), log(state.path()), log(state.path())];
        std::thread::scope(|scope| {
            for log in &logs {
                for thread in 0..4 {
                    scope.spawn(move || {
                        for index in 0..50 {
                            let text = format!("{thread}-{index}-{}", "x".repeat(thread * 1000));
                            assert!(matches!(log.append(&warning(&text)), Recorded::Yes));
                        }
                    });
                }
            }
        });
        let files = lines(state.path());
        assert_eq!(files.len(), 3);
        for lines in files {
            assert_eq!(lines.iter().filter(|line| matches!(line, Line::Header(_))).count(), 1);
            assert_eq!(lines.iter().filter(|line| matches!(line, Line::Event(_))).count(), 200);
            assert_eq!(lines.len(), 201);
        }
    }

    #[test]
    fn a_panic_beside_the_log_loses_nothing() {
        let state = tempfile::tempdir().unwrap();
        let log = log(state.path());
        std::thread::scope(|scope| {
            let poisoner = scope.spawn(|| {
                let _guard = log.writer.lock().unwrap();
                panic!("a test failed");
            });
            assert!(poisoner.join().is_err());
        });
        assert!(matches!(log.append(&warning("after")), Recorded::Yes));
    }

    #[test]
    fn a_state_folder_that_cannot_be_used_is_told_and_survived() {
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join("file");
        File::create_new(&file).unwrap();
        assert!(matches!(log(&file).append(&warning("a")), Recorded::No(_)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_and_survived() {
        let state = tempfile::tempdir().unwrap();
        let log = log(state.path());
        log.writer.lock().unwrap().file = Some(std::fs::OpenOptions::new().append(true).open("/dev/full").unwrap());
        assert!(matches!(log.append(&warning("a")), Recorded::No(_)));
        log.writer.lock().unwrap().file = None;
        assert!(matches!(log.append(&warning("b")), Recorded::Yes));
    }

    #[test]
    fn after_a_line_that_was_cut_the_next_stands_on_its_own() {
        let state = tempfile::tempdir().unwrap();
        let log = log(state.path());
        assert!(matches!(log.append(&warning("a")), Recorded::Yes));
        {
            let mut writer = log.writer.lock().unwrap();
            writer.file.as_mut().unwrap().write_all(br#"{"event":"warn"#).unwrap();
            writer.torn = true;
        }
        assert!(matches!(log.append(&warning("b")), Recorded::Yes));
        let [lines] = &lines(state.path())[..] else { panic!("one file") };
        assert!(matches!(lines[..], [Line::Header(_), Line::Event(_), Line::Unreadable, Line::Event(_)]), "{lines:?}");
    }
}
