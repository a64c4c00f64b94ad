//! Networks: one verb a file.

mod connect;
mod create;
mod disconnect;
mod inspect;
mod ls;
mod prune;
mod rm;

use hyper::Method;

use crate::route::{Route, route};
use crate::version::Version;

/// The routes of this noun; literal paths before `{name}`.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::GET, "/networks", ls::get),
    route(Method::GET, "/networks/{id}", inspect::get),
    route(Method::POST, "/networks/create", create::post),
    route(Method::POST, "/networks/prune", prune::post).since(Version(1, 25)),
    route(Method::POST, "/networks/{id}/connect", connect::post),
    route(Method::POST, "/networks/{id}/disconnect", disconnect::post),
    route(Method::DELETE, "/networks/{id}", rm::delete),
];
