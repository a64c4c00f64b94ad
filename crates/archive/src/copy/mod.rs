//! The client's side of `cp`: who is source and who is destination, and under which name the source lands. The rules are `docker cp`'s.
//!
//! `route` reads the two arguments; `landing` decides where the archive is unpacked and what its top is called there; both are pure. `local`
//! looks at paths of this machine, and `carry` does the whole for a face.

mod carry;
mod landing;
pub mod local;
pub mod paths;
mod route;

pub use carry::{Carried, CarryError, CarryOptions, Peer, carry_between, carry_in, carry_out};
pub use landing::{Endpoint, Landing, Refusal, landing};
pub use route::{Route, RouteError, link_destination, route, split_argument};
