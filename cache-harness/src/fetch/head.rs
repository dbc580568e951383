//! Fields of a response's head.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::time;

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

/// How long the answer with these headers asks to wait. A date means what it means by the server's own clock.
pub(super) fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    let field = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let clock = field(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or_else(time::now);
    field(RETRY_AFTER).and_then(|text| retry_after(text, clock))
}

/// How long `Retry-After` asks to wait: seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// What a host says is left of its quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Allowance {
    /// Which quota, if it has a name; at most [`LONGEST_NAME`] bytes.
    pub(super) name: String,
    /// Requests.
    pub(super) remaining: u64,
    /// How long until there is more.
    pub(super) reset: Duration,
}

/// A host's quota: so many requests in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) requests: u64,
    pub(super) window: Duration,
}

const LONGEST_NAME: usize = 64;

/// What is left by `RateLimit` (draft-ietf-httpapi-ratelimit-headers-09), or by the three fields of its early drafts.
pub(super) fn allowance(headers: &HeaderMap) -> Option<Allowance> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(allowance) = text("ratelimit").and_then(rate_limit) {
        return Some(allowance);
    }
    let number = |name: &str| text(name)?.trim().parse().ok();
    let (remaining, reset) = (number("ratelimit-remaining")?, Duration::from_secs(number("ratelimit-reset")?));
    Some(Allowance { name: String::new(), remaining, reset })
}

/// The quota by `RateLimit-Policy`.
pub(super) fn policy(headers: &HeaderMap) -> Option<Policy> {
    headers.get("ratelimit-policy").and_then(|value| value.to_str().ok()).and_then(rate_limit_policy)
}

/// Reads `"api";r=0;t=55`, and `limit=9, remaining=0, reset=55` of draft 7. Of several quotas the one that lets
/// least through; among those, for longest.
fn rate_limit(text: &str) -> Option<Allowance> {
    let quotas = split(text, ',').filter_map(|member| {
        let (remaining, reset) = (parameter(member, "r")?, Duration::from_secs(parameter(member, "t")?));
        // The Hub writes the kind of its window before the name.
        let name = split(member, ';').filter(|part| part.starts_with('"') || !part.contains('=')).last()?;
        let name = name.trim_matches('"').chars().filter(char::is_ascii).take(LONGEST_NAME).collect();
        Some(Allowance { name, remaining, reset })
    });
    quotas.min_by_key(|quota| (quota.remaining, std::cmp::Reverse(quota.reset))).or_else(|| {
        let member = |name| split(text, ',').find_map(|member| parameter(member, name));
        let (remaining, reset) = (member("remaining")?, Duration::from_secs(member("reset")?));
        Some(Allowance { name: String::new(), remaining, reset })
    })
}

/// Reads `"fixed window";"api";q=500;w=300`, and `500;w=300` of draft 7. Of several quotas the one of the longest
/// window.
fn rate_limit_policy(text: &str) -> Option<Policy> {
    let quotas = split(text, ',').filter_map(|member| {
        let requests = parameter(member, "q").or_else(|| split(member, ';').next()?.parse().ok())?;
        let window = Duration::from_secs(parameter(member, "w")?);
        (requests > 0 && !window.is_zero()).then_some(Policy { requests, window })
    });
    quotas.max_by_key(|quota| quota.window)
}

/// The number that a member of a list has under this name.
fn parameter(member: &str, name: &str) -> Option<u64> {
    let value = |part: &str| part.split_once('=').filter(|(given, _)| given.trim() == name)?.1.trim().parse().ok();
    split(member, ';').find_map(value)
}

/// The parts of a structured field between separators that are not in quotes, trimmed.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let separates = move |character: char| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return !quoted && character == separator,
        }
        false
    };
    text.split(separates).map(str::trim)
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

    fn left(name: &str, remaining: u64, reset: u64) -> Allowance {
        Allowance { name: name.to_owned(), remaining, reset: Duration::from_secs(reset) }
    }

    #[test]
    fn what_is_left_is_read_in_the_forms_of_all_drafts() {
        assert_eq!(rate_limit(r#""api";r=0;t=55"#), Some(left("api", 0, 55)));
        assert_eq!(rate_limit(r#""fixed window";"api"; r=7 ;t=55"#), Some(left("api", 7, 55)));
        assert_eq!(rate_limit(r#""hour";r=3;t=900, "day";r=0;t=5, "week";r=0;t=9"#), Some(left("week", 0, 9)));
        assert_eq!(rate_limit(r#""a;r=1,\"b";r=2;t=3"#), Some(left(r#"a;r=1,\"b"#, 2, 3)));
        assert_eq!(rate_limit("limit=100, remaining=50, reset=5"), Some(left("", 50, 5)));
        assert_eq!(rate_limit(r#""api";r=-1;t=55"#), None);
        let mut headers = HeaderMap::new();
        assert_eq!(allowance(&headers), None);
        headers.insert("RateLimit-Remaining", "4".parse().unwrap());
        assert_eq!(allowance(&headers), None);
        headers.insert("RateLimit-Reset", "60".parse().unwrap());
        assert_eq!(allowance(&headers), Some(left("", 4, 60)));
        headers.insert("RateLimit", "\"api\";r=1;t=2".parse().unwrap());
        assert_eq!(allowance(&headers), Some(left("api", 1, 2)));
    }

    #[test]
    fn a_policy_is_read_in_the_forms_of_all_drafts() {
        assert_eq!(
            rate_limit_policy(r#""fixed window";"api";q=500;w=300"#),
            Some(Policy { requests: 500, window: Duration::from_secs(300) })
        );
        assert_eq!(
            rate_limit_policy("10;w=1, 50;w=60"),
            Some(Policy { requests: 50, window: Duration::from_secs(60) })
        );
        for wrong in ["", "10", "q=0;w=1", r#""api";q=5;w=0"#, r#""q=5;w=3""#, "99999999999999999999;w=1"] {
            assert_eq!(rate_limit_policy(wrong), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_field_makes_a_parser_panic(text in r#"(\PC|["\\;,= ]|r=|t=|q=|w=|[0-9]+){0,40}"#) {
            let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
            let _ = (content_range(&text), retry_after(&text, now), rate_limit_policy(&text));
            if let Some(allowance) = rate_limit(&text) {
                assert!(allowance.name.len() <= LONGEST_NAME);
            }
        }
    }
}
