//! Commands as data: what a command is called, what it takes and what its manual says.
//!
//! Everything here is `const`, so that starting the program costs nothing: no tree is built before the one command that was
//! asked for is parsed. The grammar of flags is that of Docker's parser (pflag), texts included: [`parse`]. The manual is [`help`].

pub(crate) mod help;
pub(crate) mod parse;
pub(crate) mod quote;
pub(crate) mod tree;

pub(crate) use parse::{Matches, Misuse};

use crate::context::Context;
use crate::failure::Failure;

/// What a command answers: the process' exit status, or why it failed.
pub(crate) type Outcome = Result<u8, Failure>;

/// One command, or a group of commands.
#[derive(Debug)]
pub(crate) struct Command {
    /// The word people type.
    pub(crate) name: &'static str,
    /// Other words for the same command, at the same place in the tree (`ls`: `list`, `ps`).
    pub(crate) aliases: &'static [&'static str],
    /// What follows the name in the usage line, e.g. `[OPTIONS] IMAGE [COMMAND] [ARG...]`.
    pub(crate) usage: &'static str,
    /// One line, shown in lists of commands.
    pub(crate) about: &'static str,
    /// The manual's prose, below the first line.
    pub(crate) long: &'static str,
    /// Examples: what it does, and the command line.
    pub(crate) examples: &'static [(&'static str, &'static str)],
    /// All the ways to call it, for the manual (`stead container run, stead run`).
    pub(crate) also: &'static [&'static str],
    /// Flags, in groups that commands share.
    pub(crate) flags: &'static [&'static [Flag]],
    /// How many arguments are legal.
    pub(crate) arity: Arity,
    /// Whether flags may follow the first argument. Not where the rest belongs to somebody else (`run`, `exec`).
    pub(crate) interspersed: bool,
    /// What the words after it name, for completion.
    pub(crate) completes: Completes,
    /// What it does; a group only shows its manual.
    pub(crate) act: Act,
}

/// What a command does.
#[derive(Debug)]
pub(crate) enum Act {
    /// Runs.
    Run(fn(&Context, &Matches) -> Outcome),
    /// Holds other commands.
    Group(&'static [&'static Command]),
}

/// How many arguments a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arity {
    /// Any number.
    Any,
    /// Exactly this many.
    Exactly(usize),
    /// This many or more.
    AtLeast(usize),
    /// This many or fewer.
    AtMost(usize),
    /// Between the two, both included.
    Between(usize, usize),
}

/// What an argument or a flag's value names, so that the shell can offer it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Completes {
    /// Nothing that can be listed.
    Nothing,
    /// Containers, all of them.
    Containers,
    /// Containers that run.
    Running,
    /// Images.
    Images,
    /// Volumes.
    Volumes,
    /// Removed volumes that can be had back.
    Trashed,
    /// Networks.
    Networks,
    /// Containers, images and volumes.
    Objects,
    /// Files, left to the shell.
    Files,
    /// One of these words.
    Words(&'static [&'static str]),
}

/// One flag.
#[derive(Debug)]
pub(crate) struct Flag {
    /// The long name, without dashes.
    pub(crate) long: &'static str,
    /// The letter, without dash.
    pub(crate) short: Option<char>,
    /// What kind of value it takes; the manual prints its name.
    pub(crate) kind: Kind,
    /// What it does. A word in backquotes replaces the kind's name in the manual.
    pub(crate) help: &'static str,
    /// The default, as the manual prints it; empty for none.
    pub(crate) default: &'static str,
    /// Whether the manual leaves it out.
    pub(crate) hidden: bool,
    /// What its values name.
    pub(crate) completes: Completes,
}

/// What a flag's value is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// `--x`, `--x=true`, `--x=false`.
    Bool,
    /// A value named so in the manual, checked by the function when it is read.
    Value(&'static str, fn(&str) -> Result<(), String>),
}

/// A flag that is on or off.
pub(crate) const fn switch(long: &'static str, short: Option<char>, help: &'static str) -> Flag {
    Flag { long, short, kind: Kind::Bool, help, default: "", hidden: false, completes: Completes::Nothing }
}

/// A flag that takes any text.
pub(crate) const fn text(long: &'static str, short: Option<char>, help: &'static str) -> Flag {
    value(long, short, "string", any, help)
}

/// A flag that may be given many times.
pub(crate) const fn list(long: &'static str, short: Option<char>, help: &'static str) -> Flag {
    value(long, short, "list", any, help)
}

/// A flag whose value is checked.
pub(crate) const fn value(
    long: &'static str,
    short: Option<char>,
    kind: &'static str,
    check: fn(&str) -> Result<(), String>,
    help: &'static str,
) -> Flag {
    Flag { long, short, kind: Kind::Value(kind, check), help, default: "", hidden: false, completes: Completes::Nothing }
}

impl Flag {
    /// The same, with a default that the manual names.
    pub(crate) const fn or(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    /// The same, left out of the manual.
    pub(crate) const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// The same, with what its values name.
    pub(crate) const fn offers(mut self, what: Completes) -> Self {
        self.completes = what;
        self
    }
}

/// Accepts everything.
pub(crate) fn any(_value: &str) -> Result<(), String> {
    Ok(())
}

impl Command {
    /// A command with nothing but a name; the rest is filled in with struct update.
    pub(crate) const NEW: Self = Self {
        name: "",
        aliases: &[],
        usage: "",
        about: "",
        long: "",
        examples: &[],
        also: &[],
        flags: &[],
        arity: Arity::Any,
        interspersed: true,
        completes: Completes::Nothing,
        act: Act::Group(&[]),
    };

    /// All flags, group after group.
    pub(crate) fn all_flags(&self) -> impl Iterator<Item = &'static Flag> {
        self.flags.iter().flat_map(|group| group.iter())
    }

    /// The child called `word`.
    pub(crate) fn child(&self, word: &str) -> Option<&'static Self> {
        match self.act {
            Act::Group(children) => children.iter().find(|c| c.name == word || c.aliases.contains(&word)).copied(),
            Act::Run(_) => None,
        }
    }
}
