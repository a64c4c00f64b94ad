//! Health checks: what may be asked, what the image adds, what the monitor is told.

use std::time::Duration;

use stead_image::Healthcheck;
use stead_monitor::HealthCheck;

use super::record::Container;
use crate::{Failure, Result};

/// Docker's shortest time.
const MILLISECOND: i64 = 1_000_000;
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const START_INTERVAL: Duration = Duration::from_secs(5);
const RETRIES: u32 = 3;

/// Refuses, in Docker's words, times below a millisecond and negative retries.
///
/// # Errors
/// The first that cannot be.
pub(super) fn check(asked: Option<&Healthcheck>) -> Result<()> {
    let Some(asked) = asked else { return Ok(()) };
    let short = |name: &str, nanos: i64| {
        if nanos != 0 && nanos < MILLISECOND {
            return Err(Failure::invalid(format!("{name} in Healthcheck cannot be less than 1ms")));
        }
        Ok(())
    };
    short("Interval", asked.interval)?;
    short("Timeout", asked.timeout)?;
    if asked.retries < 0 {
        return Err(Failure::invalid("Retries in Healthcheck cannot be negative"));
    }
    short("StartPeriod", asked.start_period)?;
    short("StartInterval", asked.start_interval)
}

/// Fills in from the image what the user did not say.
pub(super) fn merge(ours: &mut Option<Healthcheck>, image: Option<&Healthcheck>) {
    let Some(image) = image else { return };
    let Some(ours) = ours else {
        *ours = Some(image.clone());
        return;
    };
    if ours.test.is_empty() {
        ours.test.clone_from(&image.test);
    }
    for (own, theirs) in [
        (&mut ours.interval, image.interval),
        (&mut ours.timeout, image.timeout),
        (&mut ours.start_period, image.start_period),
        (&mut ours.start_interval, image.start_interval),
        (&mut ours.retries, image.retries),
    ] {
        if *own == 0 {
            *own = theirs;
        }
    }
}

/// What the monitor asks; `None` where there is nothing to ask, or a kind of test that Docker does not know either.
pub(super) fn of(container: &Container) -> Option<HealthCheck> {
    let asked = container.config.healthcheck.as_ref()?;
    let (kind, rest) = asked.test.split_first()?;
    let shell = match (kind.as_str(), &container.config.shell) {
        ("CMD", _) => Vec::new(),
        ("CMD-SHELL", Some(shell)) if !shell.is_empty() => shell.clone(),
        ("CMD-SHELL", _) => vec!["/bin/sh".to_owned(), "-c".to_owned()],
        _ => return None,
    };
    let or = |nanos: i64, default: Duration| match u64::try_from(nanos) {
        Ok(nanos) if nanos > 0 => Duration::from_nanos(nanos),
        _ => default,
    };
    Some(HealthCheck {
        args: shell.into_iter().chain(rest.iter().cloned()).collect(),
        interval: or(asked.interval, INTERVAL),
        timeout: or(asked.timeout, TIMEOUT),
        start_period: or(asked.start_period, Duration::ZERO),
        start_interval: or(asked.start_interval, START_INTERVAL),
        retries: u32::try_from(asked.retries).ok().filter(|retries| *retries > 0).unwrap_or(RETRIES),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn times_are_checked_in_dockers_words() {
        let refused = |asked: Healthcheck| check(Some(&asked)).unwrap_err().message;
        assert_eq!(refused(Healthcheck { interval: 999_999, ..Healthcheck::default() }), "Interval in Healthcheck cannot be less than 1ms");
        assert_eq!(refused(Healthcheck { timeout: -5, ..Healthcheck::default() }), "Timeout in Healthcheck cannot be less than 1ms");
        assert_eq!(
            refused(Healthcheck { start_period: 1, ..Healthcheck::default() }),
            "StartPeriod in Healthcheck cannot be less than 1ms"
        );
        assert_eq!(
            refused(Healthcheck { start_interval: 1, ..Healthcheck::default() }),
            "StartInterval in Healthcheck cannot be less than 1ms"
        );
        assert_eq!(refused(Healthcheck { retries: -1, ..Healthcheck::default() }), "Retries in Healthcheck cannot be negative");
        assert!(check(None).is_ok() && check(Some(&Healthcheck { interval: MILLISECOND, ..Healthcheck::default() })).is_ok());
    }

    #[test]
    fn the_image_says_what_the_user_does_not() {
        let image = Healthcheck { test: words(&["CMD", "a"]), interval: 7, retries: 2, ..Healthcheck::default() };
        let mut ours = Some(Healthcheck { interval: 9, ..Healthcheck::default() });
        merge(&mut ours, Some(&image));
        assert_eq!(ours, Some(Healthcheck { interval: 9, ..image.clone() }));
        let mut none = Some(Healthcheck { test: words(&["NONE"]), ..Healthcheck::default() });
        merge(&mut none, Some(&image));
        assert_eq!(none.unwrap().test, ["NONE"]);
        let mut absent = None;
        merge(&mut absent, Some(&image));
        assert_eq!(absent, Some(image));
    }
}
