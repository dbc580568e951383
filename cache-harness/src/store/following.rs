//! Reading a partial while it is filled: from its first byte on, as far as it is there without a gap.
//!
//! The end comes once the digest of everything is the pinned one. So whoever read to the end has read the right bytes,
//! and whoever is told of an error, none that count. The file is read through the page cache, at the reader's own
//! pace: the writer never waits, and nothing piles up.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use super::position::{Position, State, abandoned};

/// A reader that follows the writer of a partial. While it lives, the partial's lock does.
#[derive(Debug)]
pub(crate) struct Following {
    file: File,
    position: Arc<Position>,
    read: u64,
}

impl Following {
    pub(super) fn new(file: File, position: Arc<Position>) -> Self {
        Self { file, position, read: 0 }
    }

    /// Reads what comes next, and 0 bytes at the end; `None` if neither is there within `patience`.
    ///
    /// # Errors
    ///
    /// The bytes so far turned out to be wrong, or the partial is gone.
    pub(crate) fn read(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<Option<usize>> {
        let Some(written) = self.position.judged_beyond(self.read, patience) else { return Ok(None) };
        match written.state {
            State::Abandoned => return Err(abandoned()),
            State::Right if written.bytes <= self.read => return Ok(Some(0)),
            State::Growing | State::Whole | State::Right => {}
        }
        let room = usize::try_from(written.bytes - self.read).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..room], self.read)?;
        if count == 0 && room > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read += count as u64;
        Ok(Some(count))
    }

    /// Passes over everything to the end; `false` if it does not come within `patience`.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub(crate) fn skip_to_end(&mut self, patience: Duration) -> io::Result<bool> {
        match self.position.judged_beyond(u64::MAX, patience).map(|written| written.state) {
            Some(State::Abandoned) => Err(abandoned()),
            ended => Ok(ended.is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256Digest;
    use crate::lock::Waiting;
    use crate::store::{Partial, Slot, Store};

    /// Announcements are a MiB apart.
    const HALF: &[u8] = &[7; 1 << 20];
    const NOT_YET: Duration = Duration::ZERO;
    const AT_LAST: Duration = Duration::from_secs(60);

    fn partial_of(bytes: &[u8]) -> (tempfile::TempDir, Partial) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.create().unwrap();
        let slot = store.slot(&Sha256Digest::of(bytes), None, u64::MAX, &Waiting::BRIEF).unwrap();
        let Slot::Vacant(partial) = slot else { panic!("{slot:?}") };
        (folder, partial)
    }

    /// Reads until nothing is there.
    fn read(following: &mut Following, patience: Duration) -> io::Result<Vec<u8>> {
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 300_000]);
        while let Some(count) = following.read(&mut buffer, patience)? {
            if count == 0 {
                break;
            }
            bytes.extend(&buffer[..count]);
        }
        Ok(bytes)
    }

    #[test]
    fn what_is_there_is_read_and_the_end_comes_with_the_digest() {
        let both = [HALF, HALF].concat();
        let (_folder, mut partial) = partial_of(&both);
        let mut following = partial.follow().unwrap();
        assert_eq!(following.read(&mut [0; 9], NOT_YET).unwrap(), None);
        partial.append(HALF).unwrap();
        assert_eq!(read(&mut following, NOT_YET).unwrap(), HALF);
        assert!(!following.skip_to_end(NOT_YET).unwrap());
        partial.append(HALF).unwrap();
        let reader = std::thread::spawn(move || read(&mut following, AT_LAST));
        let received = partial.finish().unwrap();
        assert!(partial.wants(&received.digest));
        assert_eq!(reader.join().unwrap().unwrap(), HALF);
        let mut late = partial.follow().unwrap();
        assert_eq!(read(&mut late, AT_LAST).unwrap(), both);
        assert!(late.skip_to_end(NOT_YET).unwrap());
    }

    #[test]
    fn bytes_that_are_not_the_pinned_ones_have_no_end_and_fail_with_the_next_attempt() {
        let (_folder, mut partial) = partial_of(b"right");
        let mut following = partial.follow().unwrap();
        partial.append(b"wrong").unwrap();
        partial.finish().unwrap();
        assert_eq!(read(&mut following, NOT_YET).unwrap(), b"wrong");
        assert!(!following.skip_to_end(NOT_YET).unwrap());
        partial.restart().unwrap();
        assert!(following.skip_to_end(AT_LAST).is_err());
        partial.append(b"right").unwrap();
        partial.finish().unwrap();
        assert!(following.read(&mut [0; 9], AT_LAST).is_err());
        assert_eq!(read(&mut partial.follow().unwrap(), AT_LAST).unwrap(), b"right");
    }

    #[test]
    fn an_attempt_of_which_nothing_was_read_may_begin_anew() {
        let (_folder, mut partial) = partial_of(b"right");
        let mut following = partial.follow().unwrap();
        partial.append(b"wron").unwrap();
        partial.restart().unwrap();
        partial.append(b"right").unwrap();
        let received = partial.finish().unwrap();
        assert_eq!((received.digest, received.size), (Sha256Digest::of(b"right"), 5));
        assert_eq!(read(&mut following, AT_LAST).unwrap(), b"right");
    }

    #[test]
    fn whoever_waits_is_told_when_the_partial_goes() {
        type End = fn(Partial);
        let ends: [End; 3] = [drop, |partial| partial.discard().unwrap(), |mut partial| partial.rehash()];
        for end in ends {
            let (_folder, mut partial) = partial_of(b"right");
            let mut following = partial.follow().unwrap();
            partial.append(HALF).unwrap();
            let reader = std::thread::spawn(move || read(&mut following, AT_LAST));
            end(partial);
            assert!(reader.join().unwrap().is_err());
        }
    }
}
