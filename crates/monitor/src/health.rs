//! Docker's health check as a pure machine that is told what the probes said and how long the container has lived.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stead_base::time::Time;

/// So many results are kept.
const LOG_MAX: usize = 5;
/// So many bytes of a probe's output are kept.
pub(crate) const OUTPUT_MAX: usize = 4096;

/// What is asked of a container, and when. All of Docker's defaults are filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The program and its arguments, the shell in front where there is one.
    pub args: Vec<String>,
    /// From the end of one probe to the beginning of the next.
    pub interval: Duration,
    /// How long a probe may take.
    pub timeout: Duration,
    /// How long after a start failures do not count.
    pub start_period: Duration,
    /// Instead of `interval` in that time, until the first success.
    pub start_interval: Duration,
    /// Failures in a row that make it unhealthy.
    pub retries: u32,
}

/// How a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// No probe has decided yet.
    Starting,
    /// The last probe succeeded, or not enough failed since one did.
    Healthy,
    /// Too many probes failed in a row; also one that is not probed now, as in Docker.
    Unhealthy,
}

impl HealthStatus {
    /// Docker's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// What one probe said, in the JSON of `inspect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProbeResult {
    /// When it began.
    pub start: Time,
    /// When it ended.
    pub end: Time,
    /// 0 is healthy; -1 when it could not be run or took too long.
    pub exit_code: i32,
    /// The beginning of what it wrote.
    pub output: String,
}

/// The health of a container, in the JSON of `inspect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Health {
    /// How it is.
    pub status: HealthStatus,
    /// Failures since the last success.
    pub failing_streak: u32,
    /// The last results, oldest first.
    pub log: Vec<ProbeResult>,
}

impl Health {
    /// A life begins. The results of the one before stay in the log.
    #[must_use]
    pub fn begin(before: Option<Self>) -> Self {
        Self { status: HealthStatus::Starting, failing_streak: 0, log: before.map(|health| health.log).unwrap_or_default() }
    }

    /// How long to wait for the next probe of a container that has lived for `lived`.
    #[must_use]
    pub fn interval(&self, check: &HealthCheck, lived: Duration) -> Duration {
        if lived < check.start_period && self.status == HealthStatus::Starting { check.start_interval } else { check.interval }
    }

    /// Takes a result of a probe that began when the container had lived for `lived`. Whether the status is another one now.
    pub fn take(&mut self, check: &HealthCheck, result: ProbeResult, lived: Duration) -> bool {
        let before = self.status;
        let failed = result.exit_code != 0;
        if self.log.len() >= LOG_MAX {
            drop(self.log.drain(..=self.log.len() - LOG_MAX));
        }
        self.log.push(result);
        if !failed {
            self.failing_streak = 0;
            self.status = HealthStatus::Healthy;
        } else if self.status != HealthStatus::Starting || lived >= check.start_period {
            self.failing_streak = self.failing_streak.saturating_add(1);
            if self.failing_streak >= check.retries {
                self.status = HealthStatus::Unhealthy;
            }
        }
        self.status != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn check() -> HealthCheck {
        HealthCheck {
            args: vec!["true".into()],
            interval: SECOND * 30,
            timeout: SECOND,
            start_period: SECOND * 10,
            start_interval: SECOND * 2,
            retries: 3,
        }
    }

    fn result(exit_code: i32) -> ProbeResult {
        ProbeResult { start: Time::from_nanos(0), end: Time::from_nanos(1), exit_code, output: exit_code.to_string() }
    }

    #[test]
    fn failures_count_in_a_row_and_a_success_ends_them() {
        let (check, mut health) = (check(), Health::begin(None));
        let late = SECOND * 60;
        let changes: Vec<bool> = [1, 1, 0, 1, 1, 1, 1, 0].iter().map(|code| health.take(&check, result(*code), late)).collect();
        assert_eq!(changes, [false, false, true, false, false, true, false, true]);
        assert_eq!((health.status, health.failing_streak), (HealthStatus::Healthy, 0));
        let kept: Vec<i32> = health.log.iter().map(|r| r.exit_code).collect();
        assert_eq!(kept, [1, 1, 1, 1, 0], "the last five");
    }

    #[test]
    fn failures_do_not_count_in_the_beginning_until_the_first_success() {
        let (check, mut health) = (check(), Health::begin(None));
        for _ in 0..5 {
            assert!(!health.take(&check, result(-1), SECOND));
        }
        assert_eq!((health.status, health.failing_streak), (HealthStatus::Starting, 0));
        assert!(health.take(&check, result(0), SECOND * 2), "a success counts at any time");
        for _ in 0..2 {
            assert!(!health.take(&check, result(1), SECOND * 3), "after it failures do, too");
        }
        assert!(health.take(&check, result(1), SECOND * 3));
        assert_eq!(health.status, HealthStatus::Unhealthy);
    }

    #[test]
    fn the_beginning_has_an_interval_of_its_own() {
        let (check, mut health) = (check(), Health::begin(None));
        assert_eq!(health.interval(&check, SECOND), SECOND * 2);
        assert_eq!(health.interval(&check, SECOND * 10), SECOND * 30);
        health.take(&check, result(0), SECOND);
        assert_eq!(health.interval(&check, SECOND), SECOND * 30);
    }

    #[test]
    fn the_next_life_begins_anew_and_keeps_the_log() {
        let (check, mut health) = (check(), Health::begin(None));
        health.take(&check, result(1), SECOND * 60);
        let next = Health::begin(Some(health));
        assert_eq!((next.status, next.failing_streak, next.log.len()), (HealthStatus::Starting, 0, 1));
        let json = serde_json::to_string(&next).unwrap();
        assert!(json.starts_with(r#"{"Status":"starting","FailingStreak":0,"Log":[{"Start":"1970-01-01T00:00:00Z","End":"#), "{json}");
    }
}
