//! Patterns of file names, read as the Hub's own tools read them.

/// Whether `path` is meant by `pattern`: `*` stands for any characters, also `/`, and `?` for one.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<char>, Vec<char>) = (pattern.chars().collect(), path.chars().collect());
    let (mut at, mut read) = (0, 0);
    // Where the last `*` is, and up to where it has been taken to reach.
    let mut star = None;
    while read < path.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(character) if *character == '?' || *character == path[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((place, reach)) = star else { return false };
                star = Some((place, reach + 1));
                (at, read) = (place + 1, reach + 1);
            }
        }
    }
    pattern[at..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_characters_and_a_question_mark_for_one() {
        for (pattern, path) in [
            ("config.json", "config.json"),
            ("*.safetensors", "onnx/model.safetensors"),
            ("onnx/*", "onnx/a/b"),
            ("*a*b*", "xaxbx"),
            ("*ab", "aab"),
            ("?.bin", "ä.bin"),
            ("*", ""),
            ("**", "x"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("config", "config.json"), ("*.bin", "a.bin2"), ("?", "ab"), ("a*b", "ac"), ("", "a")] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }
}
