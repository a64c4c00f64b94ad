//! Containers: one verb a file.

mod commit;
mod create;
mod diff;
mod export;
mod inspect;
mod ls;
mod pause;
mod prune;
mod rename;
mod rm;
mod start;
mod stats;
mod top;
mod unpause;
mod update;

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
    route(Method::DELETE, "/containers/{id}", rm::delete),
];
