//! Splits a command line into words as a shell does: blanks, single and double quotes, backslash. No expansion.

/// The words of `line`. Quotes group, `\` takes the next character as it is outside single quotes.
pub fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn quotes_group_and_empty_words_survive() {
        assert_eq!(split(r#"run  -e 'a b' "c d" e\ f '' x"y z""#), ["run", "-e", "a b", "c d", "e f", "", "xy z"]);
    }
}
