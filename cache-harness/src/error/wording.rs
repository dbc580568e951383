//! Parts of messages.

use std::fmt::Write as _;
use std::time::Duration;

use super::Error;
use crate::digest::Sha256Digest;
use crate::units::ByteSize;

pub(super) fn bytes_of(bytes: u64) -> String {
    format!("{} ({bytes} bytes)", ByteSize(bytes))
}

pub(super) fn asks(retry_after: Option<Duration>) -> String {
    let asks = |pause: Duration| format!(" and asks to wait {} s", pause.as_secs_f64().ceil());
    retry_after.filter(|pause| !pause.is_zero()).map(asks).unwrap_or_default()
}

/// Escaped: the server chose it.
pub(super) fn coded(code: Option<&str>) -> String {
    code.map(|code| format!(" ({})", code.escape_debug())).unwrap_or_default()
}

pub(super) fn by(holder: Option<&str>) -> String {
    holder.map(|holder| format!(" (held by {holder})")).unwrap_or_default()
}

pub(super) fn lack(file: &str, damage: Option<&(Sha256Digest, Sha256Digest)>) -> String {
    match damage {
        Some((expected, actual)) => format!("`{file}` has sha256 {actual}, but {expected} is pinned"),
        None => format!("`{file}` is not in the cache"),
    }
}

pub(super) fn list(attempts: &[Error]) -> String {
    if let [only] = attempts {
        return format!(" {only}");
    }
    attempts.iter().fold(String::new(), |mut text, error| {
        let _ = write!(text, "\n  - {error}");
        text
    })
}
