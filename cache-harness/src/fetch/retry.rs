//! When to try a transfer again: a pure function of the error, the attempt and a random number.

use std::time::Duration;

use crate::error::Error;

/// How often one source is asked for one file.
const ATTEMPTS: u32 = 5;
/// The longest pause before the second attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that no server asked for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The pause before the next attempt after `attempt` (from 1) failed; `None` to give up.
///
/// Full jitter: `random`, in 0..1, spreads many waiting processes over the whole pause. A `Retry-After` is
/// the least that is waited; one of more than `longest` is not waited for, nor is the server asked before.
pub(super) fn pause(attempt: u32, error: &Error, longest: Duration, random: f64) -> Option<Duration> {
    if attempt >= ATTEMPTS || !error.is_transient() {
        return None;
    }
    let spread = FIRST_PAUSE.saturating_mul(1 << attempt.min(16)).min(LONGEST_PAUSE).mul_f64(random);
    match error {
        Error::Status { retry_after: Some(asked), .. } => (*asked <= longest).then(|| *asked + spread),
        _ => Some(spread),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(status: u16, retry_after: Option<u64>) -> Error {
        Error::Status { url: String::new(), status, code: None, retry_after: retry_after.map(Duration::from_secs) }
    }

    const LONGEST: Duration = Duration::from_secs(300);

    #[test]
    fn a_permanent_answer_is_not_asked_again() {
        for status in [400, 401, 403, 404, 410, 416, 501] {
            assert_eq!(pause(1, &answer(status, None), LONGEST, 0.5), None, "{status}");
        }
    }

    proptest! {
        #[test]
        fn a_server_is_never_asked_before_it_said_nor_for_ever(
            attempt in 1_u32..2 * ATTEMPTS,
            asked in proptest::option::of(0_u64..1_000),
            random in 0.0..1.0,
        ) {
            let least = Duration::from_secs(asked.unwrap_or(0));
            match pause(attempt, &answer(429, asked), LONGEST, random) {
                Some(pause) => {
                    prop_assert!(attempt < ATTEMPTS && least <= LONGEST);
                    prop_assert!(pause >= least && pause <= least + LONGEST_PAUSE);
                }
                None => prop_assert!(attempt >= ATTEMPTS || least > LONGEST),
            }
        }
    }

    #[test]
    fn pauses_grow_and_are_spread_over_all_of_the_time_since_the_last() {
        let pauses = (1..ATTEMPTS).map(|attempt| pause(attempt, &answer(500, None), LONGEST, 0.999).unwrap());
        assert!(pauses.collect::<Vec<_>>().is_sorted_by(|one, next| one < next));
        assert_eq!(pause(1, &answer(500, None), LONGEST, 0.0), Some(Duration::ZERO));
    }
}
