//! Go's `%q`: how Docker quotes what the user typed inside an error.

use std::fmt::Write as _;

/// Quotes `text` as Go's `strconv.Quote` does, so that errors with odd bytes in them read the same.
pub(crate) fn go(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => push_escape(&mut out, "x", 2, c),
            c if c.is_control() => push_escape(&mut out, "u", 4, c),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn push_escape(out: &mut String, letter: &str, width: usize, c: char) {
    // Writing to a String cannot fail.
    write!(out, "\\{letter}{:0width$x}", u32::from(c)).ok();
}

#[cfg(test)]
mod tests {
    use super::go;

    #[test]
    fn quotes_like_go() {
        for (raw, want) in [
            ("a b", "\"a b\""),
            ("a\"b\\", "\"a\\\"b\\\\\""),
            ("x\ny\t", "\"x\\ny\\t\""),
            ("\u{1}\u{7f}", "\"\\x01\\x7f\""),
            ("é\u{85}", "\"é\\u0085\""),
        ] {
            assert_eq!(go(raw), want);
        }
    }
}
