//! `--format`: Docker's templates, tables and JSON.
//!
//! The engine is our own, some 900 lines, because the only crate for Go templates (gtmpl 0.7) has had no release since 2021 and knows
//! nothing of what makes Docker's output Docker's: typed nils, `<no value>`, `.Label`, headers, and the texts of errors.

mod eval;
pub(crate) mod functions;
pub(crate) mod inspect;
mod parse;
mod print;
pub(crate) mod rows;
mod scan;
pub(crate) mod table;

pub(crate) use eval::{Absent, Rules};

use serde_json::Value;

/// A template that was read and can be run on many values.
#[derive(Debug)]
pub(crate) struct Template {
    text: String,
    nodes: Vec<parse::Node>,
}

/// Why a template cannot be read or run, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template parsing error: {0}")]
pub(crate) struct Error(String);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Go's text behind Docker's `template parsing error: `.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self { text: text.to_owned(), nodes: parse::parse(text).map_err(Error)? })
    }

    /// Runs it on `data`.
    ///
    /// # Errors
    /// Go's text behind Docker's `template parsing error: `.
    pub(crate) fn run(&self, data: &Value, rules: Rules<'_>) -> Result<String, Error> {
        eval::run(&self.text, &self.nodes, data, rules).map_err(Error)
    }
}

#[cfg(test)]
mod tests;
