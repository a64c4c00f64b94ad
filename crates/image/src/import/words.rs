//! The word grammar of Dockerfile instructions: JSON lists, `key=value` pairs with quotes and backslashes.

/// A JSON list of strings, when the text is one.
pub(crate) fn json_list(text: &str) -> Option<Vec<String>> {
    text.trim_start().starts_with('[').then(|| serde_json::from_str(text).ok()).flatten()
}

/// Splits at blanks outside of quotes; quotes and backslashes stay, as in Docker's `parseWords`.
pub(crate) fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quote != Some('\'') => {
                word.push(c);
                word.extend(chars.next());
            }
            c if quote == Some(c) => {
                word.push(c);
                quote = None;
            }
            '"' | '\'' if quote.is_none() => {
                word.push(c);
                quote = Some(c);
            }
            c if c.is_whitespace() && quote.is_none() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Takes away quotes and backslashes, as Docker's shell lexer does.
pub(crate) fn unquote(word: &str) -> String {
    let (mut out, mut quote) = (String::new(), None);
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), c) => out.push(c),
            (None, '"' | '\'') => quote = Some(c),
            (Some(_), '\\') => match chars.peek() {
                // Inside double quotes a backslash escapes these only.
                Some('"' | '$' | '\\') => out.extend(chars.next()),
                _ => out.push('\\'),
            },
            (None, '\\') => out.extend(chars.next()),
            (_, c) => out.push(c),
        }
    }
    out
}

/// `k=v k2="v 2"`, or the old form `k the whole rest`. `None` where a word has no `=` or no key.
pub(crate) fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let words = split(text);
    let first = words.first()?;
    if !first.contains('=') {
        let (key, value) = text.trim().split_once(char::is_whitespace)?;
        return Some(vec![(key.to_owned(), unquote(value.trim()))]);
    }
    words
        .iter()
        .map(|word| {
            let (key, value) = word.split_once('=')?;
            let key = unquote(key);
            (!key.is_empty()).then(|| (key, unquote(value)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_docker_reads_them() {
        let read = |text: &str| pairs(text).map(|p| p.into_iter().map(|(k, v)| format!("{k}|{v}")).collect::<Vec<_>>());
        assert_eq!(read("A=1 B=2"), Some(vec!["A|1".into(), "B|2".into()]));
        assert_eq!(read(r#"A="x y" B=a\ b"#), Some(vec!["A|x y".into(), "B|a b".into()]));
        assert_eq!(read("A one two"), Some(vec!["A|one two".into()]));
        assert_eq!(read(r#""com.example k"=v"#), Some(vec!["com.example k|v".into()]));
        assert_eq!(read("A"), None);
        assert_eq!(read("A=1 B"), None);
        assert_eq!(read("=1"), None);
    }

    #[test]
    fn lists_are_json_or_nothing() {
        assert_eq!(json_list(r#"["a","b c"]"#), Some(vec!["a".into(), "b c".into()]));
        assert_eq!(json_list("['a']"), None);
        assert_eq!(json_list("a b"), None);
    }
}
