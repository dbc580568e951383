//! How far things are, for a person at a terminal: a line per file under way, drawn anew five times a second.
//!
//! A frame is one write: the cursor goes up to where the last frame began, each line is overwritten and erased to its
//! end, and so is what lies below. Nothing is erased that is not overwritten at once, so nothing flickers; no line is
//! as wide as the terminal and no frame as high, so nothing wraps or scrolls.

mod picture;

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use self::picture::{Size, picture};
use crate::environment::{self, Environment};
use crate::notice;
use crate::progress::{Progress, Step, Tally, Troubles, adopted};

/// How far remarks of the same kind are apart, for people who look on.
const INTERVAL: Duration = Duration::from_secs(2);

/// The listener for this process's stderr: a picture where that is a terminal, lines where it is a log.
pub(super) fn listener(environment: &Environment) -> Progress {
    if draws(environment, io::stderr().is_terminal()) { Screen::progress() } else { Progress::plain(notice::warn) }
}

/// The same, and what was looked at and not taken.
pub(super) fn verbose_listener(environment: &Environment) -> Progress {
    let listener = listener(environment);
    Progress::new(move |step| {
        if let Step::PassedOver { model, file, path, reason } = step {
            notice::warn(&format!("{model}/{file}: `{}` was not taken: {reason}", path.display()));
        }
        listener.step(step);
    })
}

/// Whether there is somebody to draw for, and something to draw on.
fn draws(environment: &Environment, is_terminal: bool) -> bool {
    let is_ci = environment.text(environment::CI).is_some_and(|value| environment::parse_switch(value) != Ok(false));
    is_terminal && !is_ci && environment.text(environment::TERM).is_some_and(|term| term != "dumb")
}

/// What is drawn on a terminal.
struct Screen {
    state: Mutex<State>,
    /// How many lines the last frame has.
    drawn: Mutex<usize>,
}

struct State {
    tally: Tally,
    troubles: Troubles,
}

impl Screen {
    fn progress() -> Progress {
        let state = State { tally: Tally::default(), troubles: Troubles::new(INTERVAL) };
        let screen = Arc::new(Self { state: Mutex::new(state), drawn: Mutex::default() });
        let curtain = Arc::clone(&screen);
        notice::speak_through(move |line| curtain.say(&[line.to_owned()]));
        Progress::new(move |step| screen.hear(&step, Instant::now()))
    }

    fn hear(&self, step: &Step<'_>, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.troubles.hear(step);
        state.tally.fold(step, now);
        let remarks = match *step {
            Step::Tick { model } | Step::Waiting { model, .. } => state.troubles.due(model, now),
            Step::Done { model } => state.troubles.done(model, now).into_iter().collect(),
            Step::Failed { model } => {
                state.troubles.forget(model);
                Vec::new()
            }
            Step::Adopted { .. } => adopted(step).into_iter().collect(),
            // The thread of the connections must not wait for a terminal.
            _ => return,
        };
        let ended = matches!(step, Step::Done { .. } | Step::Failed { .. });
        let idle = state.tally.is_idle();
        let lines = picture(&state.tally, now, Size::of_terminal());
        drop(state);
        // A frame for each of a thousand hits would be in nobody's interest.
        if idle || !ended || !remarks.is_empty() {
            self.draw(&remarks, &lines);
        }
    }

    /// Says something above the picture, which is drawn again with the next step.
    fn say(&self, lines: &[String]) {
        self.draw(lines, &[]);
    }

    fn draw(&self, above: &[String], lines: &[String]) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if *drawn == 0 && above.is_empty() && lines.is_empty() {
            return;
        }
        let frame = frame(*drawn, above, lines);
        *drawn = lines.len();
        // Who cannot be told does not keep the work from being done.
        let _ = io::stderr().write_all(frame.as_bytes());
    }
}

/// The text that takes the place of the last `drawn` lines.
fn frame(drawn: usize, above: &[String], lines: &[String]) -> String {
    let mut frame = String::new();
    if drawn > 0 {
        let _ = write!(frame, "\x1b[{drawn}A\r");
    }
    for line in above.iter().chain(lines) {
        let _ = writeln!(frame, "{line}\x1b[K");
    }
    frame + "\x1b[J"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_drawn_for_a_person_at_a_terminal_only() {
        let screen = [("TERM", "xterm-256color")];
        assert!(draws(&Environment::from(screen), true));
        assert!(!draws(&Environment::from(screen), false));
        for (name, value) in [("CI", "true"), ("CI", "woodpecker"), ("TERM", "dumb"), ("TERM", "")] {
            assert!(!draws(&Environment::from(screen).with(name, value), true), "{name}={value}");
        }
        assert!(draws(&Environment::from(screen).with("CI", "false"), true));
    }

    #[test]
    fn a_frame_takes_the_place_of_the_last_one() {
        let text = |line: &str| line.to_owned();
        assert_eq!(frame(0, &[], &[text("a"), text("b")]), "a\x1b[K\nb\x1b[K\n\x1b[J");
        assert_eq!(frame(2, &[text("broke")], &[text("a")]), "\x1b[2A\rbroke\x1b[K\na\x1b[K\n\x1b[J");
        assert_eq!(frame(1, &[], &[]), "\x1b[1A\r\x1b[J");
    }
}
