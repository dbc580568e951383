//! The clock: the one place that asks what time it is.
#![expect(clippy::disallowed_methods, reason = "this module is the clock")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The present moment.
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// The last second that RFC 3339 can say: the end of the year 9999.
const LAST: u64 = 253_402_300_799;

/// A moment as RFC 3339 in UTC with whole seconds, for reports; one that it cannot say, which a file's stamp can be,
/// as the nearest that it can.
pub(crate) fn rfc3339(moment: SystemTime) -> String {
    let moment = from_unix_seconds(unix_seconds(moment).min(LAST));
    humantime::format_rfc3339_seconds(moment).to_string()
}

/// A moment as RFC 3339 in UTC with milliseconds, for what is told apart by them.
pub(crate) fn rfc3339_millis(moment: SystemTime) -> String {
    humantime::format_rfc3339_millis(moment).to_string()
}

/// Seconds since the Unix epoch; a moment before it counts as the epoch.
pub(crate) fn unix_seconds(moment: SystemTime) -> u64 {
    moment.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Microseconds since the Unix epoch.
pub(crate) fn unix_micros(moment: SystemTime) -> u64 {
    moment.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// Whole seconds of Unix time and the nanoseconds beyond them, as a file's times are.
pub(crate) fn parts(moment: SystemTime) -> (i64, i64) {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), i64::from(since.subsec_nanos()))
}

/// The inverse of [`unix_seconds`].
pub(crate) fn from_unix_seconds(seconds: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH)
}

/// How long ago `then` was; a moment in the future (a clock set back) counts as now.
pub(crate) fn age(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}
