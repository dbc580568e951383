//! What a check finds.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Good to know.
    Note,
    /// Something does less than it could, or will surprise somebody.
    Warning,
    /// Tests will fail, or the cache is of no use: exit 1.
    Error,
}

impl Level {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Check {
    Settings,
    Variables,
    Roots,
    Storage,
    Links,
    Pins,
    Leftovers,
    Project,
}

impl Check {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Variables => "variables",
            Self::Roots => "roots",
            Self::Storage => "storage",
            Self::Links => "links",
            Self::Pins => "pins",
            Self::Leftovers => "leftovers",
            Self::Project => "project",
        }
    }
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) check: Check,
    pub(super) level: Level,
    /// Tells it from all others, for scripts; `ok` where there is nothing to tell.
    pub(super) id: &'static str,
    /// A sentence.
    pub(super) message: String,
    /// The command that mends it, or what else does.
    pub(super) mend: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: Check, message: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, id: "ok", message: message.into(), mend: None }
    }

    pub(super) fn note(check: Check, id: &'static str, message: impl Into<String>) -> Self {
        Self { check, level: Level::Note, id, message: message.into(), mend: None }
    }

    pub(super) fn warning(check: Check, id: &'static str, message: impl Into<String>) -> Self {
        Self { check, level: Level::Warning, id, message: message.into(), mend: None }
    }

    pub(super) fn error(check: Check, id: &'static str, message: impl Into<String>) -> Self {
        Self { check, level: Level::Error, id, message: message.into(), mend: None }
    }

    /// The same, with what mends it.
    pub(super) fn mend(self, command: impl Into<String>) -> Self {
        Self { mend: Some(command.into()), ..self }
    }
}

/// The findings, or if there are none, that all is well.
pub(super) fn or_ok(findings: Vec<Finding>, check: Check, message: &str) -> Vec<Finding> {
    if findings.is_empty() { vec![Finding::ok(check, message)] } else { findings }
}

/// A word as a shell reads it back.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-+,:=@%".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
