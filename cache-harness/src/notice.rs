//! The one place that speaks to a person from inside a test: on stderr, which the test harness captures.
#![expect(clippy::print_stderr, reason = "this module is the voice")]

use std::sync::OnceLock;

type Speaker = dyn Fn(&str) + Send + Sync;

static SPEAKER: OnceLock<Box<Speaker>> = OnceLock::new();

/// Says something a person should know.
pub(crate) fn warn(text: &str) {
    let line = format!("cache-harness: {text}");
    match SPEAKER.get() {
        Some(speaker) => speaker(&line),
        None => eprintln!("{line}"),
    }
}

/// Has `speaker` say all lines from now on: who draws on the terminal must know what else is written there.
#[cfg(feature = "cli")]
pub(crate) fn speak_through(speaker: impl Fn(&str) + Send + Sync + 'static) {
    // The first one stays: there is one terminal.
    let _ = SPEAKER.set(Box::new(speaker));
}
