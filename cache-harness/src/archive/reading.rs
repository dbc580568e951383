//! Reading an archive so that who waits for it, or for a file that comes out of it, sees that somebody is at it.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use crate::store::{Following, Partial, Pulse};

/// How often whoever waits is shown that somebody is at it.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// The file that is coming out.
#[derive(Debug, Default)]
pub(super) struct Output(RefCell<Option<Pulse>>);

impl Output {
    pub(super) fn begins(&self, partial: &Partial) {
        self.0.replace(partial.pulse());
    }

    pub(super) fn ends(&self) {
        self.0.replace(None);
    }

    fn beat(&self) {
        self.0.borrow().as_ref().inspect(|pulse| pulse.beat());
    }
}

/// An archive that is still coming.
pub(super) struct Arriving<'o> {
    pub(super) following: Following,
    pub(super) output: &'o Output,
}

impl Arriving<'_> {
    /// Waits for the end, of which an archive's own end says nothing; fails if other bytes were read than are pinned.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        while !self.following.skip_to_end(SIGN_OF_LIFE)? {}
        Ok(())
    }
}

impl Read for Arriving<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(count) = self.following.read(buffer, SIGN_OF_LIFE)? {
                return Ok(count);
            }
            self.output.beat();
        }
    }
}

/// A verified archive, also where nothing comes out of it for long.
pub(super) struct Verified<'p> {
    file: File,
    partial: &'p Partial,
    stamped: Instant,
}

impl<'p> Verified<'p> {
    pub(super) fn new(partial: &'p Partial) -> crate::Result<Self> {
        Ok(Self { file: partial.reader()?, partial, stamped: Instant::now() })
    }
}

impl Read for Verified<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stamped.elapsed() > SIGN_OF_LIFE {
            self.partial.stamp();
            self.stamped = Instant::now();
        }
        self.file.read(buffer)
    }
}

impl Seek for Verified<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}
