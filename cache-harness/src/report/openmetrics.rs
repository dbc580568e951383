//! The report as `OpenMetrics` text, for a collector of text files or a push gateway.
//!
//! A run's numbers begin anew with each run, so they are gauges; the times per model are a summary.

use std::collections::BTreeMap;
use std::fmt::{self, Formatter, Write as _};

use super::{ModelUse, Report, StoreUse};

/// Prints one exposition, `# EOF` included.
#[derive(Debug)]
pub(super) struct OpenMetricsReport<'a>(pub(super) &'a Report);

impl fmt::Display for OpenMetricsReport<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let mut out = Exposition(formatter);
        out.family("run", "info", "The run that the other metrics are of")?;
        out.sample("run_info", &[("run", &report.run)], 1)?;
        if let Some(rate) = report.hit_rate {
            out.family("hit_ratio", "gauge", "Requests whose model was there, from 0 to 1")?;
            out.sample("hit_ratio", &[], rate)?;
        }
        out.family("hits", "gauge", "Requests whose model was there")?;
        for (placement, count) in report.hits_by.counts() {
            out.sample("hits", &[("placement", &placement.replace(' ', "_"))], count)?;
        }
        out.family("misses", "gauge", "Requests whose model was not there")?;
        for (reason, count) in report.misses_by.counts() {
            out.sample("misses", &[("reason", &reason.replace(' ', "_"))], count)?;
        }
        for (name, help, count) in [
            ("tests", "Tests that asked for models", report.tests),
            ("retries", "Exchanges with a server that were tried again", report.retries),
            ("resumes", "Downloads that went on from a partial", report.resumes),
            ("repairs", "Files that were lost or damaged and are whole again", report.repairs),
            ("fallbacks", "Requests answered by another model", report.fallbacks),
            ("skips", "Requests whose test was skipped", report.skips),
            ("failures", "Requests whose test failed for them", report.failures),
            ("bypassed", "Requests that went past an unusable cache folder", report.bypassed),
            ("unreadable_lines", "Lines of the log that could not be read", report.unreadable),
        ] {
            out.family(name, "gauge", help)?;
            out.sample(name, &[], count)?;
        }
        let mut evicted = BTreeMap::<&str, u64>::new();
        for evict in &report.evicted {
            *evicted.entry(&evict.reason).or_default() += 1;
        }
        out.family("evictions", "gauge", "Models that were evicted")?;
        for (reason, count) in evicted {
            out.sample("evictions", &[("reason", reason)], count)?;
        }
        models(report, &mut out)?;
        if let Some(StoreUse { used_bytes, max_bytes }) = report.store {
            for (name, help, bytes) in [
                ("store_used_bytes", "What the disk holds for the store", used_bytes),
                ("store_max_bytes", "What the store may hold", max_bytes),
            ] {
                out.family(name, "gauge", help)?;
                out.sample(name, &[], bytes)?;
            }
        }
        formatter.write_str("# EOF")
    }
}

/// A family's name, its help, and its value of a model.
type Gauge<T> = (&'static str, &'static str, fn(&ModelUse) -> T);

/// What is known of each model; sums are the collector's to make.
fn models(report: &Report, out: &mut Exposition<'_, '_>) -> fmt::Result {
    let count: [Gauge<u64>; 3] = [
        ("served_bytes", "The size of what was put in place", |model| model.bytes_served),
        ("fetched_bytes", "What was fetched", |model| model.bytes_fetched),
        ("saved_bytes", "What hits served without fetching it", |model| model.bytes_saved),
    ];
    for (name, help, value) in count {
        out.family(name, "gauge", help)?;
        for model in &report.models {
            out.sample(name, &[("model", &model.name)], value(model))?;
        }
    }
    let seconds: [Gauge<f64>; 3] = [
        ("waiting_seconds", "Time that tests waited for somebody else's fetch", |model| model.seconds_waiting),
        ("fetching_seconds", "Time that tests fetched", |model| model.seconds_fetching),
        ("saved_seconds", "Time that hits saved", |model| model.seconds_saved),
    ];
    for (name, help, value) in seconds {
        out.family(name, "gauge", help)?;
        for model in &report.models {
            out.sample(name, &[("model", &model.name)], value(model))?;
        }
    }
    out.family("preparing_seconds", "summary", "Time that tests waited for their models")?;
    for model in &report.models {
        for (quantile, seconds) in [("0.5", model.seconds_p50), ("0.95", model.seconds_p95), ("1.0", model.seconds_max)]
        {
            if let Some(seconds) = seconds {
                out.sample("preparing_seconds", &[("model", &model.name), ("quantile", quantile)], seconds)?;
            }
        }
        out.sample("preparing_seconds_sum", &[("model", &model.name)], model.seconds_preparing)?;
        out.sample("preparing_seconds_count", &[("model", &model.name)], model.requests)?;
    }
    Ok(())
}

struct Exposition<'a, 'f>(&'a mut Formatter<'f>);

impl Exposition<'_, '_> {
    /// A family's name ends in its unit, if it has one.
    fn family(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        writeln!(self.0, "# TYPE cache_harness_{name} {kind}")?;
        if let Some(unit) = ["ratio", "bytes", "seconds"].iter().find(|unit| name.ends_with(*unit)) {
            writeln!(self.0, "# UNIT cache_harness_{name} {unit}")?;
        }
        writeln!(self.0, "# HELP cache_harness_{name} {help}.")
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl fmt::Display) -> fmt::Result {
        write!(self.0, "cache_harness_{name}")?;
        for (index, (label, text)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            write!(self.0, "{open}{label}=\"{}\"", Label(text))?;
        }
        let close = if labels.is_empty() { "" } else { "}" };
        writeln!(self.0, "{close} {value}")
    }
}

/// A label's value. Other control characters than the line feed have no escape, and readers take some for line ends.
struct Label<'a>(&'a str);

impl fmt::Display for Label<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => formatter.write_str("\\\\")?,
                '"' => formatter.write_str("\\\"")?,
                '\n' => formatter.write_str("\\n")?,
                '\u{2028}' | '\u{2029}' => write!(formatter, "\\\\u{:04x}", u32::from(c))?,
                c if c.is_control() => write!(formatter, "\\\\u{:04x}", u32::from(c))?,
                c => formatter.write_char(c)?,
            }
        }
        Ok(())
    }
}
