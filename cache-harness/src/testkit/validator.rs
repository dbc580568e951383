//! What tells one version of a file from another.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use super::answer::Header;
use super::held::Held;
use crate::time;

/// Which validators an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Validator {
    /// A strong `ETag`, which differs when the content does: what a path has without a fault.
    Strong,
    /// None: `If-Range` never holds.
    None,
    /// A weak `ETag` (`W/"…"`): `If-Range` never holds, as RFC 9110 has it.
    Weak,
    /// `Last-Modified` and `Date` only. The date is made from the content, so it differs when that does.
    LastModified,
    /// A strong `ETag`, `Last-Modified` and `Date`.
    Both,
    /// A strong `ETag` that is another in every answer: `If-Range` never holds.
    Changing,
}

impl Validator {
    /// The headers of the answer with this `serial` number.
    pub(super) fn headers(self, held: &Held, serial: u64) -> io::Result<Vec<Header>> {
        let dates = || -> io::Result<Vec<Header>> {
            let date = httpdate::fmt_http_date(time::now());
            Ok(vec![(Cow::Borrowed("Last-Modified"), last_modified(held)?), (Cow::Borrowed("Date"), date)])
        };
        let etag = |value: String| (Cow::Borrowed("ETag"), value);
        Ok(match self {
            Self::Strong => vec![etag(held.etag()?)],
            Self::None => Vec::new(),
            Self::Weak => vec![etag(format!("W/{}", held.etag()?))],
            Self::LastModified => dates()?,
            Self::Both => [vec![etag(held.etag()?)], dates()?].concat(),
            Self::Changing => vec![etag(format!("\"answer-{serial}\""))],
        })
    }

    /// Whether `If-Range: value` holds.
    pub(super) fn holds(self, value: &str, held: &Held) -> io::Result<bool> {
        Ok(match self {
            Self::Strong => held.etag()? == value,
            Self::None | Self::Weak | Self::Changing => false,
            Self::LastModified => last_modified(held)? == value,
            Self::Both => held.etag()? == value || last_modified(held)? == value,
        })
    }
}

/// A date between 2000 and 2020.
fn last_modified(held: &Held) -> io::Result<String> {
    const YEAR: u64 = 365 * 24 * 60 * 60;
    let number = held.etag()?.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let date = time::from_unix_seconds(30 * YEAR) + Duration::from_secs(number % (20 * YEAR));
    Ok(httpdate::fmt_http_date(date))
}
