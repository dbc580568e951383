//! Sizes in bytes and durations, as people write and read them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A size in bytes.
///
/// `GB` is 10⁹ and `GiB` is 2³⁰, as in [IEC 80000-13](https://en.wikipedia.org/wiki/ISO/IEC_80000);
/// a bare number is bytes. Shown with three significant digits in decimal units.
///
/// # Examples
///
/// ```
/// use cache_harness::ByteSize;
/// assert_eq!("2GB".parse::<ByteSize>().unwrap(), ByteSize(2_000_000_000));
/// assert_eq!("1.5 MiB".parse::<ByteSize>().unwrap(), ByteSize(1_572_864));
/// assert_eq!(ByteSize(90_868_376).to_string(), "90.9 MB");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// At least this much, as a setting: two digits and a unit.
    pub(crate) fn setting_above(self) -> String {
        let (mut step, mut unit, mut of_unit) = (1, "B", 1);
        for (next, size) in [("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000)] {
            if self.0 >= size {
                (unit, of_unit) = (next, size);
            }
        }
        while self.0 / step >= 100 {
            step *= 10;
        }
        let above = self.0.div_ceil(step).saturating_mul(step);
        match (above / of_unit, above % of_unit * 10 / of_unit) {
            (whole, 0) => format!("{whole}{unit}"),
            (whole, tenths) => format!("{whole}.{tenths}{unit}"),
        }
    }
}

const UNITS: [(&str, u64); 13] = [
    ("b", 1),
    ("k", 1_000),
    ("kb", 1_000),
    ("m", 1_000_000),
    ("mb", 1_000_000),
    ("g", 1_000_000_000),
    ("gb", 1_000_000_000),
    ("t", 1_000_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = || format!("`{text}` is no size; write for example \"2GB\" (10^9) or \"2GiB\" (2^30)");
        let text_ = text.trim();
        let split = text_.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text_.len());
        let (number, unit) = (&text_[..split], text_[split..].trim().to_ascii_lowercase());
        let factor =
            if unit.is_empty() { 1 } else { UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(expected)?.1 };
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(factor).map(Self).ok_or_else(expected);
        }
        let value = number.parse::<f64>().map_err(|_| expected())?;
        #[expect(clippy::cast_precision_loss, reason = "a fraction of a unit is approximate anyway")]
        let bytes = value * factor as f64;
        #[expect(clippy::cast_precision_loss, reason = "only the bound is compared")]
        if !bytes.is_finite() || bytes >= u64::MAX as f64 {
            return Err(expected());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        Ok(Self(bytes as u64))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let mut value = self.0 as f64;
        let mut unit = "B";
        for next in ["kB", "MB", "GB", "TB"] {
            if value < 999.5 {
                break;
            }
            value /= 1000.0;
            unit = next;
        }
        let digits = match (unit, value) {
            ("B", _) => 0,
            (_, value) if value < 9.995 => 2,
            (_, value) if value < 99.95 => 1,
            _ => 0,
        };
        formatter.pad(&format!("{value:.digits$} {unit}"))
    }
}

/// Parses a duration such as `7d`, `90s` or `1h 30m`; `never` is [`Duration::MAX`].
///
/// # Errors
///
/// A sentence that says what was expected.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    if text.trim() == "never" {
        return Ok(Duration::MAX);
    }
    humantime::parse_duration(text)
        .map_err(|_| format!("`{text}` is no duration; write for example \"7d\", \"12h\" or \"never\""))
}

/// Seconds with the digits that matter to a person: `0.4 ms`, `38 ms`, `1.3 s`, `2 min 5 s`, `7 days`.
pub(crate) fn show_seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.0 => format!("-{}", show_seconds(-s)),
        s if s < 0.01 => format!("{:.1} ms", s * 1000.0),
        s if s < 1.0 => format!("{:.0} ms", s * 1000.0),
        s if s < 60.0 => format!("{s:.1} s"),
        s => {
            let whole = Duration::from_secs_f64(s.min(1e9)).as_secs();
            match (whole / 3600, whole / 60 % 60, whole % 60) {
                (0, minutes, 0) => format!("{minutes} min"),
                (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
                (hours @ ..48, 0, _) => format!("{hours} h"),
                (hours @ ..48, minutes, _) => format!("{hours} h {minutes} min"),
                (hours, _, _) => format!("{} days", hours / 24),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggested_size_is_short_and_never_less() {
        let sizes = [0, 99, 101, 99_999, 1_288_203, 1_300_000, 9_990_000, 271_000, 2_000_000_001, 123_456_789_012];
        let shown = sizes.map(|size| ByteSize(size).setting_above());
        assert_eq!(shown, ["0B", "99B", "110B", "100kB", "1.3MB", "1.3MB", "10MB", "280kB", "2.1GB", "130GB"]);
        for (size, shown) in sizes.iter().zip(shown) {
            assert!(shown.parse::<ByteSize>().unwrap().0 >= *size, "{shown}");
        }
    }
}
