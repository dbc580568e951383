use std::process::Command;

use proptest::prelude::*;

use super::Format;

/// What people and attackers put into paths; NUL alone cannot stand in a variable.
fn value() -> impl Strategy<Value = String> {
    let spicy = prop::sample::select(vec![
        "'", "\"", "$", "`", "\\", "\n", "\r", "\t", " ", "!", "#", "%", "&", "*", ";", "=", "~", "(", "{", "}", "’",
        "é", "日", "\u{202e}", "$HOME", "${HOME}", "$(id)", "\\n", "EOF", "a", "/x",
    ]);
    prop_oneof![
        prop::collection::vec(spicy, 0..8).prop_map(|parts| parts.concat()),
        "[^\u{0}]{0,12}",
        "/[a-z]{1,8}/[a-z .]{1,8}",
    ]
}

/// What `sh` says a variable is after it ran `script`.
fn seen_by_sh(script: &str) -> String {
    let script = format!("{script}\nsh -c 'printf %s \"$NAME\"'");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.stderr.is_empty(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// `GITHUB_ENV` as the runner reads it (`actions/runner`, `FileCommandManager.cs`): a line with `=` before any `<<`
/// is a pair, one with `<<` begins a value that ends with its delimiter.
fn seen_by_github(text: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let (equals, heredoc) = (first.find('='), first.find("<<"));
    match (equals, heredoc) {
        (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
            assert_eq!((&first[..equals], rest), ("NAME", ""));
            first[equals + 1..].to_owned()
        }
        (_, Some(heredoc)) => {
            let delimiter = &first[heredoc + 2..];
            let lines: Vec<_> = rest.split('\n').take_while(|line| *line != delimiter).collect();
            assert!(rest.ends_with(&format!("\n{delimiter}")));
            lines.join("\n")
        }
        _ => panic!("{text}"),
    }
}

/// A string in single quotes in which `escaped` pairs stand for their second character.
fn unquoted(text: &str, begin: &str, escaped: impl Fn(char, char) -> bool) -> String {
    let inner = text.strip_prefix(begin).and_then(|rest| rest.strip_suffix('\'')).unwrap();
    let mut characters = inner.chars().peekable();
    let mut value = String::new();
    while let Some(character) = characters.next() {
        match characters.peek() {
            Some(next) if escaped(character, *next) => value.extend(characters.next()),
            _ => value.push(character),
        }
    }
    value
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_shell_ends_up_with_the_value(value in value()) {
        prop_assert_eq!(seen_by_sh(&Format::Sh.line("NAME", &value).unwrap()), value);
    }
}

proptest! {
    #[test]
    fn a_runner_of_github_ends_up_with_the_value(value in value()) {
        prop_assert_eq!(seen_by_github(&Format::Github.line("NAME", &value).unwrap()), value);
    }

    #[test]
    fn dotenvy_ends_up_with_the_value(value in value()) {
        let line = Format::Dotenv.line("NAME", &value).unwrap() + "\n";
        let read: Vec<_> = dotenvy::from_read_iter(line.as_bytes()).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read, [("NAME".to_owned(), value)]);
    }

    #[test]
    fn cargo_and_json_end_up_with_the_value(value in value()) {
        let text = format!("[env]\n{}\n", Format::Cargo.line("NAME", &value).unwrap());
        let table: toml_edit::DocumentMut = text.parse().unwrap();
        prop_assert_eq!(table["env"]["NAME"]["value"].as_str(), Some(value.as_str()));
        prop_assert_eq!(table["env"]["NAME"]["force"].as_bool(), Some(true));
        let json: serde_json::Value =
            serde_json::from_str(&format!("{{{}}}", Format::Json.line("NAME", &value).unwrap())).unwrap();
        prop_assert_eq!(json["NAME"].as_str(), Some(value.as_str()));
    }

    /// By the rules of `fish`'s and `PowerShell`'s manuals for single quotes.
    #[test]
    fn fish_and_powershell_end_up_with_the_value(value in value()) {
        let fish = Format::Fish.line("NAME", &value).unwrap();
        let in_fish = |one, other| one == '\\' && matches!(other, '\\' | '\'');
        prop_assert_eq!(unquoted(&fish, "set -gx NAME '", in_fish), value.clone());
        let powershell = Format::Powershell.line("NAME", &value).unwrap();
        let quote = |c: char| matches!(c, '\'' | '\u{2018}'..='\u{201b}');
        prop_assert_eq!(unquoted(&powershell, "$env:NAME = '", |one, other| quote(one) && quote(other)), value);
    }

    #[test]
    fn nextest_ends_up_with_the_value_or_it_is_refused(value in value()) {
        match Format::Nextest.line("NAME", &value) {
            Ok(line) => prop_assert_eq!(line.lines().collect::<Vec<_>>(), [format!("NAME={value}")]),
            Err(reason) => prop_assert!(value.contains(['\n', '\r']), "{}", reason),
        }
    }
}
