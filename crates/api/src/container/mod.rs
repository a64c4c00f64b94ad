//! Containers: one verb a file.

mod archive;
mod attach;
mod attach_ws;
mod commit;
mod create;
mod diff;
mod exec;
mod export;
mod follow;
mod inspect;
mod kill;
mod logs;
mod ls;
mod older;
mod pause;
mod prune;
mod rename;
pub(crate) mod resize;
mod restart;
mod rm;
mod start;
mod stats;
mod stop;
mod top;
mod unpause;
mod update;
mod wait;

pub(crate) use follow::wait as poll_wait;

use hyper::Method;

use crate::route::{Route, route};
use crate::version::Version;

/// The routes of this noun.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::GET, "/containers/json", ls::get),
    route(Method::POST, "/containers/create", create::post),
    route(Method::GET, "/containers/{id}/json", inspect::get),
    route(Method::POST, "/containers/{id}/start", start::post),
    route(Method::POST, "/commit", commit::post),
    route(Method::POST, "/containers/prune", prune::post).since(Version(1, 25)),
    route(Method::GET, "/containers/{id}/changes", diff::get),
    route(Method::GET, "/containers/{id}/export", export::get),
    route(Method::POST, "/containers/{id}/pause", pause::post),
    route(Method::POST, "/containers/{id}/rename", rename::post),
    route(Method::GET, "/containers/{id}/stats", stats::get),
    route(Method::GET, "/containers/{id}/top", top::get),
    route(Method::POST, "/containers/{id}/unpause", unpause::post),
    route(Method::POST, "/containers/{id}/update", update::post),
    route(Method::POST, "/containers/{id}/stop", stop::post),
    route(Method::POST, "/containers/{id}/restart", restart::post),
    route(Method::POST, "/containers/{id}/kill", kill::post),
    route(Method::POST, "/containers/{id}/wait", wait::post),
    route(Method::POST, "/containers/{id}/attach", attach::post),
    route(Method::GET, "/containers/{id}/attach/ws", attach_ws::get),
    route(Method::POST, "/containers/{id}/resize", resize::post),
    route(Method::POST, "/containers/{id}/exec", exec::post),
    route(Method::GET, "/containers/{id}/logs", logs::get),
    route(Method::HEAD, "/containers/{id}/archive", archive::head),
    route(Method::GET, "/containers/{id}/archive", archive::get),
    route(Method::PUT, "/containers/{id}/archive", archive::put),
    route(Method::DELETE, "/containers/{id}", rm::delete),
];
