//! Mirrors that hold the files of every model, each under an address made by a template.
//!
//! ```text
//! https://mirror.example/cas/{sha256}                            by content
//! https://mirror.example/cas/{prefix}/{sha256}                   … in folders by the digest's first two digits
//! https://mirror.example/{repo}/resolve/{commit}/{path}          as the Hub, for models of the Hub
//! ```
//! A mirror is trusted with nothing: it gets no token, and its bytes are compared with the pin. So plain HTTP is
//! as good as the template says, as with a remote.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

use crate::address;
use crate::digest::Sha256Digest;
use crate::suggestion::{listed, nearest};

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    /// All 64 digits of the file's digest.
    Sha256,
    /// The digest's first two digits.
    Prefix,
    /// `owner/name` of a model of the Hub.
    Repo,
    /// The commit of a model of the Hub.
    Commit,
    /// The file's path within the model.
    Path,
}

const PLACEHOLDERS: [(&str, Placeholder); 5] = [
    ("sha256", Placeholder::Sha256),
    ("prefix", Placeholder::Prefix),
    ("repo", Placeholder::Repo),
    ("commit", Placeholder::Commit),
    ("path", Placeholder::Path),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

/// The template of a mirror's addresses; shown as it is written, but without user and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    written: String,
    parts: Vec<Part>,
}

/// What names a file to a mirror.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) sha256: &'a Sha256Digest,
    pub(crate) path: &'a str,
    /// Repository and commit of a model of the Hub.
    pub(crate) hub: Option<(&'a str, &'a str)>,
}

impl Mirror {
    /// Where this mirror would have the file; `None` if the template asks for what the file does not have.
    pub(crate) fn address(&self, named: Named<'_>) -> Option<String> {
        let digest = named.sha256.to_string();
        let mut address = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => address.push_str(text),
                Part::Placeholder(Placeholder::Sha256) => address.push_str(&digest),
                Part::Placeholder(Placeholder::Prefix) => address.push_str(&digest[..2]),
                Part::Placeholder(Placeholder::Repo) => address.push_str(&address::encode_path(named.hub?.0)),
                Part::Placeholder(Placeholder::Commit) => address.push_str(&address::encode_path(named.hub?.1)),
                Part::Placeholder(Placeholder::Path) => address.push_str(&address::encode_path(named.path)),
            }
        }
        Some(address)
    }

    fn has(&self, placeholder: Placeholder) -> bool {
        self.parts.contains(&Part::Placeholder(placeholder))
    }
}

impl FromStr for Mirror {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown = address::shown_template(text);
        let wrong = |reason: String| format!("`{shown}` cannot be used: {reason}");
        let mirror = Self { written: text.to_owned(), parts: parts(text).map_err(wrong)? };
        let (start, _) = text.split_once('{').unwrap_or((text, ""));
        let filled = mirror.parts.iter().map(|part| if let Part::Text(text) = part { text } else { "0" });
        let url = Url::parse(&filled.collect::<String>()).map_err(|error| wrong(format!("it is no URL: {error}")))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(wrong(format!("`{}` is not supported: use `https` or `http`", url.scheme())));
        }
        // One host for all files: where a request may go must not depend on what a model is called.
        if start.split_once("://").is_none_or(|(_, rest)| !rest.contains(['/', '?'])) {
            return Err(wrong("a placeholder stands before the path".into()));
        }
        if text.contains('#') {
            return Err(wrong("what follows `#` is never sent".into()));
        }
        let by_commit = [Placeholder::Repo, Placeholder::Commit, Placeholder::Path];
        if !mirror.has(Placeholder::Sha256) && !by_commit.into_iter().all(|needed| mirror.has(needed)) {
            return Err(wrong("it needs `{sha256}`, or `{repo}`, `{commit}` and `{path}`, to name one file".into()));
        }
        Ok(mirror)
    }
}

