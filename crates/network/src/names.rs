//! Names of containers: aardvark-dns answers them on each network's gateway. Its files are written whole from what is true.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use stead_base::layout::RunRoot;
use stead_sys::{durable, process};

use crate::error::{Error, Result};
use crate::record::Network;
use crate::sandbox::Sandbox;

/// Where distributions keep it. Nothing else is ever executed.
const PROGRAMS: [&str; 5] = [
    "/usr/lib/podman/aardvark-dns",
    "/usr/libexec/podman/aardvark-dns",
    "/usr/local/lib/podman/aardvark-dns",
    "/usr/local/libexec/podman/aardvark-dns",
    "/usr/libexec/aardvark-dns",
];
/// How long a start waits until its own name is answered.
const READY: Duration = Duration::from_secs(2);
const SIGHUP: i32 = 1;
const SIGTERM: i32 = 15;

/// Finds the program.
///
/// # Errors
/// [`Error::Missing`].
pub(crate) fn program(network: &str) -> Result<&'static str> {
    let missing = || Error::Missing { program: "aardvark-dns", needed_for: format!("names on network {network}"), package: "aardvark-dns" };
    PROGRAMS.into_iter().find(|path| Path::new(path).exists()).ok_or_else(missing)
}

/// Its directory: one file a network.
fn dir(run_root: &RunRoot) -> PathBuf {
    run_root.path().join("network").join("names")
}

/// The file of one network: its gateways, then a line for each container. None when nobody is there.
fn render(network: &Network, sandboxes: &[Sandbox]) -> Option<String> {
    let join = |list: Vec<String>| list.join(",");
    let mut text = join(network.pools.iter().map(|pool| pool.gateway.to_string()).collect());
    text.push('\n');
    let mut anybody = false;
    for sandbox in sandboxes {
        for endpoint in sandbox.endpoints.iter().filter(|e| e.network == network.id) {
            let one = |address: Option<(IpAddr, u8)>| address.map(|(a, _)| a.to_string()).unwrap_or_default();
            let (id, v4, v6, names) = (&sandbox.container, one(endpoint.ipv4), one(endpoint.ipv6), endpoint.names.join(","));
            let servers = join(sandbox.dns.iter().map(ToString::to_string).collect());
            text.push_str(format!("{id} {v4} {v6} {names} {servers}").trim_end());
            text.push('\n');
            anybody = true;
        }
    }
    anybody.then_some(text)
}

/// Makes the files say what is true and the program read them. Whether anything was new.
///
/// # Errors
/// The program is missing or does not start; the files cannot be written.
pub(crate) fn apply(run_root: &RunRoot, networks: &[Network], sandboxes: &[Sandbox]) -> Result<bool> {
    let wanted: BTreeMap<&str, String> =
        networks.iter().filter(|n| n.has_names()).filter_map(|n| Some((n.id.as_str(), render(n, sandboxes)?))).collect();
    let dir = dir(run_root);
    if wanted.is_empty() && !dir.exists() {
        return Ok(false);
    }
    let first = networks.iter().find(|n| wanted.contains_key(n.id.as_str()));
    let program = first.map(|n| program(&n.name)).transpose()?;
    durable::create_dir_all(&dir, 0o700)?;
    let mut changed = false;
    for entry in std::fs::read_dir(&dir).map_err(|e| stead_sys::Error::new("read", &dir, e))?.flatten() {
        let name = entry.file_name();
        let is_network = name.to_str().is_some_and(stead_base::ids::is_full_id);
        if is_network && !name.to_str().is_some_and(|name| wanted.contains_key(name)) {
            std::fs::remove_file(entry.path()).map_err(|e| stead_sys::Error::new("unlink", entry.path(), e))?;
            changed = true;
        }
    }
    for (id, text) in &wanted {
        let path = dir.join(id);
        if std::fs::read_to_string(&path).is_ok_and(|before| before == *text) {
            continue;
        }
        durable::replace_unflushed(&path, text.as_bytes(), 0o600)?;
        changed = true;
    }
    match running(&dir) {
        Some(pidfd) if changed => {
            // Without an entry it ends by itself; one of ours that does not is asked to.
            let signal = if wanted.is_empty() { SIGTERM } else { SIGHUP };
            drop(process::pidfd_send_signal(std::os::fd::AsFd::as_fd(&pidfd), signal));
        }
        None if !wanted.is_empty() => {
            if let Some(program) = program {
                start(program, &dir)?;
                changed = true;
            }
        }
        _ => {}
    }
    Ok(changed)
}

