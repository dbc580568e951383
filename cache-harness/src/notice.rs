//! The one place that speaks to a person from inside a test: on stderr, which the test harness captures.
#![expect(clippy::print_stderr, reason = "this module is the voice")]

/// Says something a person should know.
pub(crate) fn warn(text: &str) {
    eprintln!("cache-harness: {text}");
}
