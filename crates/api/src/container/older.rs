//! What clients of older versions mean by what they send: fields their version did not have are let be, or refused where that would harm.

use stead_engine::Failure;
use stead_engine::container::config::HostConfig;
use stead_engine::container::create::CreateRequest;

use crate::version::Version;

/// Reads a request the way its version did.
///
/// # Errors
/// Docker's words for what the version cannot ask for.
pub(super) fn understand(request: &mut CreateRequest, version: Version) -> Result<(), Failure> {
    let host = &mut request.host;
    if version < Version(1, 40) {
        for bind in host.mounts.iter_mut().flatten().filter_map(|mount| mount.bind_options.as_mut()) {
            bind.non_recursive = false;
        }
        if host.ipc_mode.is_empty() {
            "shareable".clone_into(&mut host.ipc_mode);
        }
    }
    if version < Version(1, 42) {
        before_1_42(host);
    } else {
        options_fit_their_mounts(host)?;
    }
    if version < Version(1, 43) {
        host.annotations = None;
    }
    if version < Version(1, 44) {
        before_1_44(request)?;
    }
    let mounts = || request.host.mounts.iter().flatten();
    let refuse = |what: &str, since: Version| Err(Failure::invalid(format!("{what} needs API v{since} or newer")));
    if version < Version(1, 45) && mounts().any(|mount| mount.volume_options.as_ref().is_some_and(|options| !options.subpath.is_empty())) {
        return refuse("VolumeOptions.Subpath", Version(1, 45));
    }
    if version < Version(1, 48) && mounts().any(|mount| mount.kind.as_str() == "image") {
        return refuse("Mount type \"Image\"", Version(1, 48));
    }
    if request.host.pids_limit.is_some_and(|limit| limit <= 0) {
        request.host.pids_limit = None;
    }
    Ok(())
}

/// Options of another type of mount were not looked at.
fn before_1_42(host: &mut HostConfig) {
    host.console_size = None;
    for mount in host.mounts.iter_mut().flatten() {
        if let Some(bind) = &mut mount.bind_options {
            bind.create_mountpoint = false;
        }
        let kind = mount.kind.as_str();
        let (bind, volume, tmpfs) = (kind == "bind", kind == "volume", kind == "tmpfs");
        mount.bind_options = mount.bind_options.take().filter(|_| bind);
        mount.volume_options = mount.volume_options.take().filter(|_| volume);
        mount.tmpfs_options = mount.tmpfs_options.take().filter(|_| tmpfs);
    }
}

fn options_fit_their_mounts(host: &HostConfig) -> Result<(), Failure> {
    for mount in host.mounts.iter().flatten() {
        let kind = mount.kind.as_str();
        let given = [
            ("VolumeOptions", "volume", mount.volume_options.is_some()),
            ("BindOptions", "bind", mount.bind_options.is_some()),
            ("TmpfsOptions", "tmpfs", mount.tmpfs_options.is_some()),
        ];
        if let Some((options, ..)) = given.iter().find(|(_, of, given)| *given && *of != kind) {
            return Err(Failure::invalid(format!("{options} must not be specified on mount type {kind:?}")));
        }
    }
    Ok(())
}

/// A read-only bind left what is mounted below it writable, and a container began on one network.
fn before_1_44(request: &mut CreateRequest) -> Result<(), Failure> {
    for mount in request.host.mounts.iter_mut().flatten().filter(|mount| mount.kind.as_str() == "bind") {
        if mount.bind_options.as_ref().is_some_and(|bind| bind.read_only_force_recursive) {
            return Err(Failure::invalid("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer"));
        }
        if mount.read_only {
            mount.bind_options.get_or_insert_default().read_only_non_recursive = true;
        }
    }
    let networks: Vec<&str> = request.networking.endpoints_config.keys().map(String::as_str).collect();
    if networks.len() > 1 {
        return Err(Failure::invalid(format!("Container cannot be created with multiple network endpoints: {}", networks.join(", "))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(version: Version, host: serde_json::Value) -> Result<HostConfig, String> {
        let mut request = CreateRequest { host: serde_json::from_value(host).unwrap(), ..CreateRequest::default() };
        understand(&mut request, version).map(|()| request.host).map_err(|failure| failure.message)
    }

    #[test]
    fn options_of_another_type_are_refused_since_1_42() {
        let host = serde_json::json!({ "Mounts": [{ "Type": "bind", "Source": "/a", "Target": "/b", "VolumeOptions": {} }] });
        assert_eq!(asked(Version(1, 42), host.clone()).unwrap_err(), "VolumeOptions must not be specified on mount type \"bind\"");
        assert!(asked(Version(1, 41), host).unwrap().mounts.unwrap()[0].volume_options.is_none());
    }

    #[test]
    fn what_a_version_did_not_have_is_named() {
        let subpath =
            serde_json::json!({ "Mounts": [{ "Type": "volume", "Source": "v", "Target": "/b", "VolumeOptions": { "Subpath": "a" } }] });
        assert_eq!(asked(Version(1, 44), subpath.clone()).unwrap_err(), "VolumeOptions.Subpath needs API v1.45 or newer");
        assert!(asked(Version(1, 45), subpath).is_ok());
        let image = serde_json::json!({ "Mounts": [{ "Type": "image", "Source": "i", "Target": "/b" }] });
        assert_eq!(asked(Version(1, 47), image).unwrap_err(), "Mount type \"Image\" needs API v1.48 or newer");
    }

    #[test]
    fn a_read_only_bind_was_not_recursive() {
        let host = serde_json::json!({ "Mounts": [{ "Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": true }] });
        let options = |version| asked(version, host.clone()).unwrap().mounts.unwrap()[0].bind_options.clone();
        assert!(options(Version(1, 43)).unwrap().read_only_non_recursive);
        assert!(options(Version(1, 44)).is_none());
    }
}
