//! Networks of containers: bridges, addresses, names and published ports, and the three files that tell a container who it is.
//!
//! - Purpose: records of networks; the interfaces, rules and names that running containers need; /etc/hosts, /etc/hostname, /etc/resolv.conf.
//! - Door: [`Networks`], [`Network`], [`CreateRequest`], [`Attach`], [`Sandbox`], [`Mode`], [`settings`], [`files`].
//! - Knows: Docker's words for networks; netlink; nftables; aardvark-dns; the format of the resolver's files.
//! - Must not know: containers' records, images, volumes.
//! - If we crash here: interfaces vanish with the container's namespace, which nothing pins; a sandbox file without a container is
//!   found by the next start and by `system check`; rules and names are written whole from what is true by whoever comes next.

mod attach;
mod check;
mod create;
mod error;
pub mod files;
mod firewall;
mod lease;
mod mode;
mod names;
mod networks;
mod record;
pub mod sandbox;
pub mod settings;
mod subnet;
mod wire;

pub use attach::{Attach, Join};
pub use check::Finding;
pub use error::{Error, Result};
pub use mode::Mode;
pub use networks::{Alive, Networks};
pub use record::{BRIDGE, CreateRequest, HOST, Ipam, IpamConfig, KIND, NONE, Network, OPTION_ICC, OPTION_MTU, PREDEFINED, Pool};
pub use sandbox::{Endpoint, Published, Sandbox};
pub use settings::{EndpointSettings, PortBinding, PortWish, Protocol};
pub use subnet::Subnet;
