//! What was measured, as Markdown for people and as JSON.

use std::fmt;

use serde_json::{Value, json};

/// One thing that was measured in several rounds.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) samples: Vec<f64>,
    /// More about it: a note, or other numbers.
    pub(crate) note: String,
}

impl Row {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), samples: Vec::new(), note: String::new() }
    }

    /// Least, median and most.
    pub(crate) fn spread(&self) -> Option<[f64; 3]> {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let median =
            if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[half - 1], sorted[half]) } else { sorted[half] };
        Some([least, median, most])
    }

    pub(crate) fn median(&self) -> f64 {
        self.spread().map_or(f64::NAN, |[_, median, _]| median)
    }
}

/// Rows of one unit; the first is the base of the ratios.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) unit: &'static str,
    pub(crate) rows: Vec<Row>,
    pub(crate) aim: &'static str,
}

impl Table {
    fn ratio(&self, row: &Row) -> f64 {
        row.median() / self.rows.first().map_or(f64::NAN, Row::median)
    }

    pub(crate) fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "name": row.name, "samples": row.samples, "median": row.median(), "ratio": self.ratio(row),
                "note": row.note,
            })
        });
        json!({ "title": self.title, "unit": self.unit, "aim": self.aim, "rows": rows.collect::<Vec<_>>() })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "### {}\n", self.title)?;
        writeln!(formatter, "| | median {} | least | most | × base | |", self.unit)?;
        writeln!(formatter, "|---|--:|--:|--:|--:|---|")?;
        for row in &self.rows {
            let [least, median, most] = row.spread().unwrap_or([f64::NAN; 3]).map(show);
            let (name, ratio, note) = (&row.name, self.ratio(row), &row.note);
            writeln!(formatter, "| {name} | {median} | {least} | {most} | {ratio:.2} | {note} |")?;
        }
        let rounds = self.rows.iter().map(|row| row.samples.len()).max().unwrap_or(0);
        writeln!(formatter, "\n{rounds} rounds. Aim: {}", self.aim)
    }
}

/// Three significant digits.
fn show(number: f64) -> String {
    match number.abs() {
        large if large >= 100.0 => format!("{number:.0}"),
        middle if middle >= 10.0 => format!("{number:.1}"),
        small if small >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    }
}
