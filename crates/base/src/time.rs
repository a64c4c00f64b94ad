//! Times: nanoseconds since the epoch inside, RFC 3339 on disk and in answers, words for people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A moment in UTC, written as RFC 3339 with nanoseconds (`2026-01-02T03:04:05.000000006Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(Timestamp);

impl Time {
    /// The present moment. Base does no other I/O than this vDSO call.
    #[must_use]
    pub fn now() -> Self {
        Self(Timestamp::now())
    }

    /// From nanoseconds since the epoch; out of range gives the epoch.
    #[must_use]
    pub fn from_nanos(nanos: i128) -> Self {
        Self(Timestamp::from_nanosecond(nanos).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub fn nanos(self) -> i128 {
        self.0.as_nanosecond()
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.as_second()
    }

    /// RFC 3339 with nanoseconds, trailing zeros dropped as Go's `RFC3339Nano` does.
    #[must_use]
    pub fn rfc3339_nano(self) -> String {
        self.0.to_string()
    }

    /// RFC 3339 with whole seconds (a volume's `CreatedAt`).
    #[must_use]
    pub fn rfc3339(self) -> String {
        Timestamp::from_second(self.0.as_second()).unwrap_or(self.0).to_string()
    }

    /// Reads RFC 3339.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// `2026-01-02 03:04:05 +0000 UTC`, the form of `{{.CreatedAt}}` in tables.
    #[must_use]
    pub fn table(self) -> String {
        self.0.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
    }

    /// Nanoseconds from `earlier` to this moment; negative when it lies after.
    #[must_use]
    pub fn since(self, earlier: Self) -> i128 {
        self.nanos() - earlier.nanos()
    }
}

/// The zero time that Docker prints for "never" (`FinishedAt` of a container that has not run).
pub const ZERO: &str = "0001-01-01T00:00:00Z";

const SECOND: i128 = 1_000_000_000;

/// go-units `HumanDuration`: `Less than a second`, `About a minute`, `3 weeks`.
#[must_use]
pub fn human_duration(nanos: i128) -> String {
    let seconds = nanos / SECOND;
    let minutes = seconds / 60;
    let hours = (seconds + 1800) / 3600;
    match (seconds, minutes, hours) {
        (s, _, _) if s < 1 => "Less than a second".to_owned(),
        (1, _, _) => "1 second".to_owned(),
        (s, _, _) if s < 60 => format!("{s} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, m, _) if m < 60 => format!("{m} minutes"),
        (_, _, 1) => "About an hour".to_owned(),
        (_, _, h) if h < 48 => format!("{h} hours"),
        (_, _, h) if h < 24 * 7 * 2 => format!("{} days", h / 24),
        (_, _, h) if h < 24 * 30 * 2 => format!("{} weeks", h / 24 / 7),
        (_, _, h) if h < 24 * 365 * 2 => format!("{} months", h / 24 / 30),
        (_, _, h) => format!("{} years", h / 24 / 365),
    }
}

/// Reads a Go duration (`1h30m`, `500ms`, `1.5s`) in nanoseconds.
#[must_use]
pub fn parse_go_duration(text: &str) -> Option<i128> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let unit_len = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit_len);
        total += number
            * match unit {
                "ns" => 1.0,
                "us" | "µs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return None,
            };
        rest = next;
    }
    if total > 9.2e18 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
    let nanos = total as i128;
    Some(if negative { -nanos } else { nanos })
}

/// Reads how long something is kept: a Go duration that may also count days and weeks (`7d`, `2w`, `1d12h`), in nanoseconds; never negative.
#[must_use]
pub fn parse_age(text: &str) -> Option<i128> {
    const DAY: i128 = 24 * 3600 * SECOND;
    let mut total: i128 = 0;
    let mut rest = text;
    while let Some(at) = rest.find(['d', 'w']) {
        let (number, tail) = rest.split_at(at);
        let unit = if tail.starts_with('w') { 7 * DAY } else { DAY };
        // Forty thousand years are enough, and far from what an addition could overflow.
        let count: u32 = number.parse().ok().filter(|n| *n < 10_000_000 && !number.starts_with('+'))?;
        total += i128::from(count) * unit;
        rest = &tail[1..];
    }
    let smaller = if rest.is_empty() && !text.is_empty() { 0 } else { parse_go_duration(rest)? };
    (smaller >= 0).then_some(total + smaller)
}

