//! Images: one verb a file.

mod auth;
mod create;
mod distribution;
mod history;
mod inspect;
pub(crate) mod job;
mod load;
mod ls;
mod name;
mod platform;
mod prune;
mod push;
mod rm;
mod save;
mod search;
mod tag;

use hyper::Method;

pub(crate) use auth::login_of;
pub(crate) use ls::with_virtual_size;

use crate::route::{Route, route};
use crate::version::Version;

/// The routes of this noun; literal paths before `{name*}`.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::GET, "/images/json", ls::get),
    route(Method::GET, "/images/search", search::get),
    route(Method::GET, "/images/get", save::several),
    route(Method::GET, "/images/{name*}/json", inspect::get),
    route(Method::GET, "/images/{name*}/history", history::get),
    route(Method::GET, "/images/{name*}/get", save::one),
    route(Method::POST, "/images/create", create::post),
    route(Method::POST, "/images/load", load::post),
    route(Method::POST, "/images/prune", prune::post).since(Version(1, 25)),
    route(Method::POST, "/images/{name*}/push", push::post),
    route(Method::POST, "/images/{name*}/tag", tag::post),
    route(Method::DELETE, "/images/{name*}", rm::delete),
    route(Method::GET, "/distribution/{name*}/json", distribution::get).since(Version(1, 30)),
];
