//! What is removed, said before and after, and the consent to it.

use serde::Serialize;

use super::Context;
use crate::error::Result;
use crate::store::Evicted;
use crate::store::retention::Reason;
use crate::units::ByteSize;

/// How many things a question names.
const NAMED: usize = 4;

/// How a person agrees to a removal.
#[derive(Debug, clap::Args)]
pub(super) struct Consent {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Consent {
    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Whether these may go.
    pub(super) fn given(&self, context: &Context, removal: &Removal) -> Result<bool> {
        let mut names: Vec<_> = removal.removed.iter().map(|removed| removed.name.clone()).collect();
        if names.len() > NAMED + 1 {
            let more = names.split_off(NAMED).len();
            names.push(format!("{more} more"));
        }
        self.given_to(context, &format!("Remove {} ({})?", names.join(", "), ByteSize(removal.freed_bytes)))
    }

    pub(super) fn given_to(&self, context: &Context, question: &str) -> Result<bool> {
        context.confirm(self.yes, question)
    }
}

/// What was or would be removed.
#[derive(Debug, Default, Serialize)]
pub(super) struct Removal {
    pub(super) removed: Vec<Removed>,
    /// Bytes that the disk has more than before, or would have.
    pub(super) freed_bytes: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Removed {
    pub(super) name: String,
    /// Bytes that this frees.
    pub(super) bytes: u64,
    pub(super) reason: String,
    /// Models that have some of the same files, so that these stay.
    pub(super) shared_with: Vec<String>,
}

impl Removed {
    pub(super) fn new(name: String, bytes: u64, reason: String) -> Self {
        Self { name, bytes, reason, shared_with: Vec::new() }
    }
}

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Planned,
    Done,
}

#[derive(Serialize)]
struct Document<'a> {
    dry_run: bool,
    #[serde(flatten)]
    removal: &'a Removal,
}

impl Removal {
    pub(super) fn of(evicted: &[Evicted]) -> Self {
        let removed = evicted.iter().map(|evicted| Removed {
            name: evicted.model.clone(),
            bytes: evicted.bytes,
            reason: evicted.reason.as_str().to_owned(),
            shared_with: evicted.shared_with.clone(),
        });
        Self { removed: removed.collect(), freed_bytes: evicted.iter().map(|evicted| evicted.bytes).sum() }
    }

    /// Takes more in.
    pub(super) fn extend(&mut self, more: impl IntoIterator<Item = Removed>) {
        for removed in more {
            self.freed_bytes += removed.bytes;
            self.removed.push(removed);
        }
    }

    /// Says what went or would go.
    pub(super) fn tell(&self, context: &Context, stage: Stage) -> Result<()> {
        if context.wants_json() {
            return context.json(&Document { dry_run: stage == Stage::Planned, removal: self });
        }
        let (verb, freed) = match stage {
            Stage::Planned => ("would remove", "would be freed"),
            Stage::Done => ("removed", "freed"),
        };
        for removed in &self.removed {
            // Who named it needs no reason.
            let reason = if removed.reason == Reason::Asked.as_str() { "" } else { removed.reason.as_str() };
            let gap = if reason.is_empty() { "" } else { ": " };
            let stays = match removed.shared_with.as_slice() {
                [] => String::new(),
                [other] => format!("; what `{other}` has too stays"),
                [other, more @ ..] => format!("; what `{other}` and {} more have too stays", more.len()),
            };
            context.out(&format!("{verb} {} ({}){gap}{reason}{stays}", removed.name, ByteSize(removed.bytes)))?;
        }
        if self.removed.is_empty() {
            context.say("nothing to remove");
        } else if self.freed_bytes > 0 {
            context.say(&format!("{} {freed}", ByteSize(self.freed_bytes)));
        }
        Ok(())
    }
}
