//! One command run to its end: nothing inherited from the tester's environment, a time limit, and an output that has to be looked at.
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a command may take when the test says nothing else.
const LIMIT: Duration = Duration::from_secs(90);

/// A command to be run.
#[derive(Debug, Clone)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    dir: Option<PathBuf>,
    stdin: Vec<u8>,
    limit: Duration,
}

impl Command {
    /// `program` with no arguments, a minimal environment and an empty stdin.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let env = [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("LANG", "C.UTF-8"), ("HOME", "/nonexistent")];
        Self {
            program: program.as_ref().into(),
            args: Vec::new(),
            env: env.iter().map(|(k, v)| (k.into(), v.into())).collect(),
            dir: None,
            stdin: Vec::new(),
            limit: LIMIT,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().into()));
        self
    }

    /// Sets a variable; a later one of the same name wins.
    #[must_use]
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.into(), value.as_ref().into()));
        self
    }

    /// Where the command runs.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// What the command reads.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// The longest the command may take.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The same command run by `program options...`: a tracer, a timer.
    #[must_use]
    pub fn wrapped(mut self, program: &str, options: &[&str]) -> Self {
        let inner = std::mem::replace(&mut self.program, program.into());
        let mut args: Vec<OsString> = options.iter().map(Into::into).collect();
        args.push(inner);
        args.append(&mut self.args);
        self.args = args;
        self
    }

    /// The command as a line, for messages.
    pub fn line(&self) -> String {
        let mut line = self.program.to_string_lossy().into_owned();
        for arg in &self.args {
            line.push(' ');
            line.push_str(&arg.to_string_lossy());
        }
        line
    }

    /// Starts the command and hands the child over, its three streams piped.
    pub fn spawn(&self) -> Child {
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.args).env_clear().envs(self.env.iter().map(|(k, v)| (k, v)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        // A group of its own, so that a signal for the tester's terminal does not reach it.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap_or_else(|e| panic!("cannot start {}: {e}", self.line()))
    }

    /// Runs the command to its end. Panics when it takes too long, or when something it left behind keeps its output open: a detached process that did
    /// so would hang every script that reads the engine's output.
    #[must_use = "an output nobody looks at proves nothing"]
    pub fn run(&self) -> Output {
        let began = Instant::now();
        let mut child = self.spawn();
        let mut input = child.stdin.take().unwrap();
        let bytes = self.stdin.clone();
        // A command that does not read its stdin ends the writer with EPIPE: not the test's concern.
        std::thread::spawn(move || input.write_all(&bytes).ok());
        let stdout = drain(child.stdout.take().unwrap());
        let stderr = drain(child.stderr.take().unwrap());
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > self.limit {
                child.kill().ok();
                child.wait().ok();
                let text = |rx: &mpsc::Receiver<Vec<u8>>| rx.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
                let (out, err) = (text(&stdout), text(&stderr));
                panic!(
                    "took longer than {:?}: {}\nstdout: {}\nstderr: {}",
                    self.limit,
                    self.line(),
                    String::from_utf8_lossy(&out),
                    String::from_utf8_lossy(&err)
                );
            }
            std::thread::sleep(Duration::from_micros(500));
        };
        let took = began.elapsed();
        let close = Duration::from_secs(5);
        let stdout = stdout.recv_timeout(close).unwrap_or_else(|_| panic!("something keeps the stdout open of: {}", self.line()));
        let stderr = stderr.recv_timeout(close).unwrap_or_else(|_| panic!("something keeps the stderr open of: {}", self.line()));
        Output {
            line: self.line(),
            code: status.code().unwrap_or_else(|| -status.signal().unwrap_or(0)),
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            took,
        }
    }
}

fn drain(mut from: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (tx, rx) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).ok();
        tx.send(bytes).ok();
    });
    rx
}

/// What a command answered.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line.
    pub line: String,
    /// The exit status; minus the signal's number when a signal ended it.
    pub code: i32,
    /// Everything on stdout.
    pub stdout: Vec<u8>,
    /// Everything on stderr.
    pub stderr: String,
    /// Wall time.
    pub took: Duration,
}

impl Output {
    /// Asserts success.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self}");
        self
    }

    /// Asserts this exit status.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Asserts that it failed, whatever the status.
    #[track_caller]
    pub fn fails(self) -> Self {
        assert_ne!(self.code, 0, "{self}");
        self
    }

    /// Asserts that stderr has this text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "stderr lacks {text:?}\n{self}");
        self
    }

    /// Asserts that stdout has this text.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.text().contains(text), "stdout lacks {text:?}\n{self}");
        self
    }

    /// stdout as text without its last newline.
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.stdout);
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    }

    /// stdout's lines.
    pub fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }

    /// stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|e| panic!("not JSON: {e}\n{self}"))
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "$ {}\nexit {} after {:?}\nstdout: {}\nstderr: {}", self.line, self.code, self.took, self.text(), self.stderr)
    }
}

#[cfg(test)]
mod tests {
    use super::Command;

    #[test]
    fn code_streams_and_environment() {
        let out = Command::new("sh").args(["-c", "cat; echo $X; echo e >&2; exit 3"]).env("X", "x").stdin("in ").run().exits(3).says("e\n");
        assert_eq!(out.text(), "in x");
        assert_eq!(Command::new("sh").args(["-c", "kill -9 $$"]).run().code, -9);
    }
}
