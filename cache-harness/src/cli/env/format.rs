//! One variable in the words of whoever is to set it.
//!
//! A value is any text: paths have spaces, quotes, `$`, line breaks and letters of all scripts. Each format quotes so
//! that the program that reads it ends up with exactly that text; what a format cannot carry is refused, never changed.

use std::fmt::Write as _;

use clap::ValueEnum;

use crate::digest::Sha256Digest;
use crate::document;

/// Who reads the variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For `eval "$(…)"` in any POSIX shell
    Sh,
    /// For `… | source` in fish
    Fish,
    /// For `… | Out-String | Invoke-Expression` in PowerShell
    Powershell,
    /// For `… >> "$GITHUB_ENV"`
    Github,
    /// For `… >> "$NEXTEST_ENV"` in a setup script
    Nextest,
    /// An `[env]` table for `.cargo/config.toml`
    Cargo,
    /// A `.env` file, as the crate dotenvy reads it
    Dotenv,
    /// One JSON object
    Json,
}

impl Format {
    /// What stands above the variables.
    pub(super) fn header(self) -> Option<&'static str> {
        (self == Self::Cargo).then_some("[env]")
    }

    /// The line, or lines, that set `name` to `value`; why not, if they cannot be written.
    pub(super) fn line(self, name: &str, value: &str) -> Result<String, &'static str> {
        Ok(match self {
            Self::Sh => format!("export {name}={}", quoted_for_sh(value)),
            Self::Fish => format!("set -gx {name} '{}'", value.replace('\\', r"\\").replace('\'', r"\'")),
            Self::Powershell => format!("$env:{name} = '{}'", doubled(value)),
            Self::Github => for_github(name, value),
            Self::Nextest if value.contains(['\n', '\r']) => {
                return Err("has a line break, which nextest's format cannot carry");
            }
            Self::Nextest => format!("{name}={value}"),
            // Without `force`, a variable that is set already would win over the catalog's root.
            Self::Cargo => format!("{name} = {{ value = {}, force = true }}", document::string_text(value)),
            Self::Dotenv => for_dotenv(name, value),
            Self::Json => format!("{}: {}", serde_json::Value::from(name), serde_json::Value::from(value)),
        })
    }
}

/// In single quotes nothing but a single quote means anything to a POSIX shell.
fn quoted_for_sh(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// `PowerShell` takes the typographic quotes for single ones, too; each stands for itself when doubled.
fn doubled(value: &str) -> String {
    let mut text = String::new();
    for character in value.chars() {
        if matches!(character, '\'' | '\u{2018}'..='\u{201b}') {
            text.push(character);
        }
        text.push(character);
    }
    text
}

/// A value of several lines goes between delimiters. The delimiter is derived from the value: no line of it can be
/// that, and the same value reads the same each time.
fn for_github(name: &str, value: &str) -> String {
    if !value.contains(['\n', '\r']) {
        return format!("{name}={value}");
    }
    let delimiter = format!("value-{}", Sha256Digest::of(value.as_bytes()));
    format!("{name}<<{delimiter}\n{value}\n{delimiter}")
}

/// Bare where nothing needs quoting, so that simple readers understand it, else in double quotes.
fn for_dotenv(name: &str, value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ':' | '@' | '+' | ',');
    if !value.is_empty() && value.chars().all(is_plain) {
        return format!("{name}={value}");
    }
    let mut text = format!("{name}=\"");
    for character in value.chars() {
        match character {
            '\n' => text.push_str(r"\n"),
            '\\' | '"' | '$' => {
                let _ = write!(text, "\\{character}");
            }
            other => text.push(other),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests;
