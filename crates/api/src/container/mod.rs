//! Containers: one verb a file.

mod create;
mod inspect;
mod ls;
mod rm;
mod start;

use hyper::Method;

use crate::route::{Route, route};

/// The routes of this noun.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::GET, "/containers/json", ls::get),
    route(Method::POST, "/containers/create", create::post),
    route(Method::GET, "/containers/{id}/json", inspect::get),
    route(Method::POST, "/containers/{id}/start", start::post),
    route(Method::DELETE, "/containers/{id}", rm::delete),
];
