//! Tables for the flag grammar; expected texts were printed by the docker CLI 28.2.2.

use super::*;
use crate::command::{list, switch, text, value};

const SAMPLE: Command = Command {
    name: "sample",
    usage: "[OPTIONS] IMAGE [COMMAND]",
    flags: &[&[
        switch("interactive", Some('i'), "x"),
        switch("tty", Some('t'), "x"),
        switch("rm", None, "x"),
        list("env", Some('e'), "x"),
        text("name", None, "x"),
        value("last", Some('n'), "int", check_int, "x"),
    ]],
    arity: Arity::AtLeast(1),
    interspersed: false,
    act: Act::Run(|_, _| Ok(0)),
    ..Command::NEW
};
static SAMPLE_AT: Command = SAMPLE;
static MIXED: Command = Command { interspersed: true, arity: Arity::Any, ..SAMPLE };

fn read(command: &'static Command, line: &[&str]) -> Result<Matches, Misuse> {
    let words: Vec<String> = line.iter().map(|w| (*w).to_owned()).collect();
    Matches::read(command, "stead sample".to_owned(), &words)
}

fn refused(line: &[&str]) -> String {
    read(&SAMPLE_AT, line).unwrap_err().to_string()
}

#[test]
fn letters_bundle_and_take_values_attached_or_next() {
    let m = read(&SAMPLE_AT, &["-ite", "A=1", "-eB=2", "-e=C", "img", "-x", "--rm"]).unwrap();
    assert!(m.on("interactive") && m.on("tty") && !m.on("rm"));
    assert_eq!(m.list("env").collect::<Vec<_>>(), ["A=1", "B=2", "C"]);
    assert_eq!(m.args, ["img", "-x", "--rm"], "options stop at IMAGE");
}

#[test]
fn long_flags_take_values_and_switches_take_false() {
    let m = read(&SAMPLE_AT, &["--name", "a", "--name=b", "--rm=false", "--env=", "img"]).unwrap();
    assert_eq!(m.text("name"), Some("b"), "the last one wins");
    assert!(m.given("rm") && !m.on("rm"));
    assert_eq!(m.filled("env"), None);
    assert_eq!(m.text("env"), Some(""));
}

#[test]
fn a_double_dash_ends_the_flags_and_a_single_one_is_an_argument() {
    assert_eq!(read(&SAMPLE_AT, &["--", "--rm", "x"]).unwrap().args, ["--rm", "x"]);
    assert_eq!(read(&MIXED, &["-", "--rm", "x", "-t"]).unwrap().args, ["-", "x"]);
    assert_eq!(read(&MIXED, &["a", "--", "-t"]).unwrap().args, ["a", "-t"]);
}

#[test]
fn mistakes_have_dockers_words() {
    for (line, want) in [
        (&["--bogus", "x"][..], "unknown flag: --bogus"),
        (&["--bogus=1", "x"], "unknown flag: --bogus"),
        (&["-itQ", "x"], "unknown shorthand flag: 'Q' in -Q"),
        (&["-Qit", "x"], "unknown shorthand flag: 'Q' in -Qit"),
        (&["-e"], "flag needs an argument: 'e' in -e"),
        (&["-ite"], "flag needs an argument: 'e' in -e"),
        (&["--name"], "flag needs an argument: --name"),
        (&["--=x"], "bad flag syntax: --=x"),
        (&["---x"], "bad flag syntax: ---x"),
        (&["--rm=maybe", "x"], "invalid argument \"maybe\" for \"--rm\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax"),
        (&["-n", "x", "x"], "invalid argument \"x\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"x\": invalid syntax"),
        (&[], "'stead sample' requires at least 1 argument"),
    ] {
        assert_eq!(refused(line), want, "{line:?}");
    }
    assert_eq!(read(&SAMPLE_AT, &["--help"]).unwrap_err(), Misuse::Help);
    assert_eq!(read(&SAMPLE_AT, &["img", "--help"]).unwrap().args, ["img", "--help"]);
}

#[test]
fn numbers_are_read_as_go_reads_them() {
    for (text, want) in [("10", 10), ("-1", -1), ("0x10", 16), ("010", 8), ("+5", 5), ("0", 0), ("0b11", 3)] {
        assert_eq!(parse_int(text), Ok(want), "{text}");
    }
    for bad in ["", "1.5", "x", "0x", "1 "] {
        assert_eq!(parse_int(bad), Err(format!("strconv.ParseInt: parsing \"{bad}\": invalid syntax")));
    }
    assert!(parse_int("9223372036854775808").unwrap_err().ends_with("value out of range"));
    assert!(check_uint16("65536").is_err() && check_uint16("-1").is_err() && check_uint16("65535").is_ok());
}
