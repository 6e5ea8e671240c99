//! Text from data, made safe to show.

use std::borrow::Cow;

/// The text with control characters, line breaks and marks that reorder text escaped, so that
/// an id or a title can neither command a terminal nor look like another.
///
/// They are shown as in Rust: `\n`, `\u{1b}`. Everything else stays as it is.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match is_hidden(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown.into()
}

/// Not the joiners U+200C and U+200D, which Persian and emoji need.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        for (text, shown) in [
            ("Amélie \"quoted\" \\ 東京 👩‍🚀", "Amélie \"quoted\" \\ 東京 👩‍🚀"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("two\nlines\tand\r", "two\\nlines\\tand\\r"),
            ("\u{202e}abc", "\\u{202e}abc"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_hidden_is_left(text in any::<String>()) {
            let shown = printable(&text);
            prop_assert!(!shown.contains(is_hidden));
            prop_assert_eq!(printable(&shown), shown.clone());
        }
    }
}
