//! How a busy server says when to come back.

use std::borrow::Cow;
use std::time::Duration;

use super::answer::Header;
use crate::time;

/// The headers that tell a client how long to wait.
///
/// Durations are rounded up to whole seconds, so a client that obeys never comes too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryHeader {
    /// None.
    None,
    /// `Retry-After: 3`
    Seconds,
    /// `Retry-After: Sat, 21 Nov 2026 08:00:00 GMT`
    Date,
    /// `RateLimit: "api";r=0;t=3` and `RateLimit-Policy: "fixed window";"api";q=500;w=300`, as the Hugging
    /// Face hub says it. Under a [`quota`](super::Server::quota), answers that were not refused have them too.
    RateLimit,
}

/// The rest of a window: how long it lasts, and how many of how many requests per window are left.
pub(super) struct Allowance {
    pub(super) wait: Duration,
    pub(super) left: u32,
    pub(super) requests: u32,
    pub(super) window: Duration,
}

impl RetryHeader {
    pub(super) fn headers(self, allowance: &Allowance) -> Vec<Header> {
        let header = |name, value| (Cow::Borrowed(name), value);
        let seconds = whole_seconds(allowance.wait);
        match self {
            Self::None => Vec::new(),
            Self::Seconds => vec![header("Retry-After", seconds.to_string())],
            Self::Date => {
                // The date has whole seconds too, and is cut there: one more makes it no earlier than meant.
                let date = time::from_unix_seconds(time::unix_seconds(time::now() + allowance.wait) + 1);
                vec![header("Retry-After", httpdate::fmt_http_date(date))]
            }
            Self::RateLimit => {
                let (requests, window) = (allowance.requests, whole_seconds(allowance.window));
                vec![
                    header("RateLimit", format!("\"api\";r={};t={seconds}", allowance.left)),
                    header("RateLimit-Policy", format!("\"fixed window\";\"api\";q={requests};w={window}")),
                ]
            }
        }
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
