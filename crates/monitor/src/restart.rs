//! When a container is started again after an end: Docker's restart manager as a pure machine that is told the time that passed.

use std::time::Duration;

use crate::config::RestartPolicy;

/// The first wait.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);
/// A life of this length makes the next wait the first again.
const HEALTHY: Duration = Duration::from_secs(10);

/// The restart policy at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    policy: RestartPolicy,
    wait: Duration,
    count: u32,
    stopped_by_hand: bool,
}

impl Restart {
    /// Begins with a start by hand: no restarts counted, the shortest wait.
    #[must_use]
    pub fn new(policy: RestartPolicy) -> Self {
        Self { policy, wait: Duration::ZERO, count: 0, stopped_by_hand: false }
    }

    /// Somebody stopped or killed the container: the coming end is the last one.
    pub fn stop_by_hand(&mut self) {
        self.stopped_by_hand = true;
    }

    /// Whether somebody did.
    #[must_use]
    pub fn stopped_by_hand(&self) -> bool {
        self.stopped_by_hand
    }

    /// `update --restart`.
    pub fn set_policy(&mut self, policy: RestartPolicy) {
        self.policy = policy;
    }

    /// Restarts so far.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// A life of length `lived` has ended with `exit_code`: how long to wait before the next one, or `None` for the end.
    pub fn after(&mut self, exit_code: i32, lived: Duration) -> Option<Duration> {
        if self.stopped_by_hand {
            return None;
        }
        let again = match self.policy {
            RestartPolicy::No => false,
            RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
            RestartPolicy::OnFailure { max_retries } => exit_code != 0 && (max_retries == 0 || self.count < max_retries),
        };
        if !again {
            return None;
        }
        if lived >= HEALTHY {
            self.wait = Duration::ZERO;
        }
        self.wait = if self.wait.is_zero() { FIRST } else { (self.wait * 2).min(LONGEST) };
        self.count += 1;
        Some(self.wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_secs(1);

    fn waits(restart: &mut Restart, code: i32, times: usize) -> Vec<Option<u128>> {
        (0..times).map(|_| restart.after(code, SHORT).map(|wait| wait.as_millis())).collect()
    }

    #[test]
    fn waits_double_up_to_a_minute_and_begin_again_after_ten_good_seconds() {
        let mut restart = Restart::new(RestartPolicy::Always);
        let got = waits(&mut restart, 0, 12);
        let want = [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000];
        assert_eq!(got, want.map(Some));
        assert_eq!(restart.after(1, HEALTHY), Some(FIRST));
        assert_eq!(restart.count(), 13);
    }

    #[test]
    fn on_failure_counts_and_spares_success() {
        let mut restart = Restart::new(RestartPolicy::OnFailure { max_retries: 2 });
        assert_eq!(waits(&mut restart, 1, 3), [Some(100), Some(200), None]);
        assert_eq!(Restart::new(RestartPolicy::OnFailure { max_retries: 2 }).after(0, SHORT), None);
        let mut unlimited = Restart::new(RestartPolicy::OnFailure { max_retries: 0 });
        assert!(waits(&mut unlimited, 137, 50).iter().all(Option::is_some));
    }

    #[test]
    fn a_stop_by_hand_ends_every_policy() {
        for policy in [RestartPolicy::Always, RestartPolicy::UnlessStopped, RestartPolicy::OnFailure { max_retries: 0 }] {
            let mut restart = Restart::new(policy);
            assert!(restart.after(1, SHORT).is_some());
            restart.stop_by_hand();
            assert_eq!(restart.after(137, SHORT), None);
        }
    }

    #[test]
    fn no_policy_never_restarts_and_a_new_policy_counts_at_once() {
        let mut restart = Restart::new(RestartPolicy::No);
        assert_eq!(restart.after(1, SHORT), None);
        restart.set_policy(RestartPolicy::UnlessStopped);
        assert_eq!(restart.after(0, SHORT), Some(FIRST));
    }
}
