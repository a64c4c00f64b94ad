//! `--schedule` and `--keep`: shorter words for two labels.

use std::collections::BTreeMap;

use stead_volume::schedule::{KEEP, Keep, SCHEDULE, Schedule};

use crate::command::{Completes, Flag, Matches, value};

/// `--schedule`.
pub(super) const SCHEDULE_FLAG: Flag =
    value("schedule", None, "when", check_schedule, "Take snapshots by itself (@hourly, @daily, @every 15m, or cron's five fields; UTC)")
        .offers(Completes::Words(&["@hourly", "@daily", "@weekly", "@monthly"]));
/// `--keep`.
pub(super) const KEEP_FLAG: Flag =
    value("keep", None, "list", check_keep, "Which of these snapshots stay, e.g. 24h,7d,4w; the last one always does");

fn check_schedule(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { Schedule::parse(text).map(drop).map_err(|why| format!("{text:?}: {why}")) }
}

fn check_keep(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { Keep::parse(text).map(drop).map_err(|why| format!("{text:?}: {why}")) }
}

/// Puts the flags' labels beside the others; answers the keys of those that an empty value takes away.
pub(super) fn labels(matches: &Matches, labels: &mut BTreeMap<String, String>) -> Vec<String> {
    let mut gone = Vec::new();
    for (flag, key) in [("schedule", SCHEDULE), ("keep", KEEP)] {
        match matches.text(flag) {
            Some("") => gone.push(key.to_owned()),
            Some(text) => drop(labels.insert(key.to_owned(), text.to_owned())),
            None => {}
        }
    }
    gone
}
