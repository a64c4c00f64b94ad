//! Swarm mode: there is none, so this engine answers as a node outside of a swarm.

use hyper::Method;
use stead_base::Kind;
use stead_engine::Failure;

use crate::ask::Ask;
use crate::failure;
use crate::route::{Answer, Route, route};
use crate::version::Version;

const CONFIGS: Version = Version(1, 30);
const SECRETS: Version = Version(1, 25);

/// The routes of these nouns; literal paths before `{id}`.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::GET, "/swarm", absent),
    route(Method::GET, "/swarm/unlockkey", absent),
    route(Method::POST, "/swarm/init", refuse),
    route(Method::POST, "/swarm/join", refuse),
    route(Method::POST, "/swarm/leave", outside),
    route(Method::POST, "/swarm/update", absent),
    route(Method::POST, "/swarm/unlock", outside),
    route(Method::GET, "/nodes", absent),
    route(Method::GET, "/nodes/{id}", absent),
    route(Method::DELETE, "/nodes/{id}", absent),
    route(Method::POST, "/nodes/{id}/update", absent),
    route(Method::GET, "/services", absent),
    route(Method::POST, "/services/create", absent),
    route(Method::GET, "/services/{id}", absent),
    route(Method::DELETE, "/services/{id}", absent),
    route(Method::POST, "/services/{id}/update", absent),
    route(Method::GET, "/services/{id}/logs", absent),
    route(Method::GET, "/tasks", absent),
    route(Method::GET, "/tasks/{id}", absent),
    route(Method::GET, "/tasks/{id}/logs", absent),
    route(Method::GET, "/secrets", absent).since(SECRETS),
    route(Method::POST, "/secrets/create", absent).since(SECRETS),
    route(Method::GET, "/secrets/{id}", absent).since(SECRETS),
    route(Method::DELETE, "/secrets/{id}", absent).since(SECRETS),
    route(Method::POST, "/secrets/{id}/update", absent).since(SECRETS),
    route(Method::GET, "/configs", absent).since(CONFIGS),
    route(Method::POST, "/configs/create", absent).since(CONFIGS),
    route(Method::GET, "/configs/{id}", absent).since(CONFIGS),
    route(Method::DELETE, "/configs/{id}", absent).since(CONFIGS),
    route(Method::POST, "/configs/{id}/update", absent).since(CONFIGS),
];

/// What a node says that manages no swarm.
pub(crate) fn absent(_ask: &mut Ask) -> Answer {
    Ok(failure::message(
        503,
        "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.",
    ))
}

fn outside(_ask: &mut Ask) -> Answer {
    Ok(failure::message(503, "This node is not part of a swarm"))
}

fn refuse(_ask: &mut Ask) -> Answer {
    Err(Failure::new(Kind::Unsupported, "this engine has no swarm mode"))
}
