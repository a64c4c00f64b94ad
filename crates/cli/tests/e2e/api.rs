//! The scene of the API's tests: a server in a sandbox, Docker's own client, and plain HTTP.
use crate::scene::STEAD;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use stead_testkit::{Command, Output, Sandbox, docker_cli, split};

/// One `stead serve`.
#[derive(Debug)]
pub(crate) struct Server<'s> {
    pub(crate) sandbox: &'s Sandbox,
    child: Child,
    pub(crate) socket: PathBuf,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.head, self.text()))
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}", self.head, self.text());
        self
    }

    /// The message of a failure.
    #[track_caller]
    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

impl<'s> Server<'s> {
    /// On the default socket.
    pub(crate) fn start(sandbox: &'s Sandbox) -> Self {
        Self::with(sandbox, &[], sandbox.run_root().join("stead.sock"))
    }

    /// With options, and the socket they lead to.
    pub(crate) fn with(sandbox: &'s Sandbox, options: &[&str], socket: PathBuf) -> Self {
        let mut command = std::process::Command::new(STEAD);
        command.arg("--root").arg(sandbox.root()).arg("--run-root").arg(sandbox.run_root()).arg("serve").args(options);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).current_dir("/").spawn().unwrap();
        sandbox.eventually("the server listens", || UnixStream::connect(&socket).is_ok());
        Self { sandbox, child, socket }
    }

    /// After what a shell does first.
    pub(crate) fn under(sandbox: &'s Sandbox, first: &str, socket: PathBuf) -> Self {
        let (root, run_root) = (sandbox.root().display(), sandbox.run_root().display());
        let script = format!("{first}; exec {STEAD} --root {root} --run-root {run_root} serve -H unix://{}", socket.display());
        let mut command = std::process::Command::new("/bin/sh");
        let child = command.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).current_dir("/").spawn().unwrap();
        sandbox.eventually("the server listens", || UnixStream::connect(&socket).is_ok());
        Self { sandbox, child, socket }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; how it ended and how long that took.
    pub(crate) fn stop(&mut self) -> (Option<i32>, Duration) {
        let began = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        (self.child.wait().unwrap().code(), began.elapsed())
    }

    /// Docker's client, a shell line behind it.
    pub(crate) fn client(&self, line: &str) -> Command {
        Command::new(docker_cli())
            .env("HOME", self.sandbox.dir())
            .env("DOCKER_HOST", format!("unix://{}", self.socket.display()))
            .dir(self.sandbox.dir())
            .args(split(line))
    }

    pub(crate) fn docker(&self, line: &str) -> Output {
        self.client(line).run()
    }

    /// Runs what has to succeed; its output without the last newline.
    #[track_caller]
    pub(crate) fn ok(&self, line: &str) -> String {
        self.docker(line).ok().text()
    }

    pub(crate) fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends bytes and reads until the server closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        // It may answer and close before it has read everything.
        stream.write_all(bytes).ok();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).ok();
        got
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub(crate) fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        let got = self.raw(&[head.as_bytes(), body].concat());
        parse(&got)
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "", b"")
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &serde_json::Value) -> Answer {
        self.request("POST", path, "Content-Type: application/json\r\n", body.to_string().as_bytes())
    }

    /// Creates a container of busybox without a network; its id.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a body is written where it is sent")]
    pub(crate) fn create(&self, name: &str, body: serde_json::Value) -> String {
        let mut whole = serde_json::json!({ "Image": "busybox", "HostConfig": { "NetworkMode": "none" } });
        for (key, value) in body.as_object().unwrap() {
            whole[key] = value.clone();
        }
        self.post(&format!("/containers/create?name={name}"), &whole).is(201).json()["Id"].as_str().unwrap().to_owned()
    }

    /// A POST that turns the connection into a stream: the head of its answer, and the stream behind it.
    pub(crate) fn hijack(&self, path: &str, upgrade: bool, body: &str) -> (String, UnixStream) {
        let mut stream = self.connect();
        let asks = if upgrade { "Connection: Upgrade\r\nUpgrade: tcp\r\n" } else { "" };
        let kind = "Content-Type: application/json\r\n";
        write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\n{asks}{kind}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let head = head(&mut stream);
        (head, stream)
    }

    /// Threads of the server's process.
    pub(crate) fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.pid())).map_or(0, Iterator::count)
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Reads a head, and not a byte further.
pub(crate) fn head(stream: &mut impl Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0u8]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap() == 0 {
            break;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// An answer read to its end; chunks are put together.
#[track_caller]
pub(crate) fn parse(got: &[u8]) -> Answer {
    let end = got.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(got)));
    let head = String::from_utf8(got[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = got[end + 4..].to_vec();
    if head.to_lowercase().contains("transfer-encoding: chunked") {
        let (mut rest, mut whole) = (&body[..], Vec::new());
        while let Some(line) = rest.windows(2).position(|w| w == b"\r\n") {
            let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
            if length == 0 {
                break;
            }
            whole.extend_from_slice(&rest[line + 2..line + 2 + length]);
            rest = &rest[line + 4 + length..];
        }
        body = whole;
    }
    Answer { status, head, body }
}

/// Splits a multiplexed stream: what came on each of the two.
#[track_caller]
pub(crate) fn frames(mut bytes: &[u8]) -> (String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while !bytes.is_empty() {
        let length = u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize;
        let to = if bytes[0] == 1 { &mut out } else { &mut err };
        to.extend_from_slice(&bytes[8..8 + length]);
        bytes = &bytes[8 + length..];
    }
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}
