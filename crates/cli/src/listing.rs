//! What all lists share: the flags `--format`, `--filter`, `--quiet` and how times are said.

use stead_base::filter::Filters;
use stead_base::time::{Time, human_duration, parse_moment};

use crate::command::{Flag, Matches, text, value};
use crate::failure::Failure;

/// `--format` of lists.
pub(crate) const FORMAT_LIST: Flag = text(
    "format",
    None,
    "Format output using a custom template:\n'table':            Print output in table format with column headers (default)\n'table TEMPLATE':   \
     Print output in table format using the given Go template\n'json':             Print in JSON format\n'TEMPLATE':         Print output \
     using the given Go template",
);

/// `--format` of `inspect` and its like.
pub(crate) const FORMAT_ONE: Flag = text(
    "format",
    Some('f'),
    "Format output using a custom template:\n'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template",
);

/// `--filter` with its letter.
pub(crate) const FILTER: Flag = value("filter", Some('f'), "filter", check_filter, "Filter output based on conditions provided");

/// `--filter` without a letter, because `-f` is `--force` there.
pub(crate) const FILTER_LONG: Flag = value("filter", None, "filter", check_filter, "Provide filter values (e.g. \"label=<label>\")");

/// A filter has a name and a value.
pub(crate) fn check_filter(text: &str) -> Result<(), String> {
    if text.is_empty() || text.contains('=') {
        Ok(())
    } else {
        Err("invalid filter: bad format of filter (expected name=value)".to_owned())
    }
}

/// The filters that were given.
///
/// # Errors
/// A word without `=`.
pub(crate) fn filters(matches: &Matches) -> Result<Filters, Failure> {
    let words: Vec<&str> = matches.list("filter").filter(|w| !w.is_empty()).collect();
    Ok(Filters::from_words(&words)?)
}

/// The moment a flag names; `None` when it was not given.
///
/// # Errors
/// Neither a time nor a duration.
pub(crate) fn moment(matches: &Matches, flag: &str) -> Result<Option<Time>, Failure> {
    let Some(text) = matches.filled(flag) else { return Ok(None) };
    let bad = || {
        let shown = crate::command::quote::go(text);
        Failure::error(format_args!("invalid value for \"{flag}\": failed to parse value as time or duration: {shown}"))
    };
    parse_moment(text, Time::now()).map(Some).ok_or_else(bad)
}

/// `3 days ago`.
pub(crate) fn ago(then: Time) -> String {
    format!("{} ago", human_duration(Time::now().since(then)))
}

/// Labels as tables show them: `a=1,b=2`.
pub(crate) fn labels(labels: &std::collections::BTreeMap<String, String>) -> String {
    let words: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    words.join(",")
}
