//! Text inside HTML and XML.

use std::fmt::{self, Formatter, Write as _};

/// Text as content or attribute value of HTML and XML 1.0. What XML cannot say at all becomes U+FFFD.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => formatter.write_str("&amp;")?,
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                '"' => formatter.write_str("&quot;")?,
                '\'' => formatter.write_str("&#39;")?,
                // As they are, an attribute would lose them.
                '\t' | '\n' | '\r' => write!(formatter, "&#{};", u32::from(c))?,
                '\u{fffe}' | '\u{ffff}' => formatter.write_char('\u{fffd}')?,
                c if c.is_control() => formatter.write_char('\u{fffd}')?,
                c => formatter.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Escaped;

    #[test]
    fn nothing_in_a_text_is_markup() {
        let text = Escaped("<a b=\"c\" d='e'>&amp;\n\u{0}\u{b}\u{ffff}ü🦀").to_string();
        let expected = "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;&#10;\u{fffd}\u{fffd}\u{fffd}ü🦀";
        assert_eq!(text, expected);
    }
}
