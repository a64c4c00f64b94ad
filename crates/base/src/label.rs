//! Labels: `key=value` pairs, as `--label` and label files give them.

use std::collections::BTreeMap;

/// Labels of any object, sorted by key.
pub type Labels = BTreeMap<String, String>;

/// Splits `key[=value]`; a missing `=` gives an empty value, as Docker does.
#[must_use]
pub fn split(text: &str) -> (String, String) {
    match text.split_once('=') {
        Some((k, v)) => (k.to_owned(), v.to_owned()),
        None => (text.to_owned(), String::new()),
    }
}

/// Collects many `key[=value]` words; a later one wins.
pub fn collect<'a>(words: impl IntoIterator<Item = &'a str>) -> Labels {
    words.into_iter().map(split).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_labels_win_and_bare_keys_are_empty() {
        let l = collect(["a=1", "b", "a=2=3"]);
        assert_eq!(l["a"], "2=3");
        assert_eq!(l["b"], "");
    }
}
