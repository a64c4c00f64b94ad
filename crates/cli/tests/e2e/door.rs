//! `stead serve` for a test, and the smallest client there is: what is sent and what comes back can be seen to the byte.
use crate::scene::STEAD;
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;
use stead_testkit::{Command, Dockerd, Sandbox, docker_cli};

/// A served socket.
pub(crate) struct Door {
    socket: PathBuf,
    child: Option<Child>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text()))
    }

    /// The body as lines of JSON.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .filter(|l| !l.trim().is_empty())
            .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}")))
            .collect()
    }

    /// `{"message": …}`.
    #[track_caller]
    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_else(|| panic!("no message: {}", self.text())).to_owned()
    }
}

impl Door {
    /// Serves a sandbox.
    pub(crate) fn open(s: &Sandbox) -> Self {
        let socket = s.dir().join("api.sock");
        let child = std::process::Command::new(STEAD)
            .env("HOME", s.dir())
            .arg("--root")
            .arg(s.root())
            .arg("--run-root")
            .arg(s.run_root())
            .args(["serve", "-H", &format!("unix://{}", socket.display())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let door = Self { socket, child: Some(child) };
        s.eventually("the socket is served", || UnixStream::connect(&door.socket).is_ok());
        door
    }

    /// The socket of a dockerd, to ask both the same.
    pub(crate) fn of(docker: &Dockerd) -> Self {
        Self { socket: PathBuf::from(docker.host().trim_start_matches("unix://")), child: None }
    }

    /// Where it is served.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The docker client, pointed here.
    pub(crate) fn docker(&self, home: &Path) -> Command {
        Command::new(docker_cli())
            .env("HOME", home)
            .env("DOCKER_CONFIG", home.join("docker-config"))
            .arg("-H")
            .arg(format!("unix://{}", self.socket.display()))
            .dir(home)
    }

    /// One request; `head` are more header lines, each with its end.
    pub(crate) fn ask(&self, method: &str, path: &str, head: &str, body: &[u8]) -> Answer {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let length = if body.is_empty() && method != "POST" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{length}{head}\r\n").unwrap();
        // A server may answer before it has read everything.
        stream.write_all(body).ok();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        answer(&all)
    }

    /// One request to a server that may not live to answer it.
    pub(crate) fn try_ask(&self, method: &str, path: &str, body: &[u8]) -> Option<Answer> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len()).ok()?;
        stream.write_all(body).ok()?;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).ok()?;
        all.windows(4).any(|w| w == b"\r\n\r\n").then(|| Answer { status: 0, head: String::new(), body: all })
    }

    /// Kills the server where it stands.
    pub(crate) fn kill(&self) {
        if let Some(child) = &self.child {
            rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::KILL).unwrap();
        }
    }

    /// GET.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", b"")
    }

    /// POST without a body.
    pub(crate) fn post(&self, path: &str) -> Answer {
        self.ask("POST", path, "", b"")
    }

    /// POST of JSON.
    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, "Content-Type: application/json\r\n", body.to_string().as_bytes())
    }

    /// DELETE.
    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, "", b"")
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn answer(all: &[u8]) -> Answer {
    let end = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {}", String::from_utf8_lossy(all)));
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = &all[end + 4..];
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Answer { status, head, body: if chunked { joined(body) } else { body.to_vec() } }
}

fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(at) = chunks.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..at]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&chunks[at + 2..at + 2 + size]);
        chunks = &chunks[at + 4 + size..];
    }
    whole
}