/// The program that serves our directory, if it runs: the number in its file may be somebody else's by now.
fn running(dir: &Path) -> Option<std::os::fd::OwnedFd> {
    let pid: i32 = std::fs::read_to_string(dir.join("aardvark.pid")).ok()?.trim().parse().ok()?;
    let pidfd = process::pidfd_open(pid).ok()?;
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let own = dir.as_os_str().as_encoded_bytes();
    let mut words = line.split(|byte| *byte == 0);
    let is_it = words.next().is_some_and(|word| word.ends_with(b"aardvark-dns")) && words.any(|word| word == own);
    is_it.then_some(pidfd)
}

/// It puts itself into the background once it listens.
fn start(program: &'static str, dir: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::from(stead_sys::Error::new("run", program, error));
    let mut command = process::command(program);
    command.arg("--config").arg(dir).args(["--port", "53", "run"]);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    process::new_session(&mut command);
    let status = command.spawn().and_then(|mut child| child.wait()).map_err(failed)?;
    if status.success() { Ok(()) } else { Err(Error::Program { program: "aardvark-dns", why: format!("it ended with {status}") }) }
}

/// Waits until `name` is answered by the server on `gateway`; gives up after a while, because a start must not hang on names.
pub(crate) fn wait_for(gateway: IpAddr, name: &str) {
    let began = Instant::now();
    let mut pause = Duration::from_micros(500);
    while began.elapsed() < READY {
        if ask(gateway, name).is_some_and(|answers| answers > 0) {
            return;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Asks for the IPv4 (or, of an IPv6 server, the IPv6) address of a name: how many answers there are.
fn ask(server: IpAddr, name: &str) -> Option<u16> {
    let any: IpAddr = if server.is_ipv4() { std::net::Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.set_read_timeout(Some(Duration::from_millis(200))).ok()?;
    socket.connect(SocketAddr::new(server, 53)).ok()?;
    // Id, recursion desired, one question; the name in its parts; type (A or AAAA), class IN.
    let mut query = vec![0x53, 0x74, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for part in name.split('.') {
        query.push(u8::try_from(part.len()).ok().filter(|length| (1..64).contains(length))?);
        query.extend_from_slice(part.as_bytes());
    }
    query.extend_from_slice(&[0, 0, if server.is_ipv4() { 1 } else { 28 }, 0, 1]);
    socket.send(&query).ok()?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).ok()?;
    let answered = length >= 12 && answer[..2] == query[..2] && answer[3] & 15 == 0;
    answered.then(|| u16::from_be_bytes([answer[6], answer[7]]))
}

/// How long the program may take to end after it was told that nobody is left.
const ENDS: Duration = Duration::from_secs(2);

/// Whether the program runs and goes on running, though it should be ending; for checks.
pub(crate) fn stays(run_root: &RunRoot) -> bool {
    let until = Instant::now() + ENDS;
    while running(&dir(run_root)).is_some() {
        if Instant::now() > until {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::create;
    use crate::record::CreateRequest;
    use crate::sandbox::Endpoint;

    #[test]
    fn files_have_aardvarks_format() {
        let mut network = create::check(&CreateRequest { name: "n".into(), ..CreateRequest::default() }).unwrap();
        network.id = "n1".into();
        create::fill(&mut network, &[], "").unwrap();
        let endpoint = Endpoint {
            id: String::new(),
            network: "n1".into(),
            network_name: "n".into(),
            interface: "eth0".into(),
            outside: None,
            mac: String::new(),
            ipv4: Some(("172.17.0.2".parse().unwrap(), 16)),
            ipv6: None,
            gateway4: None,
            gateway6: None,
            names: vec!["web".into(), "www".into()],
            priority: 0,
        };
        let mut sandbox = Sandbox { container: "c1".into(), endpoints: vec![endpoint], ..Sandbox::default() };
        assert_eq!(render(&network, &[sandbox.clone()]).unwrap(), "172.17.0.1\nc1 172.17.0.2  web,www\n");
        sandbox.dns.push("9.9.9.9".parse().unwrap());
        assert_eq!(render(&network, &[sandbox]).unwrap(), "172.17.0.1\nc1 172.17.0.2  web,www 9.9.9.9\n");
        assert_eq!(render(&network, &[]), None);
    }
}
