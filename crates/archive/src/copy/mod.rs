//! The client's side of `cp`: who is source and who is destination, and under which name the source lands. The rules are `docker cp`'s.
//!
//! `route` reads the two arguments; `local` looks at paths of this machine; `landing` decides where the archive is unpacked and what its top is
//! called there. Everything but `local` is pure.

mod landing;
pub mod local;
pub mod paths;
mod route;

pub use landing::{Endpoint, Landing, Refusal, landing};
pub use route::{Route, RouteError, link_destination, route, split_argument};
