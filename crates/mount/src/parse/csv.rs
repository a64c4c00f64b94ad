//! One CSV record, read with the rules and the error texts of Go's `encoding/csv`, because `--mount` is defined by them.

/// Why a value is not one CSV record. Lines and columns count from 1, columns in bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// Nothing but empty lines.
    #[error("EOF")]
    Empty,
    /// A quote in a field that does not begin with one.
    #[error("{}bare \" in non-quoted field", place(*.start, *.line, *.column))]
    BareQuote {
        /// Line on which the record begins.
        start: usize,
        /// Line of the quote.
        line: usize,
        /// Column of the quote.
        column: usize,
    },
    /// A quoted field that does not end, or goes on after its end.
    #[error("{}extraneous or missing \" in quoted-field", place(*.start, *.line, *.column))]
    Quote {
        /// Line on which the record begins.
        start: usize,
        /// Line of the quote.
        line: usize,
        /// Column of the quote.
        column: usize,
    },
}

fn place(start: usize, line: usize, column: usize) -> String {
    if start == line {
        format!("parse error on line {line}, column {column}: ")
    } else {
        format!("record on line {start}; parse error on line {line}, column {column}: ")
    }
}

/// The lines of a value, their ends brought to `\n` and counted.
struct Lines<'a> {
    rest: &'a str,
    number: usize,
}

impl Lines<'_> {
    /// The next line with its `\n`, if it had one; empty at the end of the value.
    fn next(&mut self) -> String {
        if self.rest.is_empty() {
            return String::new();
        }
        self.number += 1;
        match self.rest.split_once('\n') {
            Some((line, rest)) => {
                self.rest = rest;
                format!("{}\n", line.strip_suffix('\r').unwrap_or(line))
            }
            None => {
                let line = std::mem::take(&mut self.rest);
                line.strip_suffix('\r').unwrap_or(line).to_owned()
            }
        }
    }
}

/// Reads the first record of `value`; what follows its line is not looked at, as Docker's client does not either.
pub(super) fn record(value: &str) -> Result<Vec<String>, CsvError> {
    let mut lines = Lines { rest: value, number: 0 };
    let mut line = lines.next();
    while line == "\n" {
        line = lines.next();
    }
    if line.is_empty() {
        return Err(CsvError::Empty);
    }
    let start = lines.number;
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let (field, more) =
            if line[at..].starts_with('"') { quoted(&mut lines, &mut line, &mut at, start)? } else { plain(&line, &mut at, start)? };
        fields.push(field);
        if !more {
            return Ok(fields);
        }
    }
}

/// A field without quotes; tells whether a comma follows.
fn plain(line: &str, at: &mut usize, start: usize) -> Result<(String, bool), CsvError> {
    let rest = &line[*at..];
    let (field, more) = match rest.find(',') {
        Some(comma) => (&rest[..comma], true),
        None => (rest.strip_suffix('\n').unwrap_or(rest), false),
    };
    if let Some(quote) = field.find('"') {
        return Err(CsvError::BareQuote { start, line: start, column: *at + quote + 1 });
    }
    *at += field.len() + usize::from(more);
    Ok((field.to_owned(), more))
}

/// A field in quotes, which may run over several lines; tells whether a comma follows.
fn quoted(lines: &mut Lines<'_>, line: &mut String, at: &mut usize, start: usize) -> Result<(String, bool), CsvError> {
    let mut field = String::new();
    let mut current = lines.number;
    *at += 1;
    loop {
        let rest = &line[*at..];
        if let Some(quote) = rest.find('"') {
            field.push_str(&rest[..quote]);
            let after = &rest[quote + 1..];
            *at += quote + 1;
            match after.as_bytes() {
                [b'"', ..] => {
                    field.push('"');
                    *at += 1;
                }
                [b',', ..] => {
                    *at += 1;
                    return Ok((field, true));
                }
                [] | [b'\n'] => return Ok((field, false)),
                _ => return Err(CsvError::Quote { start, line: current, column: *at }),
            }
        } else if rest.is_empty() {
            return Err(CsvError::Quote { start, line: current, column: *at + 1 });
        } else {
            field.push_str(rest);
            let next = lines.next();
            if next.is_empty() {
                *at = line.len();
            } else {
                current = lines.number;
                *at = 0;
                *line = next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(value: &str) -> Vec<String> {
        record(value).unwrap()
    }

    fn err(value: &str) -> String {
        record(value).unwrap_err().to_string()
    }

    #[test]
    fn fields_are_split_at_commas_and_quotes_protect_them() {
        assert_eq!(ok("a,b,c"), ["a", "b", "c"]);
        assert_eq!(ok("a,,c,"), ["a", "", "c", ""]);
        assert_eq!(ok(r#"type=volume,"volume-opt=o=addr=1.2.3.4,vers=4""#), ["type=volume", "volume-opt=o=addr=1.2.3.4,vers=4"]);
        assert_eq!(ok(r#""a""b",c"#), ["a\"b", "c"]);
        assert_eq!(ok("a,b\nc,d"), ["a", "b"]);
        assert_eq!(ok("\n\r\na\r\n"), ["a"]);
        assert_eq!(ok("\"a\nb\",c"), ["a\nb", "c"]);
        assert_eq!(ok(" a , b "), [" a ", " b "]);
        assert_eq!(ok("\"\""), [""]);
    }

    #[test]
    fn errors_name_line_and_column_as_go_does() {
        assert_eq!(err(""), "EOF");
        assert_eq!(err("\n\n"), "EOF");
        assert_eq!(err("a\"b"), "parse error on line 1, column 2: bare \" in non-quoted field");
        assert_eq!(err("x,a\"b"), "parse error on line 1, column 4: bare \" in non-quoted field");
        assert_eq!(err("\"a\"b"), "parse error on line 1, column 3: extraneous or missing \" in quoted-field");
        assert_eq!(err("\"abc"), "parse error on line 1, column 5: extraneous or missing \" in quoted-field");
        assert_eq!(err("\"a\nb"), "record on line 1; parse error on line 2, column 2: extraneous or missing \" in quoted-field");
    }
}
