//! The words of a schedule, and the moments they name.

use stead_base::time::{Time, parse_age};

const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const MINUTES_A_DAY: i64 = 24 * 60;
/// Far enough for the rarest day there is, the 29th of February around a year like 1900 or 2100.
const DAYS_AHEAD: i64 = 8 * 366 + 1;

/// When something happens again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// At multiples of so many nanoseconds since the epoch.
    Every(i128),
    /// At minutes whose fields fit.
    Cron(Fields),
}

/// The five fields of cron(5), a bit for each value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// cron's rule: where both days are restricted, either one is enough.
    either_day: bool,
}

impl Schedule {
    /// Reads `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`, `@every DURATION` or five fields.
    ///
    /// # Errors
    /// What is wrong, in a clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let fields = match text {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            _ => match text.strip_prefix("@every ") {
                Some(age) => {
                    let nanos = parse_age(age.trim()).filter(|nanos| *nanos >= SECOND);
                    return nanos.map(Self::Every).ok_or_else(|| "@every takes a duration of at least 1s, such as 15m or 12h".to_owned());
                }
                None => text,
            },
        };
        let parts: Vec<&str> = fields.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = parts[..] else {
            return Err("it is @hourly, @daily, @weekly, @monthly, @yearly, @every 15m, or five fields as in crontab(5)".to_owned());
        };
        let mut weekdays = field(weekday, 0, 7, &WEEKDAYS)?;
        // 7 is Sunday too.
        weekdays |= weekdays >> 7 & 1;
        let fields = Fields {
            minutes: field(minute, 0, 59, &[])?,
            hours: field(hour, 0, 23, &[])?,
            days: field(day, 1, 31, &[])?,
            months: field(month, 1, 12, &MONTHS)?,
            weekdays,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        let schedule = Self::Cron(fields);
        if schedule.next(Time::from_nanos(0)).is_none() {
            return Err("there is no such day".to_owned());
        }
        Ok(schedule)
    }

    /// The latest moment of the schedule that is not after `now`.
    #[must_use]
    pub fn latest(&self, now: Time) -> Option<Time> {
        match self {
            Self::Every(nanos) => Some(Time::from_nanos(now.nanos().div_euclid(*nanos) * nanos)),
            Self::Cron(fields) => {
                let (day, minute) = split(now.nanos().div_euclid(MINUTE));
                (0..DAYS_AHEAD).find_map(|back| {
                    let last = if back == 0 { minute } else { MINUTES_A_DAY - 1 };
                    let here = day - back;
                    fields.fits_day(here).then(|| (0..=last).rev().find(|at| fields.fits_minute(*at))).flatten().map(|at| moment(here, at))
                })
            }
        }
    }

    /// The first moment of the schedule after `now`.
    #[must_use]
    pub fn next(&self, now: Time) -> Option<Time> {
        match self {
            Self::Every(nanos) => Some(Time::from_nanos((now.nanos().div_euclid(*nanos) + 1) * nanos)),
            Self::Cron(fields) => {
                let (day, minute) = split(now.nanos().div_euclid(MINUTE) + 1);
                (0..DAYS_AHEAD).find_map(|ahead| {
                    let first = if ahead == 0 { minute } else { 0 };
                    let here = day + ahead;
                    fields
                        .fits_day(here)
                        .then(|| (first..MINUTES_A_DAY).find(|at| fields.fits_minute(*at)))
                        .flatten()
                        .map(|at| moment(here, at))
                })
            }
        }
    }
}

impl Fields {
    fn fits_minute(&self, of_day: i64) -> bool {
        has(self.hours, of_day / 60) && has(self.minutes, of_day % 60)
    }

    fn fits_day(&self, day: i64) -> bool {
        let (month, of_month) = civil(day);
        // The epoch was a Thursday.
        let weekday = has(self.weekdays, (day + 4).rem_euclid(7));
        let date = has(self.days, of_month);
        has(self.months, month) && if self.either_day { weekday || date } else { weekday && date }
    }
}

