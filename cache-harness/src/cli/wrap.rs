//! Sentences in lines that a terminal holds. Where nobody looks at a terminal each sentence stays one line, to be searched.

use std::io::IsTerminal as _;

/// Narrower than this, breaking lines helps nobody.
const NARROWEST: usize = 40;
/// Wider lines are hard to read.
const WIDEST: usize = 100;

/// `text` broken at spaces if stderr is a terminal; `before` columns of the first line are taken.
pub(super) fn for_stderr(text: &str, before: usize) -> String {
    if !std::io::stderr().is_terminal() {
        return text.to_owned();
    }
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    let columns = size.map_or(80, |size| usize::from(size.ws_col));
    if columns < NARROWEST { text.to_owned() } else { wrapped(text, before, columns.min(WIDEST)) }
}

/// `text` in lines of at most `width` characters, but for words that are longer; what is indented stays so.
fn wrapped(text: &str, before: usize, width: usize) -> String {
    let mut lines = Vec::new();
    let mut taken = before;
    for line in text.split('\n') {
        if taken + line.chars().count() <= width {
            lines.push(line.to_owned());
            taken = 0;
            continue;
        }
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let mut current = indent.clone();
        for word in line.split_whitespace() {
            let is_first = current.trim_start().is_empty();
            let long = taken + current.chars().count() + usize::from(!is_first) + word.chars().count();
            if long > width && !is_first {
                lines.push(std::mem::replace(&mut current, format!("{indent}{word}")));
                taken = 0;
            } else {
                if !is_first {
                    current.push(' ');
                }
                current.push_str(word);
            }
        }
        lines.push(current);
        taken = 0;
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_break_at_spaces_and_long_words_stay_whole() {
        assert_eq!(wrapped("one two three", 0, 7), "one two\nthree");
        assert_eq!(wrapped("one two three", 4, 7), "one\ntwo\nthree");
        assert_eq!(wrapped("a https://long.example/x b", 7, 10), "a\nhttps://long.example/x\nb");
        assert_eq!(wrapped("is:\n  one two three\n", 0, 9), "is:\n  one two\n  three\n");
        assert_eq!(wrapped("", 7, 10), "");
        assert_eq!(wrapped("a   b\na   b c", 0, 5), "a   b\na b c");
    }
}
