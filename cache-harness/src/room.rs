//! Whether the cache comes near to its limits: said by `status`, by reports, and at the end of a run.
//!
//! The sentences have the limits, but not what is used: so the same trouble in many processes is one line of a report.

use crate::cache::Inner;
use crate::fs;
use crate::store::Survey;

impl Inner {
    /// What a person should know about the room that is left; nothing as long as there is enough.
    pub(crate) fn warnings_of_room(&self, survey: &Survey) -> Vec<String> {
        let (used, max, least) = (survey.used(), self.config.max_size.value, self.config.min_free_disk.value);
        let mut warnings = Vec::new();
        if used > max.0 {
            warnings.push(format!(
                "the cache exceeds max_size ({max}): `cache-harness prune` evicts what is not in use, or raise it"
            ));
        } else if used > max.0 / 10 * 9 {
            warnings.push(format!(
                "more than 90 % of max_size ({max}) is used: raise it, or models will be evicted for others"
            ));
        }
        if fs::free_bytes(self.store.dir()).is_some_and(|free| free < least.0) {
            warnings.push(format!(
                "the cache's disk has less than min_free_disk ({least}) free: free some, or models will be evicted"
            ));
        }
        warnings
    }

    /// Leaves the warnings to the report: in the middle of the tests nobody reads them.
    pub(crate) fn note_room(&self) {
        if let Ok(survey) = self.store.survey() {
            for warning in self.warnings_of_room(&survey) {
                self.note(&warning);
            }
        }
    }
}
