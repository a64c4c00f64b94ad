//! `--health-*`: how a container is asked for its health.

use stead_base::time::parse_go_duration;
use stead_engine::container::config::Healthcheck;

use crate::command::Matches;
use crate::command::parse::parse_int;
use crate::command::quote::go;

/// Go's check of a duration.
pub(super) fn check_duration(text: &str) -> Result<(), String> {
    nanos(text).map(drop)
}

fn nanos(text: &str) -> Result<i64, String> {
    let parsed = parse_go_duration(text).and_then(|nanos| i64::try_from(nanos).ok());
    parsed.ok_or_else(|| {
        let digits = text.trim_start_matches(['-', '+']);
        let bare = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if bare { format!("time: missing unit in duration {}", go(text)) } else { format!("time: invalid duration {}", go(text)) }
    })
}

/// `None` where nothing is said: then the image decides.
///
/// # Errors
/// Docker's words for what contradicts itself or is negative.
pub(super) fn resolve(matches: &Matches) -> Result<Option<Healthcheck>, String> {
    let time = |name: &str| matches.filled(name).map_or(Ok(0), nanos);
    let command = matches.filled("health-cmd");
    let asked = Healthcheck {
        test: command.map(|line| vec!["CMD-SHELL".to_owned(), line.to_owned()]).unwrap_or_default(),
        interval: time("health-interval")?,
        timeout: time("health-timeout")?,
        start_period: time("health-start-period")?,
        start_interval: time("health-start-interval")?,
        retries: matches.filled("health-retries").map_or(Ok(0), parse_int)?,
    };
    let something = asked != Healthcheck::default();
    if matches.on("no-healthcheck") {
        if something {
            return Err("--no-healthcheck conflicts with --health-* options".to_owned());
        }
        return Ok(Some(Healthcheck { test: vec!["NONE".to_owned()], ..Healthcheck::default() }));
    }
    for (name, number) in [
        ("interval", asked.interval),
        ("timeout", asked.timeout),
        ("retries", asked.retries),
        ("start-period", asked.start_period),
        ("start-interval", asked.start_interval),
    ] {
        if number < 0 {
            return Err(format!("--health-{name} cannot be negative"));
        }
    }
    Ok(something.then_some(asked))
}
