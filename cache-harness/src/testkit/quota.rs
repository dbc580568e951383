//! So many requests per window of time, from everybody together.

use std::time::{Duration, Instant};

use super::answer::Header;
use super::retry_header::{Allowance, RetryHeader};

pub(super) struct Quota {
    requests: u32,
    per: Duration,
    header: RetryHeader,
    /// When the present window began, and how many requests came in it.
    began: Instant,
    seen: u32,
}

/// What a quota says of one request.
pub(super) struct Verdict {
    pub(super) admission: Admission,
    /// What the answer says of the quota.
    pub(super) headers: Vec<Header>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted,
    Refused,
}

impl Quota {
    /// The first window begins now.
    pub(super) fn new(requests: u32, per: Duration, header: RetryHeader) -> Self {
        Self { requests, per: per.max(Duration::from_millis(1)), header, began: Instant::now(), seen: 0 }
    }

    /// Counts a request that comes at `moment`.
    pub(super) fn admit(&mut self, moment: Instant) -> Verdict {
        let windows = moment.saturating_duration_since(self.began).as_nanos() / self.per.as_nanos();
        if windows > 0 {
            self.began += self.per * u32::try_from(windows).unwrap_or(u32::MAX);
            self.seen = 0;
        }
        self.seen = self.seen.saturating_add(1);
        let allowance = Allowance {
            wait: (self.began + self.per).saturating_duration_since(moment),
            left: self.requests.saturating_sub(self.seen),
            requests: self.requests,
            window: self.per,
        };
        let admission = if self.seen > self.requests { Admission::Refused } else { Admission::Admitted };
        let headers = match (admission, self.header) {
            (Admission::Refused, _) | (_, RetryHeader::RateLimit) => self.header.headers(&allowance),
            (Admission::Admitted, _) => Vec::new(),
        };
        Verdict { admission, headers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_admits_its_number() {
        let per = Duration::from_secs(10);
        let mut quota = Quota::new(2, per, RetryHeader::Seconds);
        let start = quota.began;
        let mut ask = |seconds| {
            let verdict = quota.admit(start + Duration::from_secs(seconds));
            (verdict.admission, verdict.headers.first().map(|(_, value)| value.clone()))
        };
        assert_eq!(ask(0), (Admission::Admitted, None));
        assert_eq!(ask(1), (Admission::Admitted, None));
        assert_eq!(ask(3), (Admission::Refused, Some("7".to_owned())));
        assert_eq!(ask(10), (Admission::Admitted, None));
        assert_eq!(ask(35), (Admission::Admitted, None));
        assert_eq!(ask(36), (Admission::Admitted, None));
        assert_eq!(ask(37), (Admission::Refused, Some("3".to_owned())));
    }

    #[test]
    fn the_hub_tells_what_is_left_before_it_refuses() {
        let mut quota = Quota::new(3, Duration::from_secs(10), RetryHeader::RateLimit);
        let start = quota.began;
        let verdict = quota.admit(start + Duration::from_millis(500));
        assert_eq!(verdict.admission, Admission::Admitted);
        let headers: Vec<_> = verdict.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(headers, ["RateLimit: \"api\";r=2;t=10", "RateLimit-Policy: \"fixed window\";\"api\";q=3;w=10"]);
    }
}
