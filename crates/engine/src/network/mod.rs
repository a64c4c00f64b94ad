//! Networks: one verb a file.

mod connect;
mod create;
mod disconnect;
mod inspect;
pub mod list;
mod prune;
mod remove;
pub mod view;

pub use stead_network::{CreateRequest, Ipam, IpamConfig, Subnet};
pub use view::NetworkView;
