//! `doctor --duplicates`: the same bytes in several places.

use super::examined::Examined;
use super::finding::{Check, Finding};
use crate::cli::duplicates::{self, Document};
use crate::units::ByteSize;

/// What was found, for programs and as lines.
pub(super) struct Same {
    pub(super) document: Document,
    pub(super) lines: Vec<String>,
}

pub(super) fn look(examined: &Examined) -> (Option<Same>, Vec<Finding>) {
    let Some(cache) = &examined.cache else { return (None, Vec::new()) };
    match crate::duplicates::find(cache, &[]) {
        Ok(found) => {
            let adoptable = found.groups.iter().map(crate::duplicates::Group::adoptable_bytes).sum();
            let message = format!("{} that the store lacks are on this disk", ByteSize(adoptable));
            let finding = Finding::note(Check::Storage, "adoptable", message).mend("cache-harness adopt");
            let same = Same { document: Document::of(&found), lines: duplicates::lines(&found) };
            (Some(same), if adoptable > 0 { vec![finding] } else { Vec::new() })
        }
        Err(error) => (None, vec![Finding::warning(Check::Storage, "duplicates-unseen", error.to_string())]),
    }
}
