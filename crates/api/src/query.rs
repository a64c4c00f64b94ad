//! The query of a request: `?all=1&filters={…}`.

use serde_json::Value;
use stead_base::filter::Filters;
use stead_engine::Failure;

/// The parameters of one request, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query string.
    ///
    /// # Errors
    /// An escape that is none.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((unescape(&name.replace('+', " "))?, unescape(&value.replace('+', " "))?))
        });
        pairs.collect::<Result<_, Failure>>().map(Self)
    }

    /// All parameters, in order.
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// The first value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter unless it is empty.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// All values of a parameter.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Docker's idea of true: everything but the absent, the empty, `0`, `no`, `false` and `none`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let value = self.get(name).unwrap_or_default().trim().to_lowercase();
        !matches!(value.as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// The same with another answer for what is absent.
    pub(crate) fn flag_or(&self, name: &str, default: bool) -> bool {
        if self.get(name).is_some() { self.flag(name) } else { default }
    }

    /// A whole number.
    ///
    /// # Errors
    /// Go's words for what is none.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.filled(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|error: std::num::ParseIntError| {
            use std::num::IntErrorKind::{NegOverflow, PosOverflow};
            let why = if matches!(error.kind(), PosOverflow | NegOverflow) { "value out of range" } else { "invalid syntax" };
            Failure::invalid(format!("strconv.ParseInt: parsing {text:?}: {why}"))
        })
    }

    /// `filters` in either of Docker's JSON forms: `{"k":{"v":true}}` and `{"k":["v"]}`.
    ///
    /// # Errors
    /// `invalid filter: …` for anything else.
    pub(crate) fn filters(&self) -> Result<Filters, Failure> {
        let mut filters = Filters::default();
        let Some(text) = self.filled("filters") else { return Ok(filters) };
        let bad = |why: String| Failure::invalid(format!("invalid filter: {why}"));
        let Value::Object(keys) = serde_json::from_str(text).map_err(|error| bad(error.to_string()))? else {
            return Err(bad("an object is expected".to_owned()));
        };
        for (key, values) in keys {
            match values {
                Value::Object(set) => {
                    for (value, on) in set {
                        match on {
                            Value::Bool(true) => filters.add(&key, &value),
                            // Docker's own clients never send it; its server takes any member of the set.
                            Value::Bool(false) => {}
                            _ => return Err(bad(format!("the value of {key} is not a boolean"))),
                        }
                    }
                }
                Value::Array(list) => {
                    for value in list {
                        let Value::String(value) = value else { return Err(bad(format!("a value of {key} is not a string"))) };
                        filters.add(&key, &value);
                    }
                }
                Value::Null => {}
                _ => return Err(bad(format!("the values of {key} are neither an object nor a list"))),
            }
        }
        Ok(filters)
    }
}

/// `%2F` to `/`; what is not UTF-8 then is replaced.
///
/// # Errors
/// `invalid URL escape "%zz"`.
pub(crate) fn unescape(text: &str) -> Result<String, Failure> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            let digits = bytes.get(at + 1..at + 3).and_then(|d| std::str::from_utf8(d).ok()).filter(|d| !d.starts_with('+'));
            let Some(value) = digits.and_then(|d| u8::from_str_radix(d, 16).ok()) else {
                let escape = String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 3)]).into_owned();
                return Err(Failure::invalid(format!("invalid URL escape {escape:?}")));
            };
            out.push(value);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    Ok(String::from_utf8(out).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_unescaped() {
        let query = Query::parse("a=1&b=x%20y+z&a=2&c&=&d=%2F").unwrap();
        assert_eq!((query.get("a"), query.get("b"), query.get("c"), query.get("d")), (Some("1"), Some("x y z"), Some(""), Some("/")));
        assert_eq!(query.all("a"), ["1", "2"]);
        assert_eq!(Query::parse("a=%zz").unwrap_err().message, "invalid URL escape \"%zz\"");
        assert!(Query::parse("a=%2").is_err() && Query::parse("a=%+1").is_err());
    }

    #[test]
    fn flags_are_dockers() {
        let query = Query::parse("a=True&b=False&c=&d=0&e=none&f=NO&g=yes").unwrap();
        let on: Vec<bool> = ["a", "b", "c", "d", "e", "f", "g", "h"].iter().map(|n| query.flag(n)).collect();
        assert_eq!(on, [true, false, false, false, false, false, true, false]);
        assert!(query.flag_or("h", true) && !query.flag_or("b", true));
    }

    #[test]
    fn filters_come_in_two_forms() {
        for form in [r#"{"label":{"a=b":true},"name":{"x":true}}"#, r#"{"label":["a=b"],"name":["x"]}"#] {
            let query = Query(vec![("filters".to_owned(), form.to_owned())]);
            let filters = query.filters().unwrap();
            assert_eq!((filters.get("label"), filters.get("name")), (&["a=b".to_owned()][..], &["x".to_owned()][..]));
        }
        for bad in ["[]", "{", r#"{"a":1}"#, r#"{"a":[1]}"#, r#"{"a":{"b":1}}"#, "x"] {
            let query = Query(vec![("filters".to_owned(), bad.to_owned())]);
            assert_eq!(query.filters().unwrap_err().kind, stead_base::Kind::Invalid, "{bad}");
        }
    }

    #[test]
    fn numbers_are_refused_in_gos_words() {
        let query = Query::parse("t=x&u=-5&v=99999999999999999999&w=").unwrap();
        assert_eq!(query.int("t").unwrap_err().message, "strconv.ParseInt: parsing \"x\": invalid syntax");
        assert_eq!(query.int("v").unwrap_err().message, "strconv.ParseInt: parsing \"99999999999999999999\": value out of range");
        assert_eq!((query.int("u"), query.int("w")), (Ok(Some(-5)), Ok(None)));
    }
}
