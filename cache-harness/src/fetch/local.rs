//! A file of this project as a source.

use std::io::{ErrorKind, Read as _};
use std::path::Path;

use crate::error::{Error, Result};
use crate::fs;
use crate::store::{Partial, Received};

/// Copies the file into the partial. Links are followed: the file is the project's own.
pub(super) fn read(path: &Path, partial: &mut Partial) -> Result<Received> {
    let mut file = fs::open_through(path).map_err(Error::io("read", path))?;
    partial.restart()?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return partial.finish(),
            Ok(count) => partial.append(&buffer[..count])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", path)(error)),
        }
    }
}
