//! What must hold whatever a server or another process has written. `tests/fuzz` looks for bytes for which it does not;
//! what it found, and what it begins with, is checked by a test here.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::pace::Pace;
use super::plan::Plan;
use super::{head, host};
use crate::store::Origin;

/// When all of this happens, in milliseconds since the Unix epoch.
const NOW: u64 = 1_763_704_346_000;
/// The longest that a host may make anybody wait: five minutes, a tenth more for a learnt window, and rounding.
const LONGEST: Duration = Duration::from_secs(331);

/// `bytes` are the value of a header field.
#[expect(clippy::missing_panics_doc, reason = "what does not hold is a panic")]
pub fn fields(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    if let Some(range) = value.to_str().ok().and_then(head::content_range) {
        assert!(range.first < range.end && range.total.is_none_or(|total| range.end <= total), "{range:?}");
    }
    for name in ["retry-after", "date", "ratelimit", "ratelimit-policy"] {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value.clone())]);
        let told = host::told(StatusCode::TOO_MANY_REQUESTS, &headers);
        assert!(told.allowance.is_none_or(|allowance| allowance.name.len() <= 64));
        assert!(told.policy.is_none_or(|policy| policy.requests > 0 && !policy.window.is_zero()));
    }
}

/// The first line is a host's state, as some process left it; each further one an answer: its status, how many
/// milliseconds it took, and its fields, with tabs between them.
#[expect(clippy::missing_panics_doc, reason = "what does not hold is a panic")]
pub fn pace(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let mut lines = text.lines();
    let mut now = NOW;
    let mut pace = Pace::read(lines.next().unwrap_or_default(), now);
    for line in lines.take(200) {
        let mut parts = line.split('\t');
        let mut number = || parts.next().and_then(|part| part.parse::<u16>().ok());
        let Some(status) = number().and_then(|status| StatusCode::from_u16(status).ok()) else { return };
        let took = number().unwrap_or_default();
        let headers: HeaderMap = parts.filter_map(header).collect();
        assert!(pace.wait(now) <= LONGEST, "{pace:?}");
        let grant = pace.grant(now);
        now += u64::from(took);
        pace.answered(grant, now, &host::told(status, &headers), 32);
        let written = pace.to_text();
        assert!(written.len() < 4096, "{written}");
        // Another process goes on with what was written.
        pace = Pace::read(&written, now);
        assert_eq!(Pace::read(&pace.to_text(), now), pace);
    }
}

fn header(field: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = field.split_once(':')?;
    Some((name.parse().ok()?, value.trim().parse().ok()?))
}

/// `bytes` are the record beside a partial.
#[expect(clippy::missing_panics_doc, reason = "what does not hold is a panic")]
pub fn record(bytes: &[u8]) {
    let Some(origin) = str::from_utf8(bytes).ok().and_then(Origin::parse) else { return };
    let written = serde_json::to_string(&origin).unwrap_or_default();
    assert_eq!(Origin::parse(&written).as_ref(), Some(&origin), "{written}");
    let there = origin.parts.unwrap_or_default();
    for size in [there.total(), u64::MAX, 1 << 30] {
        let mut plan = Plan::new(Some(size), there.clone());
        let lacking = plan.lacking();
        let mut taken = 0;
        for stream in 0.. {
            let Some(range) = plan.take(stream, u64::MAX) else { break };
            assert!(!range.is_empty() && range.end <= size, "{range:?}");
            taken += range.end - range.start;
            plan.brought(stream, range.end - range.start);
            plan.release(stream);
        }
        assert!(plan.is_complete() && lacking == Some(taken), "{plan:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::{fields, pace, record};
    use crate::corpus;

    #[test]
    fn it_holds_for_all_that_fuzzing_began_with_and_found() {
        corpus::each("fields", fields);
        corpus::each("pace", pace);
        corpus::each("record", record);
    }
}
