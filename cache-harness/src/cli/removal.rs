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
        let bytes: u64 = removal.removed.iter().map(|removed| removed.bytes).sum();
        let mut names: Vec<_> = removal.removed.iter().map(|removed| removed.name.clone()).collect();
        if names.len() > NAMED + 1 {
            let more = names.split_off(NAMED).len();
            names.push(format!("{more} more"));
        }
        self.given_to(context, &format!("Remove {} ({})?", names.join(", "), ByteSize(bytes)))
    }

    pub(super) fn given_to(&self, context: &Context, question: &str) -> Result<bool> {
        context.confirm(self.yes, question)
    }
}

/// What was or would be removed.
#[derive(Debug, Default, Serialize)]
pub(super) struct Removal {
    pub(super) removed: Vec<Removed>,
    /// Bytes that the disk has more than before; 0 in a dry run.
    pub(super) freed_bytes: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Removed {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) reason: String,
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
        });
        Self { removed: removed.collect(), freed_bytes: evicted.iter().map(|evicted| evicted.bytes).sum() }
    }

    /// Says what went or would go.
    pub(super) fn tell(&self, context: &Context, stage: Stage) -> Result<()> {
        if context.wants_json() {
            return context.json(&Document { dry_run: stage == Stage::Planned, removal: self });
        }
        let verb = if stage == Stage::Planned { "would remove" } else { "removed" };
        for removed in &self.removed {
            // Who named it needs no reason.
            let reason = if removed.reason == Reason::Asked.as_str() { "" } else { removed.reason.as_str() };
            let gap = if reason.is_empty() { "" } else { ": " };
            context.out(&format!("{verb} {} ({}){gap}{reason}", removed.name, ByteSize(removed.bytes)))?;
        }
        if self.removed.is_empty() {
            context.say("nothing to remove");
        } else if self.freed_bytes > 0 {
            context.say(&format!("{} freed", ByteSize(self.freed_bytes)));
        }
        Ok(())
    }
}
