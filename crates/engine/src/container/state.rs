//! What is true of a container now: read from the lock, `state.json` and `exit.json`, never remembered.

use stead_base::time::{self, Time};
use stead_monitor::{Exit, Health, HealthStatus, State as Live, Status};

use super::record::Container;
use crate::{Engine, Failure, Result};

/// Docker's code of a container that could not be started for no fault of its program.
const START_FAILED: i32 = 128;

/// The stage of life that `ps` and `inspect` show.
#[derive(Debug, Clone)]
pub(crate) struct Now {
    /// Docker's word: created, running, paused, restarting, removing, exited, dead.
    pub(crate) status: &'static str,
    /// The live state, while a monitor holds the lock.
    pub(crate) live: Option<Live>,
    /// The last exit, if the container has ended before.
    pub(crate) exit: Option<Exit>,
}

impl Engine {
    /// Whether a container runs, is paused or will be started again.
    ///
    /// # Errors
    /// No such container.
    pub fn container_is_alive(&self, typed: &str) -> Result<bool> {
        Ok(self.now(&self.container(typed)?.id).is_alive())
    }

    /// Reads what is true of a container.
    pub(crate) fn now(&self, id: &str) -> Now {
        let live = Live::read(&self.run_root, id);
        let exit = stead_monitor::exit::read(&self.root, id);
        let interrupted = live.is_none() && self.was_interrupted(id, exit.as_ref());
        let exit = if interrupted { self.interrupted_exit(id) } else { exit };
        // Whoever was born since the machine came up has a state there, also when it has ended.
        let unseen = stead_monitor::exit::unseen(&self.root, id, exit.as_ref()).filter(|_| !self.run_root.state(id).exists());
        let exit = unseen.or(exit);
        let status = match (&live, &exit) {
            (Some(live), exit) => match live.status {
                Status::Running => "running",
                Status::Paused => "paused",
                Status::Restarting => "restarting",
                Status::Exited => "exited",
                Status::Created if exit.is_some() => "exited",
                Status::Created => "created",
            },
            (None, Some(exit)) if exit.started_at.is_none() && !exit.error.is_empty() => "created",
            (None, Some(_)) => "exited",
            (None, None) => "created",
        };
        Now { status, live, exit }
    }

    /// Writes the end that a killed monitor could not write, and says what it could not say.
    ///
    /// # Errors
    /// The end cannot be written.
    pub(crate) fn settle(&self, container: &Container) -> Result<()> {
        if let Some(exit) = stead_monitor::settle(&self.root, &self.run_root, &container.id)? {
            let lived = exit.started_at.map_or(0, |started| exit.finished_at.since(started) / 1_000_000_000).max(0);
            self.emit_container(container, "die", &[("exitCode", &exit.exit_code.to_string()), ("execDuration", &lived.to_string())]);
        }
        Ok(())
    }

    /// Keeps why a start came to nothing before there was a monitor to say so. What is known of its last life stays.
    pub(crate) fn keep_failed_start(&self, id: &str, failure: &Failure) {
        let last = self.now(id).exit;
        let before = last.as_ref().map_or(0, |exit| exit.exit_code);
        let code = failure.exit_code.filter(|code| matches!(code, 126 | 127));
        let exit = Exit {
            exit_code: code.unwrap_or(if before == 0 { START_FAILED } else { before }),
            oom_killed: last.as_ref().is_some_and(|exit| exit.oom_killed),
            error: failure.message.clone(),
            started_at: last.as_ref().and_then(|exit| exit.started_at),
            finished_at: last.as_ref().map_or_else(Time::now, |exit| exit.finished_at),
            restart_count: 0,
            pid: 0,
            stopped_by_hand: last.as_ref().is_some_and(|exit| exit.stopped_by_hand),
            health: last.and_then(|exit| exit.health),
        };
        if let Err(error) = stead_monitor::exit::write(&self.root.exit(id), &exit) {
            self.warn(&error.to_string());
        }
    }

    /// A monitor that was killed leaves a run state without having written how its container ended.
    fn was_interrupted(&self, id: &str, exit: Option<&Exit>) -> bool {
        let Some(left) = stead_monitor::left_behind(&self.run_root, id) else { return false };
        let Some(started) = left.started_at else { return false };
        exit.is_none_or(|exit| exit.finished_at < started)
    }

