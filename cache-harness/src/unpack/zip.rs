//! `.zip`: the directory at its end says what is in it.
//!
//! The headers before each file repeat the directory. Where the two contradict each other, another program would
//! read another file out of the same bytes (CVE-2025-54368), so such an archive is refused.

use std::io::{Read, Seek};

use ::zip::ZipArchive;
use ::zip::read::ZipReadOptions;
use ::zip::result::ZipError;

use super::expansion::Expansion;
use super::names::{Kind, Names};
use super::{Archive, Take};
use crate::error::Result;

/// The bits of a Unix mode that say what a file is, and their values for a file, a folder and a symbolic link.
const FILE_KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const SYMLINK: u32 = 0o120_000;

pub(super) fn unpack(
    archive: &Archive<'_>,
    packed: impl Read + Seek,
    expansion: &Expansion,
    take: &mut Take<'_>,
) -> Result<()> {
    let unreadable = |error: ZipError| archive.refused(error.to_string());
    let mut zip = ZipArchive::new(packed).map_err(unreadable)?;
    if zip.has_duplicate_names() {
        return Err(archive.refused("a name is in it twice"));
    }
    let mut names = Names::of(archive);
    for index in 0..zip.len() {
        let entry = zip.by_index_data(index).map_err(unreadable)?;
        let kind = match entry.unix_mode().map_or(0, |mode| mode & FILE_KIND) {
            _ if entry.is_dir() => Kind::Folder,
            SYMLINK => Kind::Refused("a symbolic link"),
            0 | REGULAR | FOLDER if entry.encrypted() => Kind::Refused("encrypted"),
            0 | REGULAR => Kind::File,
            _ => Kind::Refused("neither a file nor a folder"),
        };
        if let Some(path) = names.admit(entry.name_raw(), kind)? {
            let options = ZipReadOptions::new().enforce_header_consistency(true);
            let content = zip.by_index_with_options(index, options);
            let content = content.map_err(|error| archive.refused(format!("`{path}`: {error}")))?;
            take(path, &mut expansion.of(content))?;
        }
    }
    Ok(())
}
