//! Docker's flag grammar (pflag): bundles of letters, `--name=value`, `--name value`, `--`, and its words for every mistake.

use std::fmt;

use super::quote::go;
use super::{Act, Arity, Command, Flag, Kind};

/// What was typed for one command: values in order, and the arguments.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// The words that name the command, program first (`stead container run`).
    pub(crate) path: String,
    values: Vec<(&'static str, String)>,
    /// The arguments that are not flags.
    pub(crate) args: Vec<String>,
}

/// A command line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misuse {
    /// `--help` was asked for: not a mistake, but nothing is to be run.
    Help,
    /// A flag that does not exist or has a wrong value.
    Flag(String),
    /// The wrong number of arguments, and the word Docker points to the manual with (`See` or `Run`).
    Arguments(String, &'static str),
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Help => f.write_str("help requested"),
            Self::Flag(text) | Self::Arguments(text, _) => f.write_str(text),
        }
    }
}

impl Matches {
    /// Reads `words`, which follow the command's name.
    ///
    /// # Errors
    /// [`Misuse`], in pflag's words.
    pub(crate) fn read(command: &'static Command, path: String, words: &[String]) -> Result<Self, Misuse> {
        let mut matches = Self { path, ..Self::default() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                matches.args.extend(words.by_ref().cloned());
            } else if let Some(long) = word.strip_prefix("--") {
                matches.long(command, long, &mut words)?;
            } else if let Some(letters) = word.strip_prefix('-').filter(|l| !l.is_empty()) {
                matches.letters(command, letters, &mut words)?;
            } else {
                matches.args.push(word.clone());
                if !command.interspersed {
                    matches.args.extend(words.by_ref().cloned());
                }
            }
        }
        if matches!(command.act, Act::Run(_)) {
            matches.count(command.arity)?;
        }
        Ok(matches)
    }

    fn long(&mut self, command: &Command, word: &str, rest: &mut std::slice::Iter<'_, String>) -> Result<(), Misuse> {
        if word.starts_with(['-', '=']) {
            return Err(Misuse::Flag(format!("bad flag syntax: --{word}")));
        }
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let Some(flag) = command.all_flags().find(|f| f.long == name) else {
            return Err(if name == "help" { Misuse::Help } else { Misuse::Flag(format!("unknown flag: --{name}")) });
        };
        let value = match (attached, flag.kind) {
            (Some(value), _) => value,
            (None, Kind::Bool) => "true",
            (None, Kind::Value(..)) => rest.next().ok_or_else(|| Misuse::Flag(format!("flag needs an argument: --{name}")))?,
        };
        self.set(flag, value)
    }

    fn letters(&mut self, command: &Command, letters: &str, rest: &mut std::slice::Iter<'_, String>) -> Result<(), Misuse> {
        let mut left = letters;
        while let Some(letter) = left.chars().next() {
            let after = &left[letter.len_utf8()..];
            let Some(flag) = command.all_flags().find(|f| f.short == Some(letter)) else {
                return Err(if letter == 'h' {
                    Misuse::Help
                } else {
                    Misuse::Flag(format!("unknown shorthand flag: '{letter}' in -{left}"))
                });
            };
            if let Some(value) = after.strip_prefix('=').filter(|v| !v.is_empty()) {
                return self.set(flag, value);
            }
            match flag.kind {
                Kind::Bool => {
                    self.set(flag, "true")?;
                    left = after;
                }
                Kind::Value(..) if !after.is_empty() => return self.set(flag, after),
                Kind::Value(..) => {
                    let need = || Misuse::Flag(format!("flag needs an argument: '{letter}' in -{left}"));
                    let value = rest.next().ok_or_else(need)?;
                    return self.set(flag, value);
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, flag: &Flag, value: &str) -> Result<(), Misuse> {
        let checked = match flag.kind {
            Kind::Bool => parse_bool(value)
                .map(|on| if on { "true" } else { "false" })
                .ok_or_else(|| format!("strconv.ParseBool: parsing {}: invalid syntax", go(value))),
            Kind::Value(_, check) => check(value).map(|()| value),
        };
        match checked {
            Ok(value) => {
                self.values.push((flag.long, value.to_owned()));
                Ok(())
            }
            Err(why) => Err(Misuse::Flag(bad_value(flag, value, &why))),
        }
    }

    fn count(&self, arity: Arity) -> Result<(), Misuse> {
        let (n, path) = (self.args.len(), &self.path);
        let (ok, need) = match arity {
            Arity::Any => return Ok(()),
            Arity::Exactly(0) => (n == 0, "accepts no arguments".to_owned()),
            Arity::Exactly(want) => (n == want, format!("requires {want} {}", plural(want))),
            Arity::AtLeast(want) => (n >= want, format!("requires at least {want} {}", plural(want))),
            Arity::AtMost(want) => (n <= want, format!("requires at most {want} {}", plural(want))),
            Arity::Between(low, high) => {
                ((low..=high).contains(&n), format!("requires at least {low} and at most {high} {}", plural(high)))
            }
        };
        let pointer = if matches!(arity, Arity::AtLeast(_)) { "See" } else { "Run" };
        if ok { Ok(()) } else { Err(Misuse::Arguments(format!("'{path}' {need}"), pointer)) }
    }

    /// Whether the flag `name` was given, whatever its value.
    pub(crate) fn given(&self, name: &str) -> bool {
        self.values.iter().any(|(n, _)| *n == name)
    }

    /// Whether a switch is on.
    pub(crate) fn on(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// A switch that is on unless it was turned off.
    pub(crate) fn on_by_default(&self, name: &str) -> bool {
        self.text(name) != Some("false")
    }

    /// The last value of a flag.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    /// The last value of a flag, or nothing where it was given empty.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|v| !v.is_empty())
    }

    /// All values of a flag, in order.
    pub(crate) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(move |(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    /// Everything that was given, in order: flag and value.
    pub(crate) fn everything(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.values.iter().map(|(n, v)| (*n, v.as_str()))
    }
}

/// pflag's envelope around a value that its type refuses.
pub(crate) fn bad_value(flag: &Flag, value: &str, why: &str) -> String {
    let name = match flag.short {
        Some(short) => format!("-{short}, --{}", flag.long),
        None => format!("--{}", flag.long),
    };
    format!("invalid argument {} for {} flag: {why}", go(value), go(&name))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "argument" } else { "arguments" }
}

/// Go's `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Checks a signed number of `bits` bits as Go's `strconv.ParseInt(text, 0, bits)`.
pub(crate) fn check_int(text: &str) -> Result<(), String> {
    parse_int(text).map(|_| ())
}

/// Go's `strconv.ParseInt(text, 0, 64)`: `0x`, `0o`, `0b` and leading-zero octal are understood.
pub(crate) fn parse_int(text: &str) -> Result<i64, String> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_str() {
        d if d.starts_with("0x") => (16, &lower[2..]),
        d if d.starts_with("0o") => (8, &lower[2..]),
        d if d.starts_with("0b") => (2, &lower[2..]),
        d if d.len() > 1 && d.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let fail = |why: &str| format!("strconv.ParseInt: parsing {}: {why}", go(text));
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(fail("invalid syntax"));
    }
    let magnitude = i128::from_str_radix(digits, radix).map_err(|_too_long| fail("value out of range"))?;
    i64::try_from(if negative { -magnitude } else { magnitude }).map_err(|_range| fail("value out of range"))
}

/// Checks a number in 0..65536 as Go's `strconv.ParseUint(text, 0, 16)`.
pub(crate) fn check_uint16(text: &str) -> Result<(), String> {
    let fail = |why: &str| format!("strconv.ParseUint: parsing {}: {why}", go(text));
    if text.starts_with(['-', '+']) {
        return Err(fail("invalid syntax"));
    }
    let number = parse_int(text).map_err(|e| fail(if e.ends_with("range") { "value out of range" } else { "invalid syntax" }))?;
    u16::try_from(number).map(|_| ()).map_err(|_range| fail("value out of range"))
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
