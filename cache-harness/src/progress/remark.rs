//! The words that every way of showing progress shares.

use std::time::Duration;

use super::Step;
use super::model::Wait;
use crate::units::ByteSize;

/// A time to wait, to a digit or two: `8 s`, `3 min`, `2 h`.
pub(crate) fn in_words(left: Duration) -> String {
    match left.as_secs() + u64::from(left.subsec_nanos() > 0) {
        seconds @ ..100 => format!("{seconds} s"),
        seconds @ ..6_000 => format!("{} min", (seconds + 30) / 60),
        seconds => format!("{} h", (seconds + 1800) / 3600),
    }
}

/// `12.3 MB of 77.7 MB`, or what is known of it.
pub(crate) fn share(done: u64, bytes: Option<u64>) -> String {
    match bytes {
        Some(bytes) => format!("{} of {}", ByteSize(done), ByteSize(bytes)),
        None => ByteSize(done).to_string(),
    }
}

/// Whom a model waits for, and how far that is.
pub(crate) fn waiting(model: &str, wait: &Wait) -> String {
    format!("{model}: waiting for {} ({} so far)", wait.holder, share(wait.done, wait.bytes))
}

/// What was taken from elsewhere instead of being fetched; nothing at other steps.
pub(crate) fn adopted(step: &Step<'_>) -> Option<String> {
    let Step::Adopted { model, files, bytes, folder } = step else { return None };
    let files = if *files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    Some(format!("{model}: took {files} ({}) from `{}` instead of fetching them", ByteSize(*bytes), folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_wait_is_short_and_never_zero_before_it_is_over() {
        let words = |millis| in_words(Duration::from_millis(millis));
        assert_eq!(words(0), "0 s");
        assert_eq!(words(1), "1 s");
        assert_eq!(words(14_000), "14 s");
        assert_eq!(words(99_000), "99 s");
        assert_eq!(words(100_000), "2 min");
        assert_eq!(words(5_999_000), "100 min");
        assert_eq!(words(6_000_000), "2 h");
    }
}
