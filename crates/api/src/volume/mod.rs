//! Volumes: one verb a file.

mod create;
mod inspect;
mod ls;
mod prune;
mod rm;
mod update;

use hyper::Method;

use crate::route::{Route, route};
use crate::version::Version;

/// The routes of this noun; literal paths before `{name*}`.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::GET, "/volumes", ls::get),
    route(Method::GET, "/volumes/{name*}", inspect::get),
    route(Method::POST, "/volumes/create", create::post),
    route(Method::POST, "/volumes/prune", prune::post).since(Version(1, 25)),
    route(Method::PUT, "/volumes/{name*}", update::put).since(Version(1, 42)),
    route(Method::DELETE, "/volumes/{name*}", rm::delete),
];
