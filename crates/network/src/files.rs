//! /etc/hosts, /etc/hostname and /etc/resolv.conf of a container: their text, and writing them beside its layer.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// So long one of the three files may be for us to read it back.
const LEN_MAX: u64 = 256 << 10;

/// The three files' texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// /etc/hosts.
    pub hosts: String,
    /// /etc/hostname.
    pub hostname: String,
    /// /etc/resolv.conf.
    pub resolv: String,
}

/// Where they lie, by the path in the container.
#[must_use]
pub fn paths(dir: &Path) -> [(&'static str, PathBuf); 3] {
    [("/etc/hosts", dir.join("hosts")), ("/etc/hostname", dir.join("hostname")), ("/etc/resolv.conf", dir.join("resolv.conf"))]
}

/// Writes the three files into a container's directory. They are written anew at every start, so they are replaced whole but not flushed.
///
/// # Errors
/// A file cannot be written.
pub fn write(dir: &Path, files: &Files) -> stead_sys::Result<()> {
    for ((_, path), text) in paths(dir).into_iter().zip([&files.hosts, &files.hostname, &files.resolv]) {
        // A container that still has the old file mounted keeps it: the new one is another inode.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(stead_sys::Error::new("unlink", &path, error)),
            _ => {}
        }
        create(&path, text).map_err(|error| stead_sys::Error::new("write", &path, error))?;
    }
    Ok(())
}

/// Writes the three files of a running container anew, in place: they are mounted in it.
///
/// # Errors
/// A file cannot be written.
pub fn rewrite(dir: &Path, files: &Files) -> stead_sys::Result<()> {
    use std::io::Write as _;
    for ((_, path), text) in paths(dir).into_iter().zip([&files.hosts, &files.hostname, &files.resolv]) {
        if read(&path) == *text {
            continue;
        }
        let opened = std::fs::OpenOptions::new().write(true).truncate(true).open(&path);
        opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| stead_sys::Error::new("write", &path, error))?;
    }
    Ok(())
}

/// Reads one of the three files. A container may have written anything into it, so what is longer than such a file can sensibly be, or is no
/// text, reads as empty.
#[must_use]
pub fn read(path: &Path) -> String {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LEN_MAX + 1).read_to_string(&mut text));
    if read.is_ok_and(|length| u64::try_from(length).is_ok_and(|length| length <= LEN_MAX)) { text } else { String::new() }
}

fn create(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?.write_all(text.as_bytes())
}

/// What the resolver's file is made of.
#[derive(Debug, Clone, Default)]
pub struct Resolver<'a> {
    /// The host's /etc/resolv.conf.
    pub host: &'a str,
    /// Servers that know the names of the container's networks.
    pub names: &'a [IpAddr],
    /// Whether the container is apart from the host's loopback, and so from name servers that listen only there.
    pub apart: bool,
    /// `--dns`.
    pub servers: &'a [String],
    /// `--dns-search`; a single `.` means none.
    pub search: &'a [String],
    /// `--dns-option`.
    pub options: &'a [String],
}

/// Where Docker turns when every server of the host is out of a container's reach.
const PUBLIC_SERVERS: [&str; 2] = ["8.8.8.8", "8.8.4.4"];

/// /etc/hosts: loopback names, the container's own name on each of its addresses, then `--add-host`.
///
/// A container with only a loopback has no other address, so its name is put on 127.0.0.1 where programs that look themselves up
/// (java, hadoop, postgres) find it; Docker's `none` network leaves it out and they fail.
#[must_use]
pub fn hosts(hostname: &str, domainname: &str, addresses: &[IpAddr], extra: &[String]) -> String {
    let mut text = String::from(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
    );
    let own = if domainname.is_empty() { hostname.to_owned() } else { format!("{hostname}.{domainname} {hostname}") };
    if !own.is_empty() && addresses.is_empty() {
        push_line(&mut text, &format!("127.0.0.1\t{own}"));
    }
    addresses.iter().filter(|_| !own.is_empty()).for_each(|address| push_line(&mut text, &format!("{address}\t{own}")));
    for entry in extra {
        if let Some((name, address)) = entry.split_once([':', '=']) {
            push_line(&mut text, &format!("{address}\t{name}"));
        }
    }
    text
}

