//! GitHub's workflow commands: a warning at the annotation's file and line for each model that is not as it should be.

use std::collections::BTreeMap;
use std::fmt::{self, Formatter, Write as _};

use super::Report;
use super::note::describe;
use super::words::{cut, plural};
use crate::event::{Outcome, Request};
use crate::units::show_seconds;

/// A hit that takes longer than this many seconds, waiting for others aside, is slow; usual is a thousandth of it.
const SLOW: f64 = 1.0;
/// Longer sentences are cut.
const SENTENCE: usize = 1000;

/// What a warning is about, worst first: of a step, GitHub shows the first ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Skipped,
    Fallback,
    Repaired,
    Slow,
}

/// A warning about one model, at the first place that met it.
#[derive(Debug)]
pub(crate) struct Annotation {
    /// The source file and line of the annotation, if it was a test's.
    pub(crate) site: Option<(String, u32)>,
    message: String,
}

impl Kind {
    fn of(request: &Request) -> Option<Self> {
        match request.outcome {
            Outcome::Skip => Some(Self::Skipped),
            Outcome::Fallback => Some(Self::Fallback),
            Outcome::Repaired => Some(Self::Repaired),
            Outcome::Hit if request.seconds - request.waited_seconds > SLOW => Some(Self::Slow),
            Outcome::Hit | Outcome::Miss | Outcome::Failed => None,
        }
    }

    fn sentence(self, request: &Request) -> String {
        match self {
            Self::Skipped => format!("skipped for want of model {}", describe(request)),
            Self::Fallback => format!("fallback model {}", describe(request)),
            Self::Repaired => format!("repaired model {}", describe(request)),
            Self::Slow => {
                let took = show_seconds(request.seconds - request.waited_seconds);
                format!("slow hit of model {}: {took}, and nothing was fetched", request.model)
            }
        }
    }
}

impl Annotation {
    /// A warning for each model that tests were skipped for, that stood in, was repaired or slow.
    pub(crate) fn all(report: &Report) -> Vec<Self> {
        let mut groups = BTreeMap::<(Kind, &str), Vec<&Request>>::new();
        for request in report.per_test.iter().chain(&report.warmed) {
            if let Some(kind) = Kind::of(request) {
                groups.entry((kind, &request.model)).or_default().push(request);
            }
        }
        let annotation = |((kind, _), requests): ((Kind, &str), Vec<&Request>)| {
            let first = requests.iter().find(|request| request.file.is_some()).or(requests.first())?;
            let mut message = kind.sentence(first);
            if requests.len() > 1 {
                let count = plural(requests.len().try_into().unwrap_or(u64::MAX), "request");
                let _ = write!(message, " ({count})");
            }
            let site = first.file.clone().zip(first.line);
            Some(Self { site, message: cut(&message, SENTENCE) })
        };
        groups.into_iter().filter_map(annotation).collect()
    }
}

impl fmt::Display for Annotation {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("::warning ")?;
        if let Some((file, line)) = &self.site {
            write!(formatter, "file={},line={line},", Property(file))?;
        }
        write!(formatter, "title=cache-harness::{}", Data(&self.message))
    }
}

/// Text after the second `::`, by the rules of workflow commands.
struct Data<'a>(&'a str);

/// The value of a parameter, by the rules of workflow commands.
struct Property<'a>(&'a str);

impl fmt::Display for Data<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| escape(formatter, c, &['%', '\r', '\n']))
    }
}

impl fmt::Display for Property<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| escape(formatter, c, &['%', '\r', '\n', ':', ',']))
    }
}

fn escape(formatter: &mut Formatter<'_>, c: char, reserved: &[char]) -> fmt::Result {
    if reserved.contains(&c) { write!(formatter, "%{:02X}", u32::from(c)) } else { formatter.write_char(c) }
}
