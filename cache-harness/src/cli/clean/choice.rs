//! Some of several things, chosen by a person who sees what each is worth.

use std::collections::BTreeSet;

use crate::cli::Context;
use crate::error::Result;
use crate::units::ByteSize;

/// Something that can be chosen.
pub(super) struct Choice {
    pub(super) label: String,
    pub(super) bytes: u64,
    pub(super) note: String,
}

/// Shows what there is and asks until the answer makes sense; returns the places that were chosen, from 0.
pub(super) fn ask(context: &Context, choices: &[Choice]) -> Result<BTreeSet<usize>> {
    let width = choices.iter().map(|choice| choice.label.chars().count()).max().unwrap_or(0);
    for (place, Choice { label, bytes, note }) in choices.iter().enumerate() {
        context.ask(&format!("{:>3}  {label:width$}  {:>8}  {note}\n", place + 1, ByteSize(*bytes).to_string()));
    }
    loop {
        let answer = context.answer("Remove which? [numbers, `all`, or nothing] ")?;
        match parse(&answer, choices.len()) {
            Ok(chosen) => return Ok(chosen),
            Err(wrong) => context.ask(&format!("`{}` is none of them\n", wrong.escape_debug())),
        }
    }
}

/// The places that an answer names; or the word that names none.
fn parse(answer: &str, choices: usize) -> Result<BTreeSet<usize>, String> {
    let words = answer.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    let mut chosen = BTreeSet::new();
    if matches!(answer.trim(), "n" | "no" | "none" | "nothing") {
        return Ok(chosen);
    }
    for word in words {
        match word.parse::<usize>() {
            Ok(number) if (1..=choices).contains(&number) => drop(chosen.insert(number - 1)),
            _ if word == "all" => chosen.extend(0..choices),
            _ => return Err(word.to_owned()),
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn numbers_all_and_nothing_are_answers() {
        let places = |answer| parse(answer, 3).map(|chosen| chosen.into_iter().collect::<Vec<_>>());
        assert_eq!(places(" 3, 1\n"), Ok(vec![0, 2]));
        assert_eq!(places("all"), Ok(vec![0, 1, 2]));
        assert_eq!(places("\n"), Ok(vec![]));
        assert_eq!(places("no\n"), Ok(vec![]));
        assert_eq!(places("0"), Err("0".into()));
        assert_eq!(places("1 4"), Err("4".into()));
        assert_eq!(places("y"), Err("y".into()));
    }
}
