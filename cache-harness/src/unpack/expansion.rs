//! The limit on what comes out of an archive: a small file may unpack to any size.

use std::cell::Cell;
use std::io::{self, Read};

use crate::units::ByteSize;

/// How many bytes may still come out.
pub(super) struct Expansion {
    most: u64,
    left: Cell<u64>,
}

/// A reader that fails when more came out than may.
pub(super) struct Expanding<'e, R> {
    expansion: &'e Expansion,
    inner: R,
}

impl Expansion {
    pub(super) fn new(most: u64) -> Self {
        Self { most, left: Cell::new(most) }
    }

    /// `inner`, whose bytes count.
    pub(super) fn of<R>(&self, inner: R) -> Expanding<'_, R> {
        Expanding { expansion: self, inner }
    }
}

impl<R: Read> Read for Expanding<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let Expansion { most, left } = self.expansion;
        let Some(still) = left.get().checked_sub(count as u64) else {
            let most = ByteSize(*most);
            return Err(io::Error::other(format!("more than {most} come out of it, which is all the cache may hold")));
        };
        left.set(still);
        Ok(count)
    }
}
