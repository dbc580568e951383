//! Fields of a response's head.

use std::time::{Duration, SystemTime};

/// `Content-Range` of a 206 (RFC 9110, section 14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    pub(super) first: u64,
    /// The byte behind the last one.
    pub(super) end: u64,
    /// Bytes of the whole file; `None` where the server does not say.
    pub(super) total: Option<u64>,
}

/// Reads `bytes 5-9/10` and `bytes 5-9/*`; anything else, and what contradicts itself, is `None`.
pub(super) fn content_range(text: &str) -> Option<ContentRange> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse::<u64>().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    let end = last.checked_add(1)?;
    (first < end && total.is_none_or(|total| end <= total)).then_some(ContentRange { first, end, total })
}

/// How long `Retry-After` asks to wait: seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn a_content_range_is_read_or_refused() {
        let range = |first, end, total| Some(ContentRange { first, end, total });
        assert_eq!(content_range("bytes 5-9/10"), range(5, 10, Some(10)));
        assert_eq!(content_range("bytes 0-0/*"), range(0, 1, None));
        for wrong in
            ["", "bytes", "bytes 5-9", "bytes 9-5/10", "bytes 5-10/10", "bytes */10", "items 5-9/10", "bytes -1-9/10"]
        {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:07 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }
}
