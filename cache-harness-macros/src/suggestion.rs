//! The near miss, for messages.

/// The candidate that `word` most likely stands for, if any is close enough to be a slip of the finger.
pub(crate) fn near_miss<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let tolerated = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerated)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b` or `c` ``, each printed by `show`.
pub(crate) fn one_of<T>(choices: &[T], show: impl Fn(&T) -> String) -> String {
    match choices {
        [] => String::new(),
        [only] => show(only),
        [first @ .., last] => {
            format!("{} or {}", first.iter().map(&show).collect::<Vec<_>>().join(", "), show(last))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::near_miss;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let names = ["minilm", "whisper-base", "whisper-tiny"];
        assert_eq!(near_miss("whisper-tny", names), Some("whisper-tiny"));
        assert_eq!(near_miss("llama", names), None);
    }
}
