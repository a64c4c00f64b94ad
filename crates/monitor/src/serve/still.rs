//! Standing still for a moment: frozen for clients that copy what the container writes, until they let go, leave or their time is up.
//!
//! Other than a pause, this is nobody's state: it is not told, health does not suffer from it, and what is asked meanwhile happens right after.

use std::time::{Duration, Instant};

use stead_base::Kind as Failure;

use super::connection::Connection;
use super::life::Life;
use super::turn::Server;
use super::{read_plan, remark};
use crate::cage;
use crate::client::Frame;
use crate::protocol::Hold;
use crate::state::Status;

/// How often it is looked whether the kernel has stopped everybody.
const LOOK_EVERY: Duration = Duration::from_micros(500);
/// The first looks, which find most containers frozen.
const FIRST_LOOKS: u32 = 10;

#[derive(Debug)]
struct Holder {
    token: u64,
    until: Instant,
    /// Told that nothing moves.
    told: bool,
}

/// Who wants the container to stand still.
#[derive(Debug, Default)]
pub(super) struct Stillness {
    holders: Vec<Holder>,
    since: Option<Instant>,
    put_off: Vec<(u64, Frame)>,
}

impl Stillness {
    /// Whether anybody does.
    pub(super) fn is_held(&self) -> bool {
        !self.holders.is_empty()
    }

    /// Keeps a request for later.
    pub(super) fn put_off(&mut self, token: u64, frame: &Frame) {
        self.put_off.push((token, Frame { kind: frame.kind, payload: frame.payload.clone() }));
    }

    /// When something is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let look = self.holders.iter().any(|holder| !holder.told).then(|| Instant::now() + LOOK_EVERY);
        self.holders.iter().map(|holder| holder.until).chain(look).min()
    }
}

impl Server {
    /// Begins to stand still for a client; it is told when nothing moves.
    pub(super) fn hold(&mut self, token: u64, asked: Hold) {
        if matches!(self.life, Life::Over) {
            let message = format!("container {} is not running", self.config.id);
            return self.answer(token, |connection| connection.refuse(Failure::NotRunning, message));
        }
        let now = Instant::now();
        if !self.stillness.is_held()
            && matches!(self.life, Life::Running)
            && self.state.status != Status::Paused
            && let Err(error) = self.set_frozen(true)
        {
            let message = format!("cannot hold container {} still: {error}", self.config.id);
            return self.answer(token, |connection| connection.refuse(Failure::Unsupported, message));
        }
        let until = now.checked_add(Duration::from_millis(asked.limit_ms)).unwrap_or(now);
        self.stillness.since.get_or_insert(now);
        self.stillness.holders.retain(|holder| holder.token != token);
        self.stillness.holders.push(Holder { token, until, told: false });
        self.answer(token, |connection| connection.broken = None);
        for _ in 0..FIRST_LOOKS {
            if self.tell_holders() {
                break;
            }
            std::thread::sleep(LOOK_EVERY / 5);
        }
    }

    /// A client lets go.
    pub(super) fn release(&mut self, token: u64) {
        let (held, told) = match self.stillness.holders.iter().position(|holder| holder.token == token) {
            Some(at) => (true, self.stillness.holders.remove(at).told),
            None => (false, false),
        };
        if held {
            self.go_on_if_free();
        }
        let id = self.config.id.clone();
        self.answer(token, |connection| match connection.broken.take() {
            None if told => connection.done(),
            why => connection
                .refuse(Failure::Conflict, format!("container {id} did not stand still: {}", why.unwrap_or("nobody asked for it"))),
        });
    }

    /// A client that held it still has left, by will or not.
    pub(super) fn holder_left(&mut self, token: u64) {
        self.stillness.put_off.retain(|(asker, _)| *asker != token);
        let before = self.stillness.holders.len();
        self.stillness.holders.retain(|holder| holder.token != token);
        if self.stillness.holders.len() != before {
            self.go_on_if_free();
        }
    }

    /// Looks whether it stands still by now, and lets those go whose time is up.
    pub(super) fn stand_still_or_go_on(&mut self, now: Instant) {
        if !self.stillness.is_held() {
            return;
        }
        self.tell_holders();
        let (over, kept): (Vec<_>, Vec<_>) = self.stillness.holders.drain(..).partition(|holder| holder.until <= now);
        self.stillness.holders = kept;
        for holder in &over {
            self.break_hold(holder, "the time it may be held for was up");
        }
        if !over.is_empty() {
            self.go_on_if_free();
        }
    }

    /// It has to move: whoever held it still is told when he lets go.
    pub(super) fn stop_standing_still(&mut self, why: &'static str) {
        if !self.stillness.is_held() {
            return;
        }
        for holder in std::mem::take(&mut self.stillness.holders) {
            self.break_hold(&holder, why);
        }
        self.go_on_if_free();
    }

    fn break_hold(&mut self, holder: &Holder, why: &'static str) {
        let id = self.config.id.clone();
        self.answer(holder.token, |connection| {
            connection.broken = Some(why);
            if !holder.told {
                connection.refuse(Failure::Conflict, format!("container {id} did not stand still: {why}"));
            }
        });
    }

    /// True when every holder knows that nothing moves.
    fn tell_holders(&mut self) -> bool {
        if self.stillness.holders.iter().all(|holder| holder.told) {
            return true;
        }
        if matches!(self.life, Life::Running) {
            match read_plan(&self.config.run_root(), &self.config.id) {
                Some(plan) if cage::is_frozen(&plan) => {}
                Some(plan) => {
                    // A process that was born in between hears it only the second time.
                    crate::tolerate(cage::freeze(&plan, true));
                    return cage::is_frozen(&plan) && self.tell_holders();
                }
                None => return false,
            }
        }
        let mut untold = Vec::new();
        for holder in self.stillness.holders.iter_mut().filter(|holder| !holder.told) {
            holder.told = true;
            untold.push(holder.token);
        }
        for token in untold {
            self.answer(token, Connection::done);
        }
        true
    }

    fn go_on_if_free(&mut self) {
        if self.stillness.is_held() {
            return;
        }
        if matches!(self.life, Life::Running | Life::Ending { .. })
            && self.state.status != Status::Paused
            && let Err(error) = self.set_frozen(false)
        {
            remark(&format!("cannot let container {} go on: {error}", self.config.id));
        }
        let stood = self.stillness.since.take().map(|since| since.elapsed()).unwrap_or_default();
        self.forgive_checks(stood);
        for (token, frame) in std::mem::take(&mut self.stillness.put_off) {
            if self.obey(token, &frame).is_none() {
                self.answer(token, |connection| connection.gone = true);
            }
        }
    }

    fn set_frozen(&self, yes: bool) -> std::io::Result<()> {
        let plan = read_plan(&self.config.run_root(), &self.config.id).ok_or(std::io::ErrorKind::NotFound)?;
        cage::freeze(&plan, yes)
    }
}