    /// What is known of a container whose monitor was killed: its process died with it, by `SIGKILL`.
    fn interrupted_exit(&self, id: &str) -> Option<Exit> {
        let left = stead_monitor::left_behind(&self.run_root, id)?;
        Some(Exit {
            exit_code: 137,
            oom_killed: false,
            error: String::new(),
            started_at: left.started_at,
            finished_at: left.started_at.unwrap_or_else(Time::now),
            restart_count: left.restart_count,
            pid: left.pid,
            stopped_by_hand: false,
            health: left.health,
        })
    }
}

impl Now {
    /// Whether its process is there (running or paused).
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.status, "running" | "paused")
    }

    /// Whether a monitor still looks after it.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.status, "running" | "paused" | "restarting")
    }

    /// Whether a monitor has it in its hands. Under the container's lock this is the question: no start is at work then, so that a monitor whose state says
    /// anything but the end runs a container, even where it could not write that down.
    pub(crate) fn is_kept(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.status != Status::Exited)
    }

    /// The process id on the host, 0 when there is none.
    pub(crate) fn pid(&self) -> u32 {
        self.live.as_ref().filter(|_| self.is_running()).map_or(0, |l| l.pid)
    }

    /// The exit code of the last life; 0 while it runs, as Docker shows it.
    pub(crate) fn exit_code(&self) -> i32 {
        if self.is_running() {
            return 0;
        }
        let live = self.live.as_ref().and_then(|l| l.exit_code);
        live.or(self.exit.as_ref().map(|e| e.exit_code)).unwrap_or(0)
    }

    /// When the present or last life began, RFC 3339.
    pub(crate) fn started_at(&self) -> String {
        let live = self.live.as_ref().and_then(|l| l.started_at);
        live.or(self.exit.as_ref().and_then(|e| e.started_at)).map_or_else(|| time::ZERO.to_owned(), Time::rfc3339_nano)
    }

    /// When the last life ended, RFC 3339.
    pub(crate) fn finished_at(&self) -> String {
        let live = self.live.as_ref().and_then(|l| l.finished_at);
        // A start that failed is no life.
        let exit = self.exit.as_ref().filter(|exit| exit.started_at.is_some());
        live.or(exit.map(|e| e.finished_at)).map_or_else(|| time::ZERO.to_owned(), Time::rfc3339_nano)
    }

    /// Why the last start failed; empty when it did not.
    pub(crate) fn error(&self) -> String {
        let live = self.live.as_ref().map(|l| l.error.clone()).filter(|e| !e.is_empty());
        live.or_else(|| self.exit.as_ref().map(|e| e.error.clone())).unwrap_or_default()
    }

    /// What its health checks say, if it has any and has run.
    pub(crate) fn health(&self) -> Option<&Health> {
        self.live.as_ref().and_then(|l| l.health.as_ref()).or_else(|| self.exit.as_ref().and_then(|e| e.health.as_ref()))
    }

    /// Docker's word for its health; `none` where nothing is asked.
    pub(crate) fn health_word(&self) -> &'static str {
        self.health().map_or("none", |health| health.status.as_str())
    }

    /// Restarts by policy.
    pub(crate) fn restart_count(&self) -> u32 {
        self.live.as_ref().map(|l| l.restart_count).or(self.exit.as_ref().map(|e| e.restart_count)).unwrap_or(0)
    }

    /// Whether the kernel ended it for its memory.
    pub(crate) fn oom_killed(&self) -> bool {
        self.live.as_ref().map(|l| l.oom_killed).or(self.exit.as_ref().map(|e| e.oom_killed)).unwrap_or(false)
    }

    /// `Up 2 minutes`, `Exited (0) 3 hours ago`, `Created`.
    pub(crate) fn words(&self, now: Time) -> String {
        let ago = |moment: Option<Time>| time::human_duration(moment.map_or(0, |m| now.since(m)));
        let started = self.live.as_ref().and_then(|l| l.started_at);
        let finished = self.live.as_ref().and_then(|l| l.finished_at).or(self.exit.as_ref().map(|e| e.finished_at));
        match self.status {
            "running" => match self.health().map(|health| health.status) {
                None => format!("Up {}", ago(started)),
                Some(HealthStatus::Starting) => format!("Up {} (health: starting)", ago(started)),
                Some(status) => format!("Up {} ({})", ago(started), status.as_str()),
            },
            "paused" => format!("Up {} (Paused)", ago(started)),
            "restarting" => format!("Restarting ({}) {} ago", self.exit_code(), ago(finished)),
            "exited" => format!("Exited ({}) {} ago", self.exit_code(), ago(finished)),
            _ => "Created".to_owned(),
        }
    }
}
