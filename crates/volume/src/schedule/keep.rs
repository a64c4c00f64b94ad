//! What is kept of the snapshots that a schedule took: `24h,7d,4w` are the last ones of 24 hours, 7 days and 4 weeks that have one.

use std::collections::BTreeSet;

use stead_base::time::Time;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A period of which the last snapshot is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    /// Every one is its own.
    Each,
    Hour,
    Day,
    /// Monday to Sunday.
    Week,
    /// Thirty days each: months and years need no calendar here.
    Month,
    Year,
}

/// How many periods of which kind keep their last snapshot. Their union is kept, and always the newest one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep(Vec<(usize, Period)>);

impl Keep {
    /// Reads `24h,7d,4w`: a number and `h`, `d`, `w`, `m` (30 days) or `y` (365 days); a number alone is that many of the last ones.
    ///
    /// # Errors
    /// What is wrong, in a clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rule = |part: &str| {
            let part = part.trim();
            let digits = part.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let period = match &part[digits.len()..] {
                "" => Period::Each,
                "h" => Period::Hour,
                "d" => Period::Day,
                "w" => Period::Week,
                "m" => Period::Month,
                "y" => Period::Year,
                _ => return None,
            };
            let count = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()?;
            (1..=100_000).contains(&count).then_some((count, period))
        };
        let rules: Option<Vec<_>> = text.split(',').map(rule).collect();
        rules.map(Self).ok_or_else(|| {
            "it is a list such as 24h,7d,4w: hours, days, weeks, months (m), years (y), or a number of the last ones".to_owned()
        })
    }

    /// Which of these moments stay, as positions.
    #[must_use]
    pub fn choose(&self, moments: &[Time]) -> BTreeSet<usize> {
        let mut newest_first: Vec<usize> = (0..moments.len()).collect();
        newest_first.sort_by(|a, b| moments[*b].cmp(&moments[*a]).then(b.cmp(a)));
        let mut kept: BTreeSet<usize> = newest_first.first().copied().into_iter().collect();
        for (count, period) in &self.0 {
            let mut seen = BTreeSet::new();
            for at in &newest_first {
                if seen.len() == *count {
                    break;
                }
                let seconds = moments[*at].seconds();
                let bucket = match period {
                    Period::Each => i64::try_from(*at).unwrap_or(i64::MAX),
                    Period::Hour => seconds.div_euclid(HOUR),
                    Period::Day => seconds.div_euclid(DAY),
                    // The epoch was a Thursday.
                    Period::Week => (seconds.div_euclid(DAY) + 3).div_euclid(7),
                    Period::Month => seconds.div_euclid(30 * DAY),
                    Period::Year => seconds.div_euclid(365 * DAY),
                };
                if seen.insert(bucket) {
                    kept.insert(*at);
                }
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(hours: i64, count: i64) -> Vec<Time> {
        // Ends on 2026-03-04, a Wednesday, at 05:00.
        let end = Time::parse("2026-03-04T05:00:00Z").unwrap().seconds();
        (0..count).rev().map(|n| Time::from_nanos(i128::from(end - n * hours * HOUR) * 1_000_000_000)).collect()
    }

    #[test]
    fn hours_days_and_weeks_are_kept() {
        let moments = every(1, 24 * 60);
        let kept = Keep::parse("24h,7d,4w").unwrap().choose(&moments);
        // 24 hours reach back into yesterday; six more days at 23:00; of four weeks two end within those.
        let shown: Vec<String> = kept.iter().map(|at| moments[*at].rfc3339()).collect();
        assert_eq!(kept.len(), 24 + 5 + 2, "{shown:?}");
        assert!(shown.contains(&"2026-03-01T23:00:00Z".to_owned()) && shown.contains(&"2026-02-15T23:00:00Z".to_owned()), "{shown:?}");
        assert_eq!(Keep::parse("3").unwrap().choose(&moments).len(), 3);
    }

    #[test]
    fn the_last_one_always_stays() {
        assert_eq!(Keep::parse("1h").unwrap().choose(&every(1, 5)), BTreeSet::from([4]));
        assert!(Keep::parse("1h").unwrap().choose(&[]).is_empty());
        let same = vec![Time::from_nanos(0); 3];
        assert_eq!(Keep::parse("1").unwrap().choose(&same).len(), 1);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for bad in ["", "h", "0h", "-1h", "1x", "1h,,2d", "1 h 2", "99999999999999999999d", "1H"] {
            assert!(Keep::parse(bad).is_err(), "{bad}");
        }
    }
}
