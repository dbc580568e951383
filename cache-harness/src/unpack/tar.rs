//! `.tar`: entries one after the other, read as they come.

use std::io::Read;

use ::tar::EntryType;

use super::names::{Kind, Names};
use super::{Archive, Take};
use crate::error::Result;

pub(super) fn unpack(archive: &Archive<'_>, packed: impl Read, take: &mut Take<'_>) -> Result<()> {
    let unreadable = |error: std::io::Error| archive.refused(error.to_string());
    let mut names = Names::of(archive);
    let mut tar = ::tar::Archive::new(packed);
    for entry in tar.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let name = entry.path_bytes().into_owned();
        let Some(kind) = kind(entry.header().entry_type(), &name) else { continue };
        if let Some(path) = names.admit(&name, kind)? {
            take(path, &mut entry)?;
        }
    }
    Ok(())
}

/// What an entry is; `None` for one that only says something about others.
fn kind(entry: EntryType, name: &[u8]) -> Option<Kind> {
    Some(match entry {
        // How the oldest tars write a folder.
        EntryType::Regular if name.ends_with(b"/") => Kind::Folder,
        EntryType::Regular | EntryType::Continuous => Kind::File,
        EntryType::Directory => Kind::Folder,
        EntryType::XGlobalHeader => return None,
        EntryType::Symlink => Kind::Refused("a symbolic link"),
        EntryType::Link => Kind::Refused("a hard link"),
        EntryType::Char | EntryType::Block => Kind::Refused("a device"),
        EntryType::Fifo => Kind::Refused("a pipe"),
        EntryType::GNUSparse => Kind::Refused("a sparse file"),
        _ => Kind::Refused("of an unknown kind"),
    })
}
