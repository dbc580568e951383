//! The report as `JUnit` XML, for the test views of forges: a case for each model.
//!
//! A model that a test failed for is a failure, one that a test was skipped for is skipped. Only what Jenkins' schema
//! (junit-10.xsd of its xunit plugin) knows is written; `GitLab` reads name, class, time, failure, skip and output.

use std::fmt::{self, Formatter, Write as _};

use super::markup::Escaped;
use super::note::describe;
use super::words::{cut, percent, plural};
use super::{ModelUse, Report};
use crate::event::{Outcome, Request};
use crate::units::{ByteSize, show_seconds};

const CLASS: &str = "cache-harness";
/// Longer names are cut, and more tests than these are only counted.
const NAME: usize = 500;
const TESTS: usize = 100;

/// Prints one document with one suite.
#[derive(Debug)]
pub(super) struct JunitReport<'a>(pub(super) &'a Report);

impl fmt::Display for JunitReport<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let cases: Vec<Case<'_>> = report.models.iter().map(|model| Case::of(model, report)).collect();
        let (mut failures, mut skipped) = (0, 0);
        for case in &cases {
            match case.verdict {
                Verdict::Failure => failures += 1,
                Verdict::Skipped => skipped += 1,
                Verdict::Passed => {}
            }
        }
        let (tests, time) = (cases.len(), report.seconds_preparing);
        let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\"");
        writeln!(formatter, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(formatter, "<testsuites name=\"{CLASS}\" {counts} time=\"{time:.6}\">")?;
        write!(formatter, "  <testsuite name=\"{CLASS}\" {counts} skipped=\"{skipped}\" time=\"{time:.6}\"")?;
        if let Some(started) = &report.started {
            write!(formatter, " timestamp=\"{}\"", Escaped(started))?;
        }
        writeln!(formatter, ">\n    <properties>")?;
        property(formatter, "run", &report.run)?;
        if let Some(rate) = report.hit_rate {
            property(formatter, "hit_rate", &rate.to_string())?;
        }
        writeln!(formatter, "    </properties>")?;
        for case in &cases {
            case.write(formatter)?;
        }
        write!(formatter, "  </testsuite>\n</testsuites>")
    }
}

fn property(formatter: &mut Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(formatter, "      <property name=\"{name}\" value=\"{}\"/>", Escaped(value))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Skipped,
    Failure,
}

struct Case<'a> {
    model: &'a ModelUse,
    verdict: Verdict,
    /// The requests that the verdict comes from.
    because: Vec<&'a Request>,
}

impl<'a> Case<'a> {
    fn of(model: &'a ModelUse, report: &'a Report) -> Self {
        let with = |outcome: Outcome| -> Vec<&'a Request> {
            let requests = report.warmed.iter().chain(&report.per_test);
            requests.filter(|request| request.outcome == outcome && request.model == model.name).collect()
        };
        let (failed, skipped) = (with(Outcome::Failed), with(Outcome::Skip));
        let (verdict, because) = match (failed.is_empty(), skipped.is_empty()) {
            (false, _) => (Verdict::Failure, failed),
            (true, false) => (Verdict::Skipped, skipped),
            (true, true) => (Verdict::Passed, Vec::new()),
        };
        Self { model, verdict, because }
    }

    fn write(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { model, verdict, because } = self;
        let (name, time) = (cut(&model.name, NAME), model.seconds_preparing);
        let name = Escaped(&name);
        writeln!(formatter, "    <testcase name=\"{name}\" classname=\"{CLASS}\" time=\"{time:.6}\">")?;
        let message = because.first().map(|request| describe(request)).unwrap_or_default();
        let message = Escaped(&message);
        let mut tests = String::new();
        for request in because.iter().take(TESTS) {
            let site = match (&request.file, request.line) {
                (Some(file), Some(line)) => format!("{file}:{line} "),
                _ => String::new(),
            };
            writeln!(tests, "{site}{}", request.test.as_deref().unwrap_or("outside of tests"))?;
        }
        match because.len().saturating_sub(TESTS) {
            0 => {}
            more => writeln!(tests, "and {more} more")?,
        }
        let tests = Lines(&tests);
        match verdict {
            Verdict::Failure => {
                writeln!(formatter, "      <failure type=\"missing\" message=\"{message}\">{tests}</failure>")?;
            }
            Verdict::Skipped => writeln!(formatter, "      <skipped message=\"{message}\">{tests}</skipped>")?,
            Verdict::Passed => {}
        }
        let rate =
            model.hit_rate.map_or_else(|| "only warmed".to_owned(), |rate| format!("hit rate {}", percent(rate)));
        let (fetched, saved) = (ByteSize(model.bytes_fetched), ByteSize(model.bytes_saved));
        let took = model.seconds_max.map_or_else(String::new, |max| format!(", slowest {}", show_seconds(max)));
        let (requests, outcome) =
            (plural(model.requests, "request"), format!("{fetched} fetched, {saved} saved{took}"));
        writeln!(formatter, "      <system-out>{requests}, {rate}, {outcome}</system-out>")?;
        writeln!(formatter, "    </testcase>")
    }
}

/// Text whose line breaks stay as they are.
struct Lines<'a>(&'a str);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.0.lines().try_for_each(|line| writeln!(formatter, "{}", Escaped(line)))
    }
}
