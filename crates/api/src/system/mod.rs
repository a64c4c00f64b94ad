//! The engine itself: one verb a file.

mod auth;
mod df;
mod events;
mod info;
mod ping;
mod pool;
mod run_due;
mod version;

use hyper::Method;

use crate::route::{Route, route};
use crate::version::Version;

/// The routes of this noun.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::GET, "/_ping", ping::get),
    route(Method::HEAD, "/_ping", ping::get),
    route(Method::GET, "/version", version::get),
    route(Method::GET, "/info", info::get),
    route(Method::GET, "/system/df", df::get).since(Version(1, 25)),
    route(Method::GET, "/stead/system/pool", pool::inspect::get),
    route(Method::POST, "/stead/system/pool", pool::create::post),
    route(Method::POST, "/stead/system/pool/grow", pool::grow::post),
    route(Method::DELETE, "/stead/system/pool", pool::rm::delete),
    route(Method::POST, "/auth", auth::post),
    route(Method::GET, "/events", events::get),
    route(Method::POST, "/stead/system/run-due", run_due::post),
];
