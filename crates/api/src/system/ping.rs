//! `GET /_ping`: is it there, and what does it speak?

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(_ask: &mut Ask) -> Answer {
    Ok(Reply::text(200, "OK")
        .with_header("builder-version", "1")
        .with_header("swarm", "inactive")
        .with_header("cache-control", "no-cache, no-store, must-revalidate")
        .with_header("pragma", "no-cache"))
}
