//! Where a stand-in declares something else than the model.

use std::collections::BTreeSet;

use super::{Kind, Part, Signature};

/// How many of each sort are named.
const NAMED: usize = 3;

impl Signature {
    /// What the stand-in lacks, what it has beside, and what is of another type there: a line each.
    pub(crate) fn differences(&self, stand_in: &Self) -> Vec<String> {
        let lacking = self.parts.iter().filter(|(part, _)| !stand_in.parts.contains_key(part));
        let beside = stand_in.parts.iter().filter(|(part, _)| !self.parts.contains_key(part));
        let other = self.parts.iter().filter_map(|(part, types)| {
            let others = stand_in.parts.get(part).filter(|others| *others != types)?;
            Some(format!("{part} ({}, not {})", names(part, others), names(part, types)))
        });
        let whole = |(part, types): (&Part, &BTreeSet<String>)| match names(part, types) {
            types if types.is_empty() => part.to_string(),
            types => format!("{part} ({types})"),
        };
        [("missing", some(lacking.map(whole))), ("unexpected", some(beside.map(whole))), ("another type", some(other))]
            .into_iter()
            .filter_map(|(what, named)| Some(format!("{what}: {}", named?)))
            .collect()
    }
}

fn names(part: &Part, types: &BTreeSet<String>) -> String {
    let name = |of: &String| match part.kind {
        Kind::Architecture => format!("`{}`", super::header::shown(of)),
        _ => super::header::shown(of),
    };
    types.iter().take(NAMED).map(name).collect::<Vec<_>>().join(" and ")
}

/// The first few, and how many more; `None` of none.
fn some(mut all: impl Iterator<Item = String>) -> Option<String> {
    let named: Vec<_> = all.by_ref().take(NAMED).collect();
    let more = match all.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!named.is_empty()).then(|| format!("{}{more}", named.join(", ")))
}