/// /etc/resolv.conf: the host's, with what the user said instead.
#[must_use]
pub fn resolv(resolver: &Resolver<'_>) -> String {
    let mut text = String::new();
    let host_lines = |keyword: &str| -> Vec<String> {
        resolver.host.lines().map(str::trim).filter(|l| l.split_whitespace().next() == Some(keyword)).map(str::to_owned).collect()
    };
    if !resolver.names.is_empty() {
        // They ask the servers behind them for everything else, `--dns` included.
        resolver.names.iter().for_each(|address| push_line(&mut text, &format!("nameserver {address}")));
    } else if resolver.servers.is_empty() {
        let mut servers = host_lines("nameserver");
        if resolver.apart {
            let loopback =
                |line: &String| line.split_whitespace().nth(1).and_then(|a| a.parse::<IpAddr>().ok()).is_some_and(|a| a.is_loopback());
            servers.retain(|line| !loopback(line));
            if servers.is_empty() {
                servers.extend(PUBLIC_SERVERS.map(|server| format!("nameserver {server}")));
            }
        }
        servers.iter().for_each(|l| push_line(&mut text, l));
    } else {
        resolver.servers.iter().for_each(|s| push_line(&mut text, &format!("nameserver {s}")));
    }
    match resolver.search {
        [] => host_lines("search").iter().for_each(|l| push_line(&mut text, l)),
        [dot] if dot == "." => {}
        many => push_line(&mut text, &format!("search {}", many.join(" "))),
    }
    if resolver.options.is_empty() && !resolver.names.is_empty() {
        push_line(&mut text, "options ndots:0");
    } else if resolver.options.is_empty() {
        host_lines("options").iter().for_each(|l| push_line(&mut text, l));
    } else {
        push_line(&mut text, &format!("options {}", resolver.options.join(" ")));
    }
    text
}

fn push_line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _infallible = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_knows_its_own_name() {
        assert!(hosts("web", "", &["172.17.0.2".parse().unwrap()], &[]).ends_with("\n172.17.0.2\tweb\n"));
        let text = hosts("web", "example.org", &[], &["db:10.0.0.2".to_owned(), "v6:::1".to_owned()]);
        assert!(text.contains("127.0.0.1\tweb.example.org web\n"));
        assert!(text.contains("10.0.0.2\tdb\n"));
        assert!(text.contains("::1\tv6\n"));
    }

    #[test]
    fn a_container_cannot_make_us_read_without_end() {
        let dir = std::env::temp_dir().join(format!("stead-test-{}-files", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let files = Files { hosts: "a\n".into(), hostname: "b\n".into(), resolv: "c\n".into() };
        write(&dir, &files).unwrap();
        let hosts = &paths(&dir)[0].1;
        assert_eq!(read(hosts), "a\n");
        std::fs::OpenOptions::new().write(true).open(hosts).unwrap().set_len(100 << 30).unwrap();
        assert_eq!(read(hosts), "");
        rewrite(&dir, &files).unwrap();
        assert_eq!(read(hosts), "a\n");
        for (_, path) in paths(&dir) {
            std::fs::remove_file(path).unwrap();
        }
        std::fs::remove_dir(&dir).unwrap();
    }

    #[test]
    fn what_the_user_says_replaces_what_the_host_says() {
        let host = "# c\nnameserver 1.1.1.1\nsearch a b\noptions ndots:2\n";
        assert_eq!(resolv(&Resolver { host, ..Resolver::default() }), "nameserver 1.1.1.1\nsearch a b\noptions ndots:2\n");
        let names = ["172.18.0.1".parse().unwrap()];
        let named = Resolver { host, names: &names, ..Resolver::default() };
        assert_eq!(resolv(&named), "nameserver 172.18.0.1\nsearch a b\noptions ndots:0\n");
        let local = Resolver { host: "nameserver 127.0.0.53\n", apart: true, ..Resolver::default() };
        assert_eq!(resolv(&local), "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
        let servers = ["9.9.9.9".to_owned()];
        let search = [".".to_owned()];
        assert_eq!(
            resolv(&Resolver { host, servers: &servers, search: &search, ..Resolver::default() }),
            "nameserver 9.9.9.9\noptions ndots:2\n"
        );
    }
}
