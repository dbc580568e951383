//! Files out of an archive, as bytes that go by.
//!
//! An archive's digest says that it is the one that was pinned, not that it is harmless. So no path on the disk is
//! made from a name in it: a name becomes a [`FilePath`] or is refused, and what comes out is compared with the
//! pins by whoever takes it. Links, devices, names that clash, encrypted files and sparse files are refused, not
//! worked around; what the catalog's `files` do not mean is not read.
//!
//! Behind the feature `archives`: the decoders are for those who need them.

mod format;

#[cfg(feature = "archives")]
mod compression;
#[cfg(feature = "archives")]
mod expansion;
#[cfg(all(any(fuzzing, test), feature = "archives"))]
pub(crate) mod fuzzing;
#[cfg(feature = "archives")]
mod names;
#[cfg(feature = "archives")]
mod tar;
#[cfg(feature = "archives")]
mod zip;

use std::io::{self, Read, Seek};

use crate::error::{Error, Result};
use crate::model::FilePath;
use crate::pattern;

pub(crate) use format::Format;

/// An archive that is to be unpacked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Archive<'a> {
    name: &'a FilePath,
    format: Format,
    files: &'a [String],
    most: u64,
}

/// Takes one file out of an archive; what it does not read is skipped.
pub(crate) type Take<'t> = dyn FnMut(FilePath, &mut dyn Read) -> Result<()> + 't;

impl<'a> Archive<'a> {
    /// The archive with this name, of which the `files` that these patterns mean are wanted, all if there are
    /// none. No more than `most` bytes may come out.
    ///
    /// # Errors
    ///
    /// [`Error::Archive`] if this build cannot unpack.
    pub(crate) fn new(name: &'a FilePath, files: &'a [String], most: u64) -> Result<Self> {
        let refused = |reason| Error::Archive { archive: name.to_string(), reason, remedy: None };
        let format = Format::of(name.as_str()).map_err(refused)?;
        if cfg!(feature = "archives") { Ok(Self { name, format, files, most }) } else { Err(no_decoders(name)) }
    }

    /// Calls `take` with each wanted file, in the order of the archive.
    ///
    /// # Errors
    ///
    /// What `take` fails with, and [`Error::Archive`] for what is refused or cannot be decoded.
    #[cfg(feature = "archives")]
    pub(crate) fn unpack(&self, packed: impl Read + Seek, take: &mut Take<'_>) -> Result<()> {
        use expansion::Expansion;
        use format::Container;

        let expansion = Expansion::new(self.most);
        match self.format {
            Format { container: Container::Zip, .. } => zip::unpack(self, packed, &expansion, take),
            Format { container: Container::Tar, compression, .. } => {
                tar::unpack(self, expansion.of(compression::reader(compression, packed)), take)
            }
            Format { container: Container::File, compression, .. } => {
                let mut content = expansion.of(compression::reader(compression, packed));
                match names::Names::of(self).admit(self.format.stem(self.name).as_bytes(), names::Kind::File)? {
                    Some(path) => take(path, &mut content),
                    None => Ok(()),
                }
            }
        }
    }

    #[cfg(not(feature = "archives"))]
    pub(crate) fn unpack(&self, _packed: impl Read + Seek, _take: &mut Take<'_>) -> Result<()> {
        Err(no_decoders(self.name))
    }

    /// Whether the file is one of those that are wanted.
    pub(crate) fn wants(&self, path: &str) -> bool {
        self.files.is_empty() || self.files.iter().any(|pattern| pattern::matches(pattern, path))
    }

    /// The error that says why this archive is not unpacked.
    pub(crate) fn refused(&self, reason: impl Into<String>) -> Error {
        Error::Archive { archive: self.name.to_string(), reason: reason.into(), remedy: None }
    }

    /// What reading a file of this archive failed with.
    pub(crate) fn unreadable(&self, path: &FilePath, error: &io::Error) -> Error {
        self.refused(format!("`{path}`: {error}"))
    }
}

fn no_decoders(name: &FilePath) -> Error {
    Error::Archive {
        archive: name.to_string(),
        reason: "this build of cache-harness has no decoders".to_owned(),
        remedy: Some("add the feature `archives` where you depend on cache-harness"),
    }
}

#[cfg(all(test, feature = "archives"))]
mod tests;

#[cfg(all(test, not(feature = "archives")))]
mod without_decoders {
    use super::*;

    #[test]
    fn without_decoders_the_error_names_the_feature() {
        let name = "m.tar.gz".parse().unwrap();
        assert_eq!(
            Archive::new(&name, &[], 1).unwrap_err().report(),
            "`m.tar.gz` is not unpacked: this build of cache-harness has no decoders\n\
             hint: add the feature `archives` where you depend on cache-harness"
        );
    }
}