/// Go's way to print a duration: `1h30m0s`, `1.5s`, `100ms`, `0s`.
#[must_use]
pub fn go_duration(nanos: i128) -> String {
    if nanos < 0 {
        return format!("-{}", go_duration(nanos.saturating_neg()));
    }
    let decimal = |unit: i128, width: usize, word: &str| {
        let (whole, part) = (nanos / unit, nanos % unit);
        let fraction = format!("{part:0width$}");
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() { format!("{whole}{word}") } else { format!("{whole}.{fraction}{word}") }
    };
    match nanos {
        0 => "0s".to_owned(),
        n if n < 1_000 => format!("{n}ns"),
        n if n < 1_000_000 => decimal(1_000, 3, "µs"),
        n if n < SECOND => decimal(1_000_000, 6, "ms"),
        n => {
            let (hours, minutes) = (n / (3600 * SECOND), n / (60 * SECOND) % 60);
            let rest = n % (60 * SECOND);
            let fraction = format!("{:09}", rest % SECOND);
            let fraction = fraction.trim_end_matches('0');
            let point = if fraction.is_empty() { "" } else { "." };
            let seconds = format!("{}{point}{fraction}s", rest / SECOND);
            match (hours, minutes) {
                (0, 0) => seconds,
                (0, _) => format!("{minutes}m{seconds}"),
                _ => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    }
}

/// Reads what `--since`/`--until` accept: a duration before `now`, unix seconds with a fraction, RFC 3339 or a shorter local-less date.
#[must_use]
pub fn parse_moment(text: &str, now: Time) -> Option<Time> {
    if let Some(time) = Time::parse(text) {
        return Some(time);
    }
    if let Some(time) = parse_unix(text) {
        return Some(time);
    }
    if let Some(nanos) = parse_go_duration(text) {
        return Some(Time::from_nanos(now.nanos() - nanos));
    }
    ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d"]
        .iter()
        .zip(["", ":00", ":00:00", "T00:00:00"])
        .find_map(|(_, tail)| Time::parse(&format!("{text}{tail}Z")))
}

/// The last second there is, of the year 9999: who asks for a later one means "for ever".
const LAST_SECOND: i64 = 253_402_207_200;

/// Reads unix seconds with an optional fraction, of which nine digits count.
#[must_use]
pub fn parse_unix(text: &str) -> Option<Time> {
    split_unix(text).map(|(seconds, fraction)| Time::from_nanos(i128::from(seconds.min(LAST_SECOND)) * SECOND + fraction))
}

fn split_unix(text: &str) -> Option<(i64, i128)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || !whole.bytes().all(|b| b.is_ascii_digit()) || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: i128 = format!("{:0<9}", fraction.get(..9).unwrap_or(fraction)).parse().ok()?;
    Some((whole.parse().ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_dockers() {
        for (seconds, want) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (3599, "59 minutes"),
            (3600, "About an hour"),
            (7200, "2 hours"),
            (86400 * 3, "3 days"),
            (86400 * 21, "3 weeks"),
            (86400 * 90, "3 months"),
            (86400 * 800, "2 years"),
        ] {
            assert_eq!(human_duration(seconds * SECOND), want);
        }
    }

    #[test]
    fn moments_come_in_many_forms() {
        let now = Time::parse("2026-01-02T03:04:05Z").unwrap();
        assert_eq!(parse_moment("5s", now).unwrap().rfc3339(), "2026-01-02T03:04:00Z");
        assert_eq!(parse_moment("1767323045.5", now).unwrap().nanos(), now.nanos() + SECOND / 2);
        assert_eq!(parse_unix("1767323045.123456789999").unwrap().nanos(), now.nanos() + 123_456_789);
        assert!(parse_unix("99999999999999999").unwrap() > now && parse_unix("1e3").is_none() && parse_unix("-1").is_none());
        assert_eq!(parse_moment("2026-01-02", now).unwrap().rfc3339(), "2026-01-02T00:00:00Z");
        assert_eq!(parse_moment("2026-01-02T03:04", now).unwrap().rfc3339(), "2026-01-02T03:04:00Z");
        assert_eq!(parse_moment("nonsense", now), None);
        assert_eq!(parse_moment("", now), None);
    }

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        for (nanos, want) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (500_000_000, "500ms"),
            (1_500_000_000, "1.5s"),
            (30 * SECOND, "30s"),
            (90 * SECOND, "1m30s"),
            (3600 * SECOND, "1h0m0s"),
            (-SECOND, "-1s"),
        ] {
            assert_eq!(go_duration(nanos), want);
        }
    }

    #[test]
    fn ages_count_days_and_weeks_too() {
        for (text, seconds) in
            [("7d", 604_800), ("2w", 1_209_600), ("1d12h", 129_600), ("1w1d1m", 691_260), ("90m", 5400), ("0", 0), ("0d", 0)]
        {
            assert_eq!(parse_age(text), Some(seconds * SECOND), "{text}");
        }
        for text in ["", "d", "-1d", "-5m", "1d-5m", "1.5d", "7", "+1d", "99999999999d", "7 d", "1d7"] {
            assert_eq!(parse_age(text), None, "{text:?}");
        }
    }

    #[test]
    fn go_durations() {
        assert_eq!(parse_go_duration("1h30m"), Some(5400 * SECOND));
        assert_eq!(parse_go_duration("1.5s"), Some(SECOND * 3 / 2));
        assert_eq!(parse_go_duration("10"), None);
        assert_eq!(parse_go_duration("-2ms"), Some(-2_000_000));
    }
}
