//! A diagnosis as a person reads it: 80 columns, and what is bad nearest to the next prompt.

use std::path::Path;

use super::Diagnosis;
use super::finding::{Finding, Level};

const WIDTH: usize = 80;
/// Where a finding's sentence begins.
const INDENT: usize = 20;
/// Where what decides a value begins, if there is room.
const ORIGIN: usize = 60;

pub(super) fn text(diagnosis: &Diagnosis, home: Option<&Path>, verbose: bool) -> String {
    let mut lines = heading(diagnosis);
    let settings: Vec<_> =
        diagnosis.settings.iter().filter(|row| verbose || !row.is_default || row.name == "dir").collect();
    if !settings.is_empty() {
        lines.push(String::new());
        lines.extend(settings.into_iter().map(|row| columns(row.name, &row.value, &row.origin, diagnosis, home)));
    }
    let roots: Vec<_> = diagnosis.roots.iter().filter(|root| verbose || root.used || root.configured).collect();
    if !roots.is_empty() {
        lines.push(String::new());
        lines.extend(
            roots.iter().map(|root| {
                columns(root.provider, &root.path.display().to_string(), &root.decided_by, diagnosis, home)
            }),
        );
    }
    lines.push(String::new());
    lines.extend(diagnosis.findings.iter().flat_map(|finding| sentences(finding, home)));
    lines.push(String::new());
    lines.push(sum(diagnosis));
    lines.join("\n")
}

fn heading(diagnosis: &Diagnosis) -> Vec<String> {
    let (versions, files) = (&diagnosis.versions, &diagnosis.files);
    let mut lines = vec![format!("cache-harness {} with {}", versions.command, versions.features.join(", "))];
    let line = |name: &str, path: &Path, count: Option<(usize, &str)>| {
        let count = count.map_or_else(String::new, |(count, noun)| format!(", {count} {noun}"));
        format!("{name:INDENT$}{}{count}", path.display())
    };
    lines.extend(files.catalog.as_ref().map(|path| line("catalog", path, Some((files.models, "declared")))));
    lines.extend(files.lock.as_ref().map(|path| line("lock file", path, Some((files.pinned, "pinned")))));
    lines.extend(files.user.as_ref().map(|path| line("user's settings", path, None)));
    lines
}

/// A name, its value, and what decides it; on a second line where one is too short.
fn columns(name: &str, value: &str, origin: &str, diagnosis: &Diagnosis, home: Option<&Path>) -> String {
    let folder = diagnosis.files.catalog.as_deref().and_then(Path::parent).and_then(Path::to_str);
    let below = |text: &str| folder.map_or_else(|| text.to_owned(), |folder| text.replace(&format!("{folder}/"), ""));
    let (value, origin) = (shortened(&below(value), home), shortened(&below(origin), home));
    let gap = " ".repeat(INDENT);
    let room = (ORIGIN - INDENT).min((WIDTH - INDENT).saturating_sub(origin.chars().count()));
    if value.chars().count() + 2 <= room {
        return format!("{name:INDENT$}{value:room$}{origin}");
    }
    format!("{name:INDENT$}{value}\n{gap}{origin}")
}

fn sentences(finding: &Finding, home: Option<&Path>) -> Vec<String> {
    let head = format!("{:9}{:11}", finding.level.as_str(), finding.check.as_str());
    let mut lines = wrapped(&shortened(&finding.message, home), WIDTH - INDENT);
    // A command is copied: it keeps its paths, and its line.
    lines.extend(finding.mend.iter().map(|mend| format!("mend: {mend}")));
    let gap = " ".repeat(INDENT);
    let lines = lines.into_iter().enumerate();
    lines.map(|(index, line)| format!("{}{line}", if index == 0 { &head } else { &gap })).collect()
}

fn sum(diagnosis: &Diagnosis) -> String {
    let counts =
        [(diagnosis.errors, Level::Error), (diagnosis.warnings, Level::Warning), (diagnosis.notes, Level::Note)];
    let counts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, level)| format!("{count} {}{}", level.as_str(), if *count == 1 { "" } else { "s" }))
        .collect();
    if counts.is_empty() { "all is well".to_owned() } else { counts.join(", ") }
}

/// With `~` for the home folder, wherever it begins a path.
fn shortened(text: &str, home: Option<&Path>) -> String {
    let Some(home) = home.and_then(Path::to_str).filter(|home| home.len() > 1) else { return text.to_owned() };
    text.replace(&format!("{}/", home.trim_end_matches('/')), "~/")
}

/// Lines of at most so many characters, unless a single word has more.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
