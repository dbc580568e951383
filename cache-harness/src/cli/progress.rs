//! Progress on a terminal: a line per file; elsewhere nothing but what went wrong.

use std::collections::HashMap;
use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::progress::{Progress, Step};
use crate::units::show_seconds;

/// The lines being drawn, by model and file.
pub(crate) struct Bars {
    all: MultiProgress,
    lines: Mutex<HashMap<(String, String), ProgressBar>>,
}

impl Bars {
    /// A listener that draws.
    pub(crate) fn progress() -> Progress {
        let bars = Self { all: MultiProgress::new(), lines: Mutex::default() };
        Progress::new(move |step| bars.draw(&step))
    }

    fn draw(&self, step: &Step<'_>) {
        let mut lines = self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match step {
            Step::Begin { model, file, bytes, .. } => {
                let key = ((*model).to_owned(), (*file).to_owned());
                let line = lines.entry(key).or_insert_with(|| self.all.add(ProgressBar::no_length()));
                line.set_style(style(
                    "{prefix:28!} {bar:16} {decimal_bytes:>9} of {decimal_total_bytes:9} {decimal_bytes_per_sec}",
                ));
                line.set_length(bytes.unwrap_or(0));
                line.set_prefix(format!("{model}/{file}"));
            }
            Step::Bytes { model, file, done } => {
                if let Some(line) = lines.get(&((*model).to_owned(), (*file).to_owned())) {
                    line.set_position(*done);
                    if line.length() == Some(*done) {
                        line.finish_and_clear();
                    }
                }
            }
            Step::Waiting { model, holder, waited, .. } => {
                let key = ((*model).to_owned(), String::new());
                let line = lines.entry(key).or_insert_with(|| self.all.add(ProgressBar::no_length()));
                line.set_style(style("{msg}"));
                line.set_message(format!("{model}: waiting for {holder} for {} s", waited.as_secs()));
            }
            Step::Retry { model, file, pause, error } => {
                let pause = show_seconds(pause.as_secs_f64());
                self.say(&format!("{model}/{file}: {error}; trying again in {pause}"));
            }
            Step::SourceFailed { model, file, error } => self.say(&format!("{model}/{file}: {error}")),
            Step::Done { model } => {
                let ended: Vec<_> = lines.keys().filter(|(of, _)| of == model).cloned().collect();
                for line in ended.iter().filter_map(|key| lines.remove(key)) {
                    line.finish_and_clear();
                }
            }
        }
    }

    fn say(&self, text: &str) {
        let _ = self.all.suspend(|| std::io::Write::write_fmt(&mut anstream::stderr(), format_args!("{text}\n")));
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}
