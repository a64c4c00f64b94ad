//! Host names in the options of network file systems. The kernel wants addresses, so they are looked up at each mount: a server may
//! have moved since the volume was created.

use std::net::ToSocketAddrs as _;

use crate::value::{FilesystemSpec, Mount, Source};

/// Looks a host name up; an address is its own answer.
type Lookup = fn(&str) -> Result<String, String>;

/// The mount with addresses in place of names: `addr=` of NFS and CIFS, and the server in a CIFS device.
pub(super) fn resolved(mount: &Mount) -> Result<Mount, String> {
    let mut mount = mount.clone();
    if let Source::Filesystem(spec) = &mut mount.source {
        resolve(spec, look_up)?;
    }
    Ok(mount)
}

fn resolve(spec: &mut FilesystemSpec, look_up: Lookup) -> Result<(), String> {
    let is_network = matches!(spec.fstype.as_str(), "nfs" | "nfs4" | "cifs" | "smb3");
    if !is_network {
        return Ok(());
    }
    let mut has_address = false;
    for option in &mut spec.options {
        if let Some(host) = option.strip_prefix("addr=") {
            let address = look_up(host)?;
            // What follows the `=` is all that changes; CIFS calls the same thing `ip`.
            *option = if spec.fstype.starts_with("nfs") { format!("addr={address}") } else { format!("ip={address}") };
            has_address = true;
        }
    }
    if has_address || spec.fstype.starts_with("nfs") {
        return Ok(());
    }
    if let Some(host) = spec.device.strip_prefix("//").and_then(|rest| rest.split('/').next())
        && !spec.options.iter().any(|option| option.starts_with("ip="))
    {
        let address = look_up(host)?;
        spec.options.push(format!("ip={address}"));
    }
    Ok(())
}

fn look_up(host: &str) -> Result<String, String> {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Ok(host.to_owned());
    }
    let failed = |reason: String| format!("error resolving passed in network volume address: lookup {host}: {reason}");
    let found = (host, 0u16).to_socket_addrs().map_err(|e| failed(e.to_string()))?.next();
    found.map(|address| address.ip().to_string()).ok_or_else(|| failed("no such host".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(fstype: &str, device: &str, options: &[&str]) -> Result<Vec<String>, String> {
        let mut spec = FilesystemSpec {
            fstype: fstype.to_owned(),
            device: device.to_owned(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
        };
        let book: Lookup = |host| match host {
            "files.example" => Ok("192.0.2.7".to_owned()),
            other => Err(format!("lookup {other}")),
        };
        resolve(&mut spec, book).map(|()| spec.options)
    }

    #[test]
    fn names_become_addresses_where_the_kernel_wants_them() {
        assert_eq!(answer("nfs", ":/x", &["addr=files.example", "vers=4"]).unwrap(), ["addr=192.0.2.7", "vers=4"]);
        assert_eq!(answer("cifs", "//files.example/x", &["username=u"]).unwrap(), ["username=u", "ip=192.0.2.7"]);
        assert_eq!(answer("cifs", "//any/x", &["addr=files.example"]).unwrap(), ["ip=192.0.2.7"]);
        assert_eq!(answer("cifs", "//any/x", &["ip=192.0.2.9"]).unwrap(), ["ip=192.0.2.9"]);
        assert_eq!(answer("ext4", "/dev/x", &["addr=files.example"]).unwrap(), ["addr=files.example"]);
        assert_eq!(answer("nfs", ":/x", &["addr=nowhere"]), Err("lookup nowhere".to_owned()));
    }

    #[test]
    fn addresses_need_no_look_up() {
        for address in ["192.0.2.1", "2001:db8::1"] {
            assert_eq!(look_up(address), Ok(address.to_owned()));
        }
    }
}
