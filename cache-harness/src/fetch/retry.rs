//! When to try a transfer again: a pure function of the error, the attempt and a random number.

use std::time::Duration;

use crate::error::Error;

/// How often one source is asked for one file.
const ATTEMPTS: u32 = 5;
/// The longest pause before the second attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, also if the server asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The pause before the next attempt after `attempt` (from 1) failed; `None` to give up.
///
/// Full jitter: `random`, in 0..1, spreads many waiting processes over the whole pause. A `Retry-After` is
/// the least that is waited.
pub(super) fn pause(attempt: u32, error: &Error, random: f64) -> Option<Duration> {
    if attempt >= ATTEMPTS || !error.is_transient() {
        return None;
    }
    let spread = FIRST_PAUSE.saturating_mul(1 << attempt.min(16)).min(LONGEST_PAUSE).mul_f64(random);
    let asked = match error {
        Error::Status { retry_after: Some(asked), .. } => *asked,
        _ => Duration::ZERO,
    };
    Some(asked.min(LONGEST_PAUSE) + spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<u64>) -> Error {
        Error::Status { url: String::new(), status, retry_after: retry_after.map(Duration::from_secs) }
    }

    #[test]
    fn a_permanent_answer_is_not_asked_again() {
        for status in [400, 401, 403, 404, 410, 416, 501] {
            assert_eq!(pause(1, &answer(status, None), 0.5), None, "{status}");
        }
    }

    #[test]
    fn retry_after_is_the_least_that_is_waited_up_to_a_minute() {
        assert_eq!(pause(1, &answer(429, Some(7)), 0.0), Some(Duration::from_secs(7)));
        assert_eq!(pause(1, &answer(503, Some(9999)), 0.0), Some(LONGEST_PAUSE));
    }

    #[test]
    fn attempts_are_bounded_and_pauses_grow() {
        let pauses: Vec<_> = (1..=ATTEMPTS).map(|attempt| pause(attempt, &answer(500, None), 0.999)).collect();
        assert!(pauses.windows(2).all(|pair| pair[1].is_none() || pair[0] < pair[1]));
        assert_eq!(pauses[usize::try_from(ATTEMPTS).unwrap() - 1], None);
    }
}
