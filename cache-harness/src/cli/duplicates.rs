//! What `doctor --duplicates` prints.

use std::path::PathBuf;

use serde::Serialize;

use crate::duplicates::{Duplicates, Group, Holder};
use crate::units::ByteSize;

/// How many groups are shown as text; the document has all.
const SHOWN: usize = 20;

/// The part of the document that tells of duplicates.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    groups: Vec<Same>,
    /// Bytes that the disk holds more often than once.
    extra_bytes: u64,
    /// Bytes that `adopt` would save from being downloaded.
    adoptable_bytes: u64,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Same {
    sha256: String,
    bytes: u64,
    extra_bytes: u64,
    adoptable_bytes: u64,
    in_store: bool,
    model: Option<String>,
    file: Option<String>,
    places: Vec<Names>,
}

#[derive(Debug, Serialize)]
struct Names {
    holder: Holder,
    paths: Vec<String>,
}

impl Document {
    pub(super) fn of(found: &Duplicates) -> Self {
        let sum = |bytes: fn(&Group) -> u64| found.groups.iter().map(bytes).sum();
        Self {
            groups: found.groups.iter().map(Same::of).collect(),
            extra_bytes: sum(Group::extra_bytes),
            adoptable_bytes: sum(Group::adoptable_bytes),
            warnings: found.unseen.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Same {
    fn of(group: &Group) -> Self {
        let (model, file) = group.pinned.clone().unzip();
        let names = |place: &crate::duplicates::Place| Names {
            holder: place.holder,
            paths: place.paths.iter().map(|path: &PathBuf| path.display().to_string()).collect(),
        };
        Self {
            sha256: group.sha256.to_string(),
            bytes: group.bytes,
            extra_bytes: group.extra_bytes(),
            adoptable_bytes: group.adoptable_bytes(),
            in_store: group.in_store,
            model,
            file,
            places: group.places.iter().map(names).collect(),
        }
    }
}

/// The same as lines of text.
pub(super) fn lines(found: &Duplicates) -> Vec<String> {
    let mut lines = Vec::new();
    for group in found.groups.iter().take(SHOWN) {
        let (count, bytes) = (group.places.len(), ByteSize(group.bytes));
        let what = match &group.pinned {
            Some((model, file)) => format!("{model}/{file}"),
            None => format!("sha256 {}, which no model of the catalog has", group.sha256.short()),
        };
        lines.push(format!("{bytes} in {count} places: {what}"));
        for place in &group.places {
            let whose = match place.holder {
                Holder::Store => "the store",
                Holder::Placed => "placed by cache-harness",
                Holder::Other => "not ours",
            };
            let path = place.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
            let more = match place.paths.len() {
                0 | 1 => String::new(),
                names => format!(" and {} links to it", names - 1),
            };
            lines.push(format!("  `{path}`{more} ({whose})"));
        }
    }
    if found.groups.len() > SHOWN {
        lines.push(format!("{} more groups; `--json` has all", found.groups.len() - SHOWN));
    }
    let document = Document::of(found);
    lines.push(match found.groups.len() {
        0 => "no file of 64 KiB or more is there twice".to_owned(),
        _ => format!("{} are on the disk more often than once", ByteSize(document.extra_bytes)),
    });
    if document.adoptable_bytes > 0 {
        let bytes = ByteSize(document.adoptable_bytes);
        lines.push(format!("`cache-harness adopt` saves {bytes} of download"));
    }
    lines
}
