//! Why a model was not there, as far as the store still knows.

use super::Lacking;
use crate::cache::Inner;
use crate::event::MissReason;
use crate::prepared::Prepared;
use crate::store::Absence;
use crate::store::retention::Reason;

/// Why something of the model must be fetched.
pub(super) fn of_miss(inner: &Inner, prepared: &Prepared, lacking: &[Lacking<'_>], is_recorded: bool) -> MissReason {
    if lacking.iter().any(Lacking::is_repair) {
        return MissReason::Corrupt;
    }
    if is_recorded {
        // By a process that did not get to the end of its fetch.
        return MissReason::NeverSeen;
    }
    match inner.store.absence(&prepared.id, prepared.name()) {
        Absence::Unknown => MissReason::NeverSeen,
        Absence::OtherPins => MissReason::OtherPin,
        Absence::Evicted(Reason::Age) => MissReason::Expired,
        Absence::Evicted(Reason::Room) => MissReason::Evicted,
        Absence::Evicted(Reason::Asked) => MissReason::Removed,
    }
}
