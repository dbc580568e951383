//! What differs between the pins of a repository and what it has now.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Listed;
use crate::pins::{PinnedFile, Pins};

/// Files that upstream changed, added and removed. Paths are as the Hub lists them.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Moves {
    pub(crate) changed: Vec<Moved>,
    pub(crate) added: Vec<Moved>,
    pub(crate) removed: Vec<Moved>,
    /// Bytes that are not among those pinned, and would be fetched.
    pub(crate) fetch_bytes: u64,
}

/// A file, and its size before and after.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Moved {
    pub(crate) path: String,
    pub(crate) before: Option<u64>,
    pub(crate) after: Option<u64>,
}

impl Moves {
    pub(crate) fn between(pins: &Pins, now: &[&Listed]) -> Self {
        let mut moves = Self::default();
        let mut here: BTreeSet<String> = pins.files.iter().map(PinnedFile::hub_etag).collect();
        for listed in now {
            let pinned = pins.files.iter().find(|file| file.path.as_str() == listed.path);
            if pinned.is_some_and(|file| file.hub_etag() == listed.etag()) {
                continue;
            }
            if here.insert(listed.etag()) {
                moves.fetch_bytes = moves.fetch_bytes.saturating_add(listed.size);
            }
            let (path, after) = (listed.path.clone(), Some(listed.size));
            match pinned {
                Some(file) => moves.changed.push(Moved { path, before: file.size, after }),
                None => moves.added.push(Moved { path, before: None, after }),
            }
        }
        let gone = |file: &&PinnedFile| !now.iter().any(|listed| listed.path == file.path.as_str());
        let gone = pins.files.iter().filter(gone);
        moves.removed =
            gone.map(|file| Moved { path: file.path.to_string(), before: file.size, after: None }).collect();
        moves
    }

    /// Whether the files are the same.
    pub(crate) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.added.is_empty() && self.removed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256Digest;
    use crate::hub::Content;
    use crate::pins::Coverage;

    #[test]
    fn what_was_changed_added_and_removed_is_told_and_the_same_bytes_are_not_fetched() {
        let oid = |digit: &str| digit.repeat(40);
        let sha256 = |text: &str| Sha256Digest::of(text.as_bytes());
        let file = |path: &str, size, text, etag| {
            let (path, size, sha256) = (path.parse().unwrap(), Some(size), sha256(text));
            PinnedFile { path, size, sha256, etag }
        };
        let files = vec![
            file("a.json", 1, "a", Some(oid("a"))),
            file("gone", 2, "gone", None),
            file("model", 4, "old", Some(sha256("old").to_string())),
            file("same", 8, "same", Some(sha256("same").to_string())),
        ];
        let pins = Pins {
            source: String::new(),
            commit: None,
            archive: None,
            coverage: Coverage::Unknown,
            signature: None,
            files,
        };
        let listed = |path: &str, size, content| Listed { path: path.to_owned(), size, content };
        let now = [
            listed("a.json", 16, Content::Small(oid("b"))),
            listed("copy", 8, Content::Large(sha256("same"))),
            listed("model", 32, Content::Large(sha256("new"))),
            listed("same", 8, Content::Large(sha256("same"))),
            listed("second", 32, Content::Large(sha256("new"))),
        ];
        let moved = |path: &str, before, after| Moved { path: path.to_owned(), before, after };
        let expected = Moves {
            changed: vec![moved("a.json", Some(1), Some(16)), moved("model", Some(4), Some(32))],
            added: vec![moved("copy", None, Some(8)), moved("second", None, Some(32))],
            removed: vec![moved("gone", Some(2), None)],
            fetch_bytes: 48,
        };
        assert_eq!(Moves::between(&pins, &now.iter().collect::<Vec<_>>()), expected);
        assert!(!expected.is_empty() && Moves::default().is_empty());
    }
}
