//! More processes in running containers: one verb a file.

mod inspect;
mod pump;
mod resize;
mod start;

use hyper::Method;

use crate::route::{Route, route};

/// The routes of this noun.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::POST, "/exec/{id}/start", start::post),
    route(Method::POST, "/exec/{id}/resize", resize::post),
    route(Method::GET, "/exec/{id}/json", inspect::get),
];
