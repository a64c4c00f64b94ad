//! Filters: `--filter key=value`, and the two JSON forms that API clients send.

use std::collections::BTreeMap;

/// Filters of one request: for each key, the values asked for. Several values of one key are alternatives; several keys must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters(BTreeMap<String, Vec<String>>);

/// A filter that cannot be used, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// `--filter` without `=`.
    #[error("invalid argument \"{0}\" for \"-f, --filter\" flag: bad format of filter (expected name=value)")]
    Format(String),
    /// A key the command does not know.
    #[error("invalid filter '{0}'")]
    Unknown(String),
    /// A value that does not fit its key.
    #[error("invalid filter '{key}=[{}]'", values.join(" "))]
    Value {
        /// The filter's key.
        key: String,
        /// All values given for it.
        values: Vec<String>,
    },
}

impl Filters {
    /// Reads the command line's `key=value` words; keys are lower-cased and both sides trimmed, as Docker does.
    ///
    /// # Errors
    /// [`FilterError::Format`] for a word without `=`.
    pub fn from_words<S: AsRef<str>>(words: &[S]) -> Result<Self, FilterError> {
        let mut filters = Self::default();
        for word in words {
            let word = word.as_ref();
            let (key, value) = word.split_once('=').ok_or_else(|| FilterError::Format(word.to_owned()))?;
            filters.add(&key.trim().to_lowercase(), value.trim());
        }
        Ok(filters)
    }

    /// Adds one value.
    pub fn add(&mut self, key: &str, value: &str) {
        self.0.entry(key.to_owned()).or_default().push(value.to_owned());
    }

    /// The values for `key`; empty when it was not given.
    #[must_use]
    pub fn get(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether `key` was given.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Whether there is no filter at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses keys outside `known`.
    ///
    /// # Errors
    /// [`FilterError::Unknown`] with the first key that is not known.
    pub fn check(&self, known: &[&str]) -> Result<(), FilterError> {
        match self.0.keys().find(|k| !known.contains(&k.as_str())) {
            Some(key) => Err(FilterError::Unknown(key.clone())),
            None => Ok(()),
        }
    }

    /// A yes/no filter (`dangling=true`); `None` when absent.
    ///
    /// # Errors
    /// [`FilterError::Value`] when it is neither true/1 nor false/0, or both.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, FilterError> {
        let bad = || FilterError::Value { key: key.to_owned(), values: self.get(key).to_vec() };
        let mut answer = None;
        for value in self.get(key) {
            let this = match value.as_str() {
                "true" | "1" | "True" | "TRUE" | "t" | "T" => true,
                "false" | "0" | "False" | "FALSE" | "f" | "F" => false,
                _ => return Err(bad()),
            };
            if answer.is_some_and(|before| before != this) {
                return Err(bad());
            }
            answer = Some(this);
        }
        Ok(answer)
    }

    /// Whether any value of `key` satisfies `test`, or the key is absent.
    pub fn any(&self, key: &str, test: impl Fn(&str) -> bool) -> bool {
        let values = self.get(key);
        values.is_empty() || values.iter().any(|v| test(v))
    }

    /// Docker's label filter: every `label=k[=v]` must match, and no `label!=k[=v]` may.
    #[must_use]
    pub fn labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let holds = |word: &String| match word.split_once('=') {
            Some((k, v)) => labels.get(k).is_some_and(|have| have == v),
            None => labels.contains_key(word),
        };
        self.get("label").iter().all(holds) && !self.get("label!").iter().any(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_and_keys_lowered() {
        let f = Filters::from_words(&["Label=a=b", "name= x "]).unwrap();
        assert_eq!(f.get("label"), ["a=b"]);
        assert_eq!(f.get("name"), ["x"]);
        assert!(matches!(Filters::from_words(&["oops"]), Err(FilterError::Format(_))));
    }

    #[test]
    fn flags_are_strict() {
        let f = Filters::from_words(&["dangling=1"]).unwrap();
        assert_eq!(f.flag("dangling"), Ok(Some(true)));
        assert_eq!(f.flag("other"), Ok(None));
        assert!(Filters::from_words(&["d=maybe"]).unwrap().flag("d").is_err());
        assert!(Filters::from_words(&["d=1", "d=0"]).unwrap().flag("d").is_err());
    }

    #[test]
    fn label_filters_are_anded() {
        let labels = crate::label::collect(["a=1", "b=2"]);
        assert!(Filters::from_words(&["label=a=1", "label=b"]).unwrap().labels(&labels));
        assert!(!Filters::from_words(&["label=a=1", "label=c"]).unwrap().labels(&labels));
        assert!(!Filters::from_words(&["label!=a"]).unwrap().labels(&labels));
    }
}
