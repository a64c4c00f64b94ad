//! The health checks of a life: when a probe is due, what it said, and that none outlives the process it asks.

use std::time::Instant;

use stead_base::ids::random_hex64;
use stead_base::time::Time;

use super::events::exec_action;
use super::remark;
use super::turn::Server;
use crate::exit;
use crate::health::{Health, HealthStatus, ProbeResult};
use crate::probe::{Ended, FAILED, Probe};
use crate::state::Status;

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Checks {
    next: Option<Instant>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    probe: Probe,
    id: String,
    began: Time,
    began_at: Instant,
    until: Instant,
}

impl Checks {
    /// When something is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.running.as_ref().map(|running| running.until).or(self.next)
    }

    /// The pipe of the probe that runs.
    pub(super) fn pipe(&self) -> Option<&std::os::fd::OwnedFd> {
        self.running.as_ref().map(|running| running.probe.pipe())
    }
}

impl Server {
    /// A life begins: nothing is known of its health.
    pub(super) fn begin_checks(&mut self) {
        let Some(check) = &self.config.health else { return };
        // The log of a life under an earlier monitor lies where its end does.
        let before = self.state.health.take().or_else(|| exit::read(&self.config.root(), &self.config.id)?.health);
        let health = Health::begin(before);
        self.checks.next = Instant::now().checked_add(health.interval(check, self.born_at.elapsed()));
        self.state.health = Some(health);
    }

    /// It goes on after a pause.
    pub(super) fn resume_checks(&mut self) {
        if let (Some(check), Some(health)) = (&self.config.health, &self.state.health) {
            self.checks.next = Instant::now().checked_add(health.interval(check, self.born_at.elapsed()));
        }
    }

    /// It stood still for a while, which nobody's probe is to blame for.
    pub(super) fn forgive_checks(&mut self, stood: std::time::Duration) {
        if let Some(running) = &mut self.checks.running {
            running.until = running.until.checked_add(stood).unwrap_or(running.until);
        }
    }

    /// It ends or is paused. What is not asked counts as unhealthy, as in Docker.
    pub(super) fn end_checks(&mut self) {
        self.checks.next = None;
        if let Some(running) = self.checks.running.take() {
            running.probe.kill(&mut self.scratch);
            self.emit("exec_die", &[("execID", running.id), ("exitCode", "137".to_owned())]);
        }
        if let Some(health) = &mut self.state.health {
            health.status = HealthStatus::Unhealthy;
        }
    }

    /// Does what time has come for.
    pub(super) fn check_what_is_due(&mut self, now: Instant) {
        // A probe cannot answer while everything stands still, and its time does not run.
        if self.stillness.is_held() {
            return;
        }
        if self.checks.running.as_ref().is_some_and(|running| running.until <= now) {
            self.probe_is_late();
        }
        if self.checks.next.is_some_and(|next| next <= now) {
            self.checks.next = None;
            self.begin_probe();
        }
    }

    /// The probe that runs has something to say.
    pub(super) fn hear_probe(&mut self) {
        let Some(running) = &mut self.checks.running else { return };
        let Some(ended) = running.probe.hear(&mut self.scratch) else { return };
        if let Some(running) = self.checks.running.take() {
            // Docker tells of the end of a process that began.
            if ended.exit_code != FAILED {
                self.emit("exec_die", &[("execID", running.id), ("exitCode", ended.exit_code.to_string())]);
            }
            self.take_result(running.began, running.began_at, ended);
        }
    }

    fn begin_probe(&mut self) {
        let Some(check) = self.config.health.clone().filter(|_| self.state.status == Status::Running) else { return };
        let (began, began_at) = (Time::now(), Instant::now());
        let id = stead_sys::durable::random_bytes().map(random_hex64).unwrap_or_default();
        for verb in ["exec_create", "exec_start"] {
            self.emit(&exec_action(verb, &check.args), &[("execID", id.clone())]);
        }
        let init = i32::try_from(self.state.pid).unwrap_or(0);
        let begun = match self.plan() {
            Some(plan) => Probe::begin(&plan, init, &check.args).map_err(|error| error.to_string()),
            None => Err("the container's plan cannot be read".to_owned()),
        };
        match begun {
            Ok(probe) => {
                let until = began_at.checked_add(check.timeout).unwrap_or(began_at);
                self.checks.running = Some(Running { probe, id, began, began_at, until });
            }
            Err(output) => {
                remark(&output);
                self.take_result(began, began_at, Ended { exit_code: FAILED, output });
            }
        }
    }

    fn probe_is_late(&mut self) {
        let Some(running) = self.checks.running.take() else { return };
        running.probe.kill(&mut self.scratch);
        self.emit("exec_die", &[("execID", running.id), ("exitCode", "137".to_owned())]);
        let timeout = self.config.health.as_ref().map(|check| go_duration(check.timeout)).unwrap_or_default();
        let output = format!("Health check exceeded timeout ({timeout})");
        self.take_result(running.began, running.began_at, Ended { exit_code: FAILED, output });
    }

    fn take_result(&mut self, start: Time, began_at: Instant, ended: Ended) {
        let (Some(check), Some(health)) = (&self.config.health, &mut self.state.health) else { return };
        let result = ProbeResult { start, end: Time::now(), exit_code: ended.exit_code, output: ended.output };
        let changed = health.take(check, result, began_at.saturating_duration_since(self.born_at));
        let status = health.status;
        self.checks.next = Instant::now().checked_add(health.interval(check, self.born_at.elapsed()));
        self.save_state();
        if changed {
            self.emit(&format!("health_status: {}", status.as_str()), &[]);
        }
    }
}

/// Go's way to print a duration: `30s`, `1m30s`, `500ms`.
fn go_duration(duration: std::time::Duration) -> String {
    stead_base::time::go_duration(i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX))
}
