//! What was evicted and why, so that the next miss can tell: `v1/gone`, a line for each of the latest evictions.
//!
//! It is rewritten under the exclusive `gc.lock` and as well as may be: a line that is lost turns "evicted" into
//! "never seen", no more.

use super::retention::Reason;
use super::{EntryId, Store};
use crate::fs;
use crate::model::ModelName;

/// As many evictions are remembered.
const LINES: usize = 100;

/// Why an entry is not in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// No trace of the model is left, or it never was here.
    Unknown,
    /// It was evicted.
    Evicted(Reason),
    /// The model is or was here with other pins.
    OtherPins,
}

fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Age => "expired",
        Reason::Room => "evicted",
        Reason::Asked => "removed",
    }
}

impl Store {
    /// Remembers an eviction, and says how many bytes of disk that took. The caller has the exclusive `gc.lock`.
    pub(super) fn remember_gone(&self, id: &EntryId, model: &str, reason: Reason) -> u64 {
        let takes = || fs::disk_usage(&self.folder("gone")).map_or(0, |(_, bytes)| bytes);
        let before = takes();
        let text = fs::read_text(&self.folder("gone")).ok().flatten().unwrap_or_default();
        let id = id.to_string();
        let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(&id)).collect();
        let line = format!("{id} {} {model}", word(reason));
        lines.push(&line);
        let latest = &lines[lines.len().saturating_sub(LINES)..];
        let _ = fs::write_swiftly(&self.folder("gone"), (latest.join("\n") + "\n").as_bytes());
        takes().saturating_sub(before)
    }

    /// Why the entry `id` of `model`, of which there is no record, is not here. Reads every record: for misses only.
    pub(crate) fn absence(&self, id: &EntryId, model: &ModelName) -> Absence {
        let text = fs::read_text(&self.folder("gone")).ok().flatten().unwrap_or_default();
        let id = id.to_string();
        let mut absence = Absence::Unknown;
        for line in text.lines() {
            let mut words = line.splitn(3, ' ');
            let (gone, why, name) = (words.next(), words.next(), words.next());
            if gone == Some(id.as_str()) {
                let reasons = [Reason::Age, Reason::Room, Reason::Asked];
                let reason = reasons.into_iter().find(|reason| Some(word(*reason)) == why);
                return reason.map_or(Absence::Unknown, Absence::Evicted);
            }
            if name == Some(model.as_str()) {
                absence = Absence::OtherPins;
            }
        }
        let is_here = || self.entries().is_ok_and(|entries| entries.iter().any(|(_, entry)| entry.model == *model));
        if absence == Absence::Unknown && is_here() { Absence::OtherPins } else { absence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_evictions_are_remembered_with_their_reason() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        store.create().unwrap();
        let id = |number: usize| EntryId::of(number.to_string().as_bytes());
        let name = |text: &str| text.parse::<ModelName>().unwrap();
        for number in 0..LINES + 5 {
            store.remember_gone(&id(number), &format!("m{number}"), Reason::Room);
        }
        store.remember_gone(&id(20), "m20", Reason::Age);
        assert_eq!(store.absence(&id(4), &name("m4")), Absence::Unknown);
        assert_eq!(store.absence(&id(6), &name("m6")), Absence::Evicted(Reason::Room));
        assert_eq!(store.absence(&id(20), &name("m20")), Absence::Evicted(Reason::Age));
        assert_eq!(store.absence(&id(9_999), &name("m20")), Absence::OtherPins);
        assert_eq!(store.absence(&id(9_999), &name("other")), Absence::Unknown);
    }
}