/// The template in parts.
fn parts(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("it has `{` without `}`")?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let found = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
        let (_, placeholder) = found.ok_or_else(|| unknown(name))?;
        parts.push(Part::Placeholder(*placeholder));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    if parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains('}'))) {
        return Err("it has `}` without `{`".into());
    }
    Ok(parts)
}

fn unknown(name: &str) -> String {
    let names = PLACEHOLDERS.map(|(name, _)| name);
    let braced = |name: &str| format!("{{{name}}}");
    let remedy = match nearest(&name.to_ascii_lowercase(), names) {
        Some(near) => format!("did you mean `{{{near}}}`?"),
        None => format!("it can have {}", listed(names.map(braced).iter().map(String::as_str))),
    };
    format!("`{{{}}}` is no placeholder: {remedy}", name.escape_debug())
}

impl fmt::Display for Mirror {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&address::shown_template(&self.written))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21";

    fn address(template: &str, hub: Option<(&str, &str)>) -> Option<String> {
        let sha256 = SHA.parse().unwrap();
        template.parse::<Mirror>().unwrap().address(Named { sha256: &sha256, path: "a b/ä", hub })
    }

    #[test]
    fn a_template_is_filled_by_content_or_by_commit() {
        let hub = Some(("owner/name", "0123"));
        for (template, expected) in [
            ("https://m.example/cas/{sha256}", format!("https://m.example/cas/{SHA}")),
            ("http://m.example/{prefix}/{sha256}.bin", format!("http://m.example/be/{SHA}.bin")),
            (
                "https://m.example?digest={sha256}&name={path}",
                format!("https://m.example?digest={SHA}&name=a%20b/%C3%A4"),
            ),
        ] {
            assert_eq!(address(template, None), Some(expected));
        }
        let as_the_hub = "https://m.example/{repo}/resolve/{commit}/{path}";
        let expected = "https://m.example/owner/name/resolve/0123/a%20b/%C3%A4";
        assert_eq!(address(as_the_hub, hub).as_deref(), Some(expected));
        assert_eq!(address(as_the_hub, None), None);
    }

    #[test]
    fn a_template_that_cannot_name_a_file_is_refused() {
        for (template, expected) in [
            ("https://m.example/cas", "it needs `{sha256}`, or `{repo}`, `{commit}` and `{path}`, to name one file"),
            (
                "https://m.example/{repo}/{path}",
                "it needs `{sha256}`, or `{repo}`, `{commit}` and `{path}`, to name one file",
            ),
            ("https://m.example/{sha265}", "`{sha265}` is no placeholder: did you mean `{sha256}`?"),
            ("https://m.example/{SHA256}", "`{SHA256}` is no placeholder: did you mean `{sha256}`?"),
            (
                "https://m.example/{}",
                "`{}` is no placeholder: it can have `{sha256}`, `{prefix}`, `{repo}`, `{commit}`, `{path}`",
            ),
            ("https://m.example/{sha256", "it has `{` without `}`"),
            ("https://m.example/sha256}", "it has `}` without `{`"),
            ("https://{prefix}.m.example/{sha256}", "a placeholder stands before the path"),
            ("https://m.example/x#{sha256}", "what follows `#` is never sent"),
            ("https:m{prefix}.example/{sha256}", "a placeholder stands before the path"),
            ("m.example/{sha256}", "it is no URL: relative URL without a base"),
            ("s3://m/{sha256}", "`s3` is not supported: use `https` or `http`"),
        ] {
            let shown = address::shown_template(template);
            let expected = format!("`{shown}` cannot be used: {expected}");
            assert_eq!(template.parse::<Mirror>().unwrap_err(), expected);
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let mirror: Mirror = "https://u:secret@m.example/{sha256}?key=secret".parse().unwrap();
        assert_eq!(mirror.to_string(), "https://m.example/{sha256}");
        let error = "https://u:secret@m.example/".parse::<Mirror>().unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }
}
