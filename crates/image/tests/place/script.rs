//! A registry that says what a test tells it to: one function from request to answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) body: Vec<u8>,
}

/// Status line, header lines (each with its end), body.
pub(crate) type Said = (&'static str, String, Vec<u8>);

/// A running server.
pub(crate) struct Script {
    pub(crate) host: String,
    pub(crate) asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
}

impl Script {
    /// Answers every request with `say`, which is told the host.
    pub(crate) fn start(say: impl Fn(&Asked, &str) -> Said + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, ended, own) = (Arc::clone(&asked), Arc::clone(&stop), host.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                if let Some((request, mut stream)) = stream.ok().and_then(read) {
                    log.lock().unwrap().push(request.clone());
                    let (status, headers, body) = say(&request, &own);
                    let length = body.len();
                    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n").ok();
                    stream.write_all(if request.method == "HEAD" { &[] } else { &body }).ok();
                }
            }
        });
        Self { host, asked, stop }
    }

    /// How often this was asked.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|a| a.method == method && a.path.contains(part)).count()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        TcpStream::connect(&self.host).ok();
    }
}

/// One request; none where it is not HTTP (a TLS greeting).
fn read(stream: TcpStream) -> Option<(Asked, TcpStream)> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line.trim().is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if lower.starts_with("authorization:") {
            line.split_once(':')?.1.trim().clone_into(&mut authorization);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((Asked { method, path, authorization, body }, stream))
}
