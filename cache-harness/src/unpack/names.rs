//! The names in an archive: which are safe, which are wanted, and which clash.

use std::collections::BTreeMap;

use super::Archive;
use crate::error::Result;
use crate::model::FilePath;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// Something that is never unpacked, as a message calls it.
    Refused(&'static str),
}

/// The names of an archive so far.
pub(super) struct Names<'a> {
    archive: &'a Archive<'a>,
    /// The wanted files, and the folders they need, by how they are written where upper and lower case are one.
    taken: BTreeMap<String, Taken>,
}

enum Taken {
    File(FilePath),
    /// The folder of this file.
    FolderOf(FilePath),
}

impl<'a> Names<'a> {
    pub(super) fn of(archive: &'a Archive<'a>) -> Self {
        Self { archive, taken: BTreeMap::new() }
    }

    /// The path of an entry if it is a file that is wanted.
    ///
    /// A name that could leave its folder is refused also where it is not wanted: nobody packs one by accident.
    pub(super) fn admit(&mut self, name: &[u8], kind: Kind) -> Result<Option<FilePath>> {
        let Ok(text) = str::from_utf8(name) else {
            return Err(self.archive.refused(format!("the name `{}` is not UTF-8", name.escape_ascii())));
        };
        // What `tar -c .` writes.
        let mut relative = text;
        while let Some(rest) = relative.strip_prefix("./") {
            relative = rest;
        }
        if kind == Kind::Folder {
            relative = relative.strip_suffix('/').unwrap_or(relative);
            if matches!(relative, "" | ".") {
                return Ok(None);
            }
        }
        let path = relative.parse::<FilePath>();
        let path = path.map_err(|error| self.archive.refused(error.to_string()))?;
        match kind {
            Kind::Folder => Ok(None),
            _ if !self.archive.wants(path.as_str()) => Ok(None),
            Kind::Refused(what) => Err(self.archive.refused(format!("`{path}` is {what}"))),
            Kind::File => self.take(path).map(Some),
        }
    }

    fn take(&mut self, path: FilePath) -> Result<FilePath> {
        let folded = path.as_str().to_lowercase();
        if let Some(taken) = self.taken.get(&folded) {
            return Err(self.archive.refused(match taken {
                Taken::File(other) if *other == path => format!("`{path}` is in it twice"),
                Taken::File(other) => format!("`{other}` and `{path}` are one path on some systems"),
                Taken::FolderOf(other) => format!("`{other}` needs a folder where `{path}` is a file"),
            }));
        }
        for (end, _) in folded.match_indices('/') {
            let above = self.taken.entry(folded[..end].to_owned()).or_insert_with(|| Taken::FolderOf(path.clone()));
            if let Taken::File(other) = above {
                let message = format!("`{path}` needs a folder where `{other}` is a file");
                return Err(self.archive.refused(message));
            }
        }
        self.taken.insert(folded, Taken::File(path.clone()));
        Ok(path)
    }
}
