//! `--env-file` and `--label-file`: one `KEY=VALUE` a line, with Docker's rules and texts. Parsing is pure; reading is apart.

use std::collections::BTreeMap;
use std::fs;

use crate::context::variable_if_set;

/// Longest line Docker's scanner accepts.
const LINE_MAX: usize = 64 << 10;

/// Reads environment files and then `--env`; a later one of the same name wins in the container, as Docker leaves it to the kernel's order.
pub(crate) fn environment<'a>(files: impl Iterator<Item = &'a str>, words: impl Iterator<Item = &'a str>) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for file in files {
        all.extend(pairs(file, &read(file)?, variable_if_set)?);
    }
    all.extend(words.map(|word| pass_through(word, variable_if_set)));
    Ok(all)
}

/// Reads label files and then `--label`. A key without a value is an empty label.
pub(crate) fn labels<'a>(
    files: impl Iterator<Item = &'a str>,
    words: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<String, String>, String> {
    let mut all = BTreeMap::new();
    for file in files {
        let bytes = read(file)?;
        all.extend(pairs(file, &bytes, |_| Some(String::new()))?.iter().map(|l| stead_base::label::split(l)));
    }
    all.extend(words.map(stead_base::label::split));
    Ok(all)
}

fn read(file: &str) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|e| format!("open {file}: {}", cause(&e)))
}

/// The kernel's words in Go's spelling: lower case, without the number.
pub(crate) fn cause(error: &std::io::Error) -> String {
    let text = error.to_string();
    let words = text.split_once(" (os error").map_or(text.as_str(), |(w, _)| w);
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// `NAME` takes the value it has here, `NAME=…` stands; a name that is not set here stays bare and is then removed from the image's.
fn pass_through(word: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    if word.contains('=') {
        return word.to_owned();
    }
    lookup(word).map_or_else(|| word.to_owned(), |value| format!("{word}={value}"))
}

/// The lines of a file that say something.
fn pairs(file: &str, bytes: &[u8], lookup: impl Fn(&str) -> Option<String>) -> Result<Vec<String>, String> {
    let refused = |why: String| format!("invalid env file ({file}): {why}");
    let mut out = Vec::new();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for (number, raw) in bytes.split(|b| *b == b'\n').enumerate() {
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        if raw.len() > LINE_MAX {
            return Err(refused("bufio.Scanner: token too long".to_owned()));
        }
        let Ok(text) = std::str::from_utf8(raw) else {
            return Err(refused(format!("invalid utf8 bytes at line {}: {}", number + 1, go_bytes(raw))));
        };
        let line = text.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, has_value) = line.split_once('=').map_or((line, false), |(k, _)| (k, true));
        if key.is_empty() {
            return Err(refused(format!("no variable name on line '{line}'")));
        }
        if key.contains([' ', '\t']) {
            return Err(refused(format!("variable '{key}' contains whitespaces")));
        }
        if has_value {
            out.push(line.to_owned());
        } else if let Some(value) = lookup(key) {
            out.push(format!("{key}={value}"));
        }
    }
    Ok(out)
}

fn go_bytes(bytes: &[u8]) -> String {
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    format!("[{}]", numbers.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_pairs(text: &[u8]) -> Result<Vec<String>, String> {
        pairs("f", text, |name| (name == "HOME").then(|| "/root".to_owned()))
    }

    #[test]
    fn lines_are_read_as_docker_reads_them() {
        let file = b"\xef\xbb\xbfA=1\n  # note\n\n  B= two words  \nHOME\nNOPE\r\nC=x=y\r\nD=\"q\"\n";
        assert_eq!(read_pairs(file).unwrap(), ["A=1", "B= two words  ", "HOME=/root", "C=x=y", "D=\"q\""]);
    }

    #[test]
    fn mistakes_name_the_file_and_the_line() {
        assert_eq!(read_pairs(b"a b=c\n"), Err("invalid env file (f): variable 'a b' contains whitespaces".to_owned()));
        assert_eq!(read_pairs(b"=c\n"), Err("invalid env file (f): no variable name on line '=c'".to_owned()));
        assert_eq!(read_pairs(b"A=1\n\xff\n"), Err("invalid env file (f): invalid utf8 bytes at line 2: [255]".to_owned()));
        let gone = environment(["/nonexistent/file"].into_iter(), [].into_iter());
        assert_eq!(gone, Err("open /nonexistent/file: no such file or directory".to_owned()));
    }

    #[test]
    fn bare_names_take_this_processs_value() {
        let lookup = |name: &str| (name == "SET").then(String::new);
        assert_eq!(pass_through("SET", lookup), "SET=");
        assert_eq!(pass_through("UNSET", lookup), "UNSET");
        assert_eq!(pass_through("A=b", lookup), "A=b");
    }

    #[test]
    fn labels_without_value_are_empty() {
        let labels = labels([].into_iter(), ["a=1", "b", "a=2"].into_iter()).unwrap();
        assert_eq!(labels, BTreeMap::from([("a".to_owned(), "2".to_owned()), ("b".to_owned(), String::new())]));
    }
}
