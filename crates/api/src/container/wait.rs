//! `POST /containers/{id}/wait`: the head at once, the exit code when it is there.

use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec};
use serde_json::json;
use stead_engine::container::wait::{WaitCondition, Watch};
use stead_engine::{Engine, Failure};

use super::follow::wait;
use crate::ask::Ask;
use crate::hijack::Peer;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let condition = condition(ask)?;
    let engine = Arc::clone(ask.engine());
    let mut watch = engine.container_watch(ask.param("id"), condition)?;
    let peer = ask.peer().clone();
    Ok(Reply::stream(200, "application/json", Vec::new(), move |out| {
        let answer = match until_over(&engine, &mut watch, &peer) {
            Ok(Some(code)) => json!({ "StatusCode": code }),
            Ok(None) => return Err(std::io::ErrorKind::BrokenPipe.into()),
            Err(failure) => json!({ "StatusCode": -1, "Error": { "Message": failure.message } }),
        };
        out.write_all(format!("{answer}\n").as_bytes())
    }))
}

fn condition(ask: &Ask) -> Result<WaitCondition, Failure> {
    if ask.version() < Version(1, 30) {
        return Ok(WaitCondition::NotRunning);
    }
    match ask.query().get("condition").unwrap_or_default() {
        "" | "not-running" => Ok(WaitCondition::NotRunning),
        "next-exit" => Ok(WaitCondition::NextExit),
        "removed" => Ok(WaitCondition::Removed),
        other => Err(Failure::invalid(format!("invalid condition: {other:?}"))),
    }
}

/// The exit code; `None` when the client has left before.
fn until_over(engine: &Engine, watch: &mut Watch, peer: &Peer) -> Result<Option<i32>, Failure> {
    let mut ready = false;
    loop {
        if let Some(code) = engine.container_look(watch, ready)? {
            return Ok(Some(code));
        }
        let pause = watch.pause();
        let limit = Timespec { tv_sec: i64::try_from(pause.as_secs()).unwrap_or(0), tv_nsec: i64::from(pause.subsec_nanos()) };
        let mut fds = vec![peer.leaving()];
        fds.extend(watch.descriptor().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        wait(&mut fds, Some(&limit)).map_err(|error| Failure::new(stead_base::Kind::Internal, error.to_string()))?;
        if !fds[0].revents().is_empty() {
            return Ok(None);
        }
        ready = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
    }
}