const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS: [&str; 13] = ["", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// `*`, `5`, `1-5`, `*/15`, `10-40/10`, `mon,wed`.
fn field(text: &str, least: u32, most: u32, words: &[&str]) -> Result<u64, String> {
    let bad = || format!("{text:?} is not a field of values from {least} to {most}");
    let value = |word: &str| -> Result<u32, String> {
        let named = words.iter().position(|name| !name.is_empty() && name.eq_ignore_ascii_case(word));
        let number = named
            .and_then(|at| u32::try_from(at).ok())
            .or_else(|| word.bytes().all(|b| b.is_ascii_digit()).then(|| word.parse().ok()).flatten());
        number.filter(|n| (least..=most).contains(n)).ok_or_else(bad)
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|n| *n > 0).ok_or_else(bad)?)),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (value(from)?, value(to)?),
            // `5/10` is "from 5 on, every 10".
            None => (value(range)?, if step.is_some() { most } else { value(range)? }),
        };
        if from > to {
            return Err(bad());
        }
        (from..=to).step_by(usize::try_from(step.unwrap_or(1)).unwrap_or(1)).for_each(|n| bits |= 1 << n);
    }
    Ok(bits)
}

fn has(bits: u64, value: i64) -> bool {
    u32::try_from(value).is_ok_and(|n| n < 64 && bits >> n & 1 == 1)
}

/// Minutes since the epoch as a day and a minute of it.
fn split(minutes: i128) -> (i64, i64) {
    let minutes = i64::try_from(minutes).unwrap_or(0);
    (minutes.div_euclid(MINUTES_A_DAY), minutes.rem_euclid(MINUTES_A_DAY))
}

fn moment(day: i64, minute: i64) -> Time {
    Time::from_nanos(i128::from(day * MINUTES_A_DAY + minute) * MINUTE)
}

/// Month (1 to 12) and day (1 to 31) of a day since the epoch, by the proleptic Gregorian calendar (Howard Hinnant, `civil_from_days`).
fn civil(day: i64) -> (i64, i64) {
    let shifted = day + 719_468;
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    (if month < 10 { month + 3 } else { month - 9 }, of_year - (153 * month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        Time::parse(text).unwrap()
    }

    #[test]
    fn moments_are_found_before_and_after() {
        let now = time("2026-03-04T05:06:07Z");
        for (words, latest, next) in [
            ("@hourly", "2026-03-04T05:00:00Z", "2026-03-04T06:00:00Z"),
            ("@daily", "2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z"),
            ("@weekly", "2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z"),
            ("@monthly", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            ("@yearly", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("*/15 * * * *", "2026-03-04T05:00:00Z", "2026-03-04T05:15:00Z"),
            ("30 2 * * mon-fri", "2026-03-04T02:30:00Z", "2026-03-05T02:30:00Z"),
            ("0 12 29 feb *", "2024-02-29T12:00:00Z", "2028-02-29T12:00:00Z"),
            ("0 0 13 * 5", "2026-02-27T00:00:00Z", "2026-03-06T00:00:00Z"),
            ("6 5 * * *", "2026-03-04T05:06:00Z", "2026-03-05T05:06:00Z"),
            ("0 0 * * 7", "2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z"),
            ("@every 2h", "2026-03-04T04:00:00Z", "2026-03-04T06:00:00Z"),
        ] {
            let schedule = Schedule::parse(words).unwrap();
            assert_eq!(schedule.latest(now), Some(time(latest)), "{words}");
            assert_eq!(schedule.next(now), Some(time(next)), "{words}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for bad in [
            "",
            "hourly",
            "@hourly x",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * 32 * *",
            "* * * 13 * ",
            "* * * * 8",
            "*/0 * * * *",
            "5-1 * * * *",
            "+5 * * * *",
            "a * * * *",
            "1,, * * * *",
            "0 0 30 2 *",
            "@every 0s",
            "@every 10ms",
            "@every soon",
        ] {
            assert!(Schedule::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(civil(0), (1, 1));
        assert_eq!(civil(time("2000-02-29T00:00:00Z").seconds() / 86_400), (2, 29));
        assert_eq!(civil(time("2100-03-01T00:00:00Z").seconds() / 86_400), (3, 1));
        assert_eq!(civil(-1), (12, 31));
    }
}
