//! Hashing a file right behind its writer, on a thread of its own.
//!
//! The hasher reads what was written from the page cache. Memory stays at one buffer however far it
//! lags (a queue of chunks grew to 109 MB in a trial), and what is hashed is what the file holds.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::digest::{Hasher, Sha256Digest};
use crate::fs;

const BUFFER: usize = 256 << 10;
/// Bytes after which the hasher is woken: it costs more than a read.
const STEP: u64 = 1 << 20;
/// Bytes after which the kernel is asked to write them to the disk.
const STRIDE: u64 = 8 << 20;

/// A hasher that follows the writer of a file.
#[derive(Debug)]
pub(super) struct Tail {
    position: Arc<Position>,
    announced: u64,
    thread: JoinHandle<io::Result<Sha256Digest>>,
}

#[derive(Debug, Default)]
struct Position {
    written: Mutex<Written>,
    moved: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct Written {
    bytes: u64,
    done: bool,
}

impl Position {
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self, written: Written) {
        *self.lock() = written;
        self.moved.notify_one();
    }

    fn beyond(&self, hashed: u64) -> Written {
        let waiting = |written: &mut Written| written.bytes <= hashed && !written.done;
        *self.moved.wait_while(self.lock(), waiting).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    /// Follows the writer of `file`, which starts at its beginning.
    pub(super) fn follow(file: File) -> io::Result<Self> {
        let position = Arc::new(Position::default());
        let seen = Arc::clone(&position);
        let thread = std::thread::Builder::new().name("cache-harness hasher".to_owned());
        let thread = thread.spawn(move || hash(&file, &seen))?;
        Ok(Self { position, announced: 0, thread })
    }

    /// Says that the file now has `bytes` bytes. Small steps are announced together.
    pub(super) fn written(&mut self, bytes: u64) {
        if bytes - self.announced >= STEP {
            self.announced = bytes;
            self.position.announce(Written { bytes, done: false });
        }
    }

    /// Whether all of the file's `bytes` bytes are hashed; none will follow.
    pub(super) fn is_through(&mut self, bytes: u64) -> bool {
        self.position.announce(Written { bytes, done: true });
        self.thread.is_finished()
    }

    /// The digest of the file's `bytes` bytes.
    pub(super) fn finish(self, bytes: u64) -> io::Result<Sha256Digest> {
        self.position.announce(Written { bytes, done: true });
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the hashing thread panicked")))
    }

    /// Ends the thread; nobody wants the digest any more.
    pub(super) fn abandon(self) {
        self.position.announce(Written { bytes: 0, done: true });
    }
}

fn hash(file: &File, position: &Position) -> io::Result<Sha256Digest> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; BUFFER];
    let (mut done, mut sent) = (0, 0);
    loop {
        let written = position.beyond(done);
        while done < written.bytes {
            let room = usize::try_from(written.bytes - done).unwrap_or(BUFFER).min(BUFFER);
            match file.read_at(&mut buffer[..room], done) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    done += count as u64;
                    if done - sent >= STRIDE {
                        fs::start_writing(file, sent, done - sent);
                        sent = done;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if written.done {
            return Ok(hasher.finish());
        }
    }
}
