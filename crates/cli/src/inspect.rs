//! What every `inspect` does: find each object, show those that are there, then say which are not.

use serde_json::Value;
use stead_engine::Engine;

use crate::command::{Matches, Outcome};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::inspect::{EXIT_TEMPLATE, View};
use crate::output;

/// Shows the objects named by the arguments, found with `find`.
///
/// # Errors
/// Status 64 for a template that cannot be read; 1 when an object is missing, after the others are shown.
pub(crate) fn show(context: &Context, matches: &Matches, find: impl Fn(&Engine, &str) -> Result<Value, Failure>) -> Outcome {
    show_each(context, matches, &matches.args, find)
}

/// The same for names that the arguments only stand for.
///
/// # Errors
/// As [`show`].
pub(crate) fn show_each(
    context: &Context,
    matches: &Matches,
    names: &[String],
    find: impl Fn(&Engine, &str) -> Result<Value, Failure>,
) -> Outcome {
    let view = View::read(matches.text("format")).map_err(|e| Failure::plain(EXIT_TEMPLATE, e.to_string()))?;
    let engine = context.engine()?;
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for name in names {
        match find(&engine, name) {
            Ok(object) => found.push(object),
            Err(failure) => missing.push(failure.render()),
        }
    }
    // Docker prints the brackets even around nothing, and a template's lines before the errors. A template that fails on one
    // object prints nothing.
    output::text(&view.render(&found)?)?;
    if missing.is_empty() { Ok(0) } else { Err(Failure::plain(1, missing.join("\n"))) }
}
