//! What a run must keep to, so that CI notices when a good cache gets worse.

use crate::report::Report;
use crate::units::{ByteSize, show_seconds};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Gates: exit 1 unless all hold")]
pub(super) struct Gates {
    /// The least hit rate, from 0 to 1
    #[arg(long, value_name = "R", value_parser = rate)]
    min_hit_rate: Option<f64>,
    /// The most that may have been fetched, such as 100MB
    #[arg(long, value_name = "SIZE")]
    max_fetched: Option<ByteSize>,
    /// The most seconds that tests may have waited for their models, added up
    #[arg(long, value_name = "S", value_parser = seconds)]
    max_seconds: Option<f64>,
    /// No test may have been skipped for want of a model
    #[arg(long)]
    no_skips: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("expected a number from 0 to 1, for example 0.8".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if seconds >= 0.0 && f64::is_finite(seconds) => Ok(seconds),
        _ => Err("expected a number of seconds, for example 30 or 0.5".to_owned()),
    }
}

impl Gates {
    /// A sentence for each gate that does not hold, with what was expected and what was found.
    pub(super) fn failed(&self, report: &Report) -> Vec<String> {
        let mut failed = Vec::new();
        let percent = |rate: f64| format!("{:.1} %", rate * 100.0);
        match (self.min_hit_rate, report.hit_rate) {
            (Some(least), Some(rate)) if rate < least => {
                failed.push(format!("the hit rate is {}, below {}", percent(rate), percent(least)));
            }
            (Some(least), None) => {
                let least = percent(least);
                failed.push(format!("the run asked for no model, so it has no hit rate, and {least} was expected"));
            }
            _ => {}
        }
        if let Some(most) = self.max_fetched.filter(|most| report.bytes_fetched > most.0) {
            let fetched = ByteSize(report.bytes_fetched);
            failed.push(format!("{fetched} ({} bytes) were fetched, more than {most} ({})", fetched.0, most.0));
        }
        if let Some(most) = self.max_seconds.filter(|most| report.seconds_preparing > *most) {
            let (waited, most) = (show_seconds(report.seconds_preparing), show_seconds(most));
            failed.push(format!("tests waited {waited} for their models, longer than {most}"));
        }
        if self.no_skips && report.skips > 0 {
            let count = report.skips;
            failed.push(format!("{count} skipped for want of a model, and none was expected"));
        }
        failed
    }
}
