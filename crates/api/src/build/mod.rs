//! Building images: not here. Whoever asks is told what does it.

use std::io;

use hyper::Method;
use serde_json::json;
use stead_base::Kind;
use stead_engine::Failure;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::{Answer, Route, route};
use crate::version::Version;

/// The routes of this noun.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::POST, "/build", build),
    route(Method::POST, "/build/prune", prune).since(Version(1, 31)),
    route(Method::POST, "/build/cancel", cancel).since(Version(1, 31)),
    route(Method::POST, "/session", session).since(Version(1, 31)),
    route(Method::POST, "/grpc", session).since(Version(1, 31)),
];

const INSTEAD: &str = "build it with buildah or buildkit (buildctl) and load the result with `docker load`";

fn build(ask: &mut Ask) -> Answer {
    // The client sends its whole context before it listens; an answer in between would be a broken pipe to it.
    drop(io::copy(ask.body(), &mut io::sink()));
    Err(Failure::new(Kind::Unsupported, format!("this engine does not build images: {INSTEAD}")))
}

fn session(_ask: &mut Ask) -> Answer {
    Err(Failure::new(Kind::Unsupported, format!("this engine has no buildkit: {INSTEAD}")))
}

/// There is no cache, so nothing of it goes.
fn prune(_ask: &mut Ask) -> Answer {
    Ok(Reply::json(200, &json!({ "CachesDeleted": null, "SpaceReclaimed": 0 })))
}

fn cancel(ask: &mut Ask) -> Answer {
    if ask.query().filled("id").is_none() {
        return Err(Failure::invalid("build ID not provided"));
    }
    Ok(Reply::empty(204))
}
