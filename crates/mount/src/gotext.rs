//! Go's ways with text that users can see: `%q` quoting, `path.Clean`, `filepath.IsLocal`, `strconv.ParseBool`.

/// Quotes as Go's `%q` does, so that messages match Docker's byte for byte.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            c if c.is_ascii_control() => escape(&mut out, 'x', 2, c),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) < 0x1_0000 => escape(&mut out, 'u', 4, c),
            c => escape(&mut out, 'U', 8, c),
        }
    }
    out.push('"');
    out
}

fn escape(out: &mut String, letter: char, width: usize, c: char) {
    out.push_str(&format!("\\{letter}{:0width$x}", u32::from(c)));
}

fn is_printable(c: char) -> bool {
    c == ' ' || (!c.is_control() && !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}'))
}

/// The shortest path that means the same, as Go's `path.Clean`; purely lexical, `""` becomes `.`.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.last().is_some_and(|last| *last != "..") {
                    parts.pop();
                } else if !rooted {
                    parts.push("..");
                }
            }
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// Whether a path stays below the directory it is taken relative to, as Go's `filepath.IsLocal` on Unix.
pub(crate) fn is_local(path: &str) -> bool {
    if path.is_empty() || path.starts_with('/') {
        return false;
    }
    let cleaned = clean(path);
    cleaned != ".." && !cleaned.starts_with("../")
}

/// Go's `strconv.ParseBool`.
pub(crate) fn parse_bool(word: &str) -> Option<bool> {
    match word {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_like_go() {
        assert_eq!(quote("plain"), r#""plain""#);
        assert_eq!(quote("a\"b\\c\n\t"), r#""a\"b\\c\n\t""#);
        assert_eq!(quote("\x01\x7f"), r#""\x01\x7f""#);
        assert_eq!(quote("é 中 '"), "\"é 中 '\"");
        assert_eq!(quote("\u{2028}\u{a0}"), r#""\u2028\u00a0""#);
    }

    #[test]
    fn cleans_like_go() {
        for (path, want) in [
            ("", "."),
            ("/", "/"),
            ("//a//b/", "/a/b"),
            ("/..", "/"),
            ("/../a/./b/..", "/a"),
            ("a/../..", ".."),
            ("../../x", "../../x"),
            ("./x", "x"),
        ] {
            assert_eq!(clean(path), want, "{path}");
        }
    }

    #[test]
    fn local_paths_do_not_climb_out() {
        for yes in ["a", "a/b", "a/../b", ".", "./a", "a/", "...", "..a"] {
            assert!(is_local(yes), "{yes}");
        }
        for no in ["", "/", "/a", "..", "../a", "a/../..", "a/../../b", "./.."] {
            assert!(!is_local(no), "{no}");
        }
    }

    #[test]
    fn bools_are_gos() {
        assert_eq!(parse_bool("T"), Some(true));
        assert_eq!(parse_bool("False"), Some(false));
        for bad in ["", "no", "yes", "tRUE", " 1", "01"] {
            assert_eq!(parse_bool(bad), None, "{bad}");
        }
    }
}
