//! Published ports are held as long as the container lives, so that no program of the host takes one away from under its rule.
//!
//! Nobody is ever answered here: what is meant for the container is led away before it reaches these sockets.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use serde::{Deserialize, Serialize};

/// So many are held; the limit of open files is often 1024. The rest is published all the same.
const HELD_MAX: usize = 512;

/// One port of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPort {
    /// `tcp` or `udp`; others are not held.
    pub protocol: String,
    /// Address of the host.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// What is told when somebody has it.
    pub refusal: String,
}

/// Takes the ports, or says which one somebody has.
pub(crate) fn hold(ports: &[HeldPort]) -> Result<Vec<OwnedFd>, String> {
    let mut held = Vec::new();
    for port in ports.iter().take(HELD_MAX) {
        match take(port) {
            Ok(socket) => held.extend(socket),
            Err(rustix::io::Errno::ADDRINUSE) => return Err(port.refusal.clone()),
            // An address this host does not have yet, a family it does not speak: nobody can have the port either.
            Err(_) => {}
        }
    }
    Ok(held)
}

fn take(port: &HeldPort) -> rustix::io::Result<Option<OwnedFd>> {
    let family = if port.address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let kind = match port.protocol.as_str() {
        "tcp" => SocketType::STREAM,
        "udp" => SocketType::DGRAM,
        _ => return Ok(None),
    };
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    if family == AddressFamily::INET6 {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if kind == SocketType::STREAM {
        // Connections of a former owner that are still being forgotten are no owner.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &SocketAddr::new(port.address, port.port))?;
    if kind == SocketType::STREAM {
        rustix::net::listen(&socket, 1)?;
    }
    Ok(Some(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_port_is_nobody_elses() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let port = |protocol: &str| HeldPort { protocol: protocol.into(), address: free.ip(), port: free.port(), refusal: "taken".into() };
        let held = hold(&[port("tcp"), port("udp"), port("sctp")]).unwrap();
        assert_eq!(held.len(), 2);
        assert!(std::net::TcpListener::bind(free).is_err());
        assert_eq!(hold(&[port("tcp")]).unwrap_err(), "taken");
        drop(held);
        assert!(hold(&[port("tcp")]).is_ok());
    }
}
