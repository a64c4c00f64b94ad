//! From a request to its answer: version, route, handler on a thread that may block, and the bridge back to hyper.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use stead_engine::Engine;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::ask::{Ask, BodyReader};
use crate::hijack::Peer;
use crate::query::{Query, unescape};
use crate::reply::{Body, Reply, Taker};
use crate::route::Answer;
use crate::version::{NEWEST, Version};
use crate::{failure, route};

/// What hyper sends.
#[derive(Debug)]
pub(crate) enum Sent {
    /// All of it.
    Whole(Option<Bytes>),
    /// Bit by bit.
    Stream(mpsc::Receiver<io::Result<Bytes>>),
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().filter(|b| !b.is_empty()).map(|b| Ok(Frame::data(b)))),
            Self::Stream(chunks) => chunks.poll_recv(cx).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.as_ref().is_none_or(Bytes::is_empty))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| u64::try_from(b.len()).unwrap_or(0))),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// A connection to be handed over: the head that hyper will not send, and who takes it.
pub(crate) struct Takeover {
    pub(crate) head: Vec<u8>,
    pub(crate) take: Taker,
    /// Kept until the connection has been taken from hyper: dropped before, it would be an answer.
    pub(crate) unanswered: oneshot::Sender<Response<Sent>>,
}

/// What one connection's requests share.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) engine: Arc<Engine>,
    pub(crate) peer: Peer,
    pub(crate) takeovers: mpsc::UnboundedSender<Takeover>,
}

impl std::fmt::Debug for Takeover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Takeover").finish_non_exhaustive()
    }
}

static ANSWERED: AtomicU64 = AtomicU64::new(0);

/// How many requests there have been.
pub(crate) fn answered() -> u64 {
    ANSWERED.load(Ordering::Relaxed)
}

/// Answers one request. Never fails: whatever goes wrong is an answer.
pub(crate) async fn answer(door: Door, request: Request<Incoming>) -> Response<Sent> {
    ANSWERED.fetch_add(1, Ordering::Relaxed);
    let (sender, receiver) = oneshot::channel();
    let runtime = Handle::current();
    // The handler's thread outlives this future where the client leaves; it sees that by its writes or its peer.
    drop(tokio::task::spawn_blocking(move || {
        let asks_upgrade = request.headers().contains_key("upgrade");
        // What was removed and is due goes with the next thing that is made.
        let removes = request.method() == Method::DELETE
            || ["/prune", "/create", "/trash/empty"].iter().any(|end| request.uri().path().ends_with(end));
        let reply = handle(&door, request, runtime).unwrap_or_else(|failure| failure::reply(&failure));
        // The connection is let go of before the sweep: a client may wait for its end.
        let engine = Arc::clone(&door.engine);
        deliver(&door, reply, asks_upgrade, sender);
        drop(door);
        if removes {
            crate::sweep::sweep(&engine);
        }
    }));
    match receiver.await {
        Ok(response) => response,
        // The handler panicked; the message is in our log, not for the client.
        Err(_dropped) => response(&failure::message(500, "internal error: the handler of this request failed"), Sent::Whole(None)),
    }
}

/// On the blocking thread: finds the handler and runs it.
fn handle(door: &Door, request: Request<Incoming>, runtime: Handle) -> Answer {
    let (head, incoming) = request.into_parts();
    let path = unescape(head.uri.path())?;
    let mut body = BodyReader::new(incoming, runtime);
    let (version, path) = match versioned(&path) {
        Some((version, rest)) => (version, rest),
        None => (NEWEST, path.as_str()),
    };
    let found = version.check().map(|version| route::find(&head.method, path, version));
    let (route, params) = match found {
        Ok(Some(found)) => found,
        Ok(None) => {
            body.finish();
            return Ok(failure::message(404, "page not found"));
        }
        Err(failure) => {
            body.finish();
            return Err(failure);
        }
    };
    let mut ask = Ask {
        engine: Arc::clone(&door.engine),
        version,
        params,
        query: Query::parse(head.uri.query().unwrap_or_default())?,
        headers: head.headers,
        body,
        peer: door.peer.clone(),
    };
    let answer = (route.act)(&mut ask);
    // A client that is still sending would see a broken connection instead of the answer.
    ask.body.finish();
    answer
}

/// Splits `/v1.50/info`.
pub(crate) fn versioned(path: &str) -> Option<(Version, &str)> {
    let rest = path.strip_prefix("/v")?;
    let (version, _) = rest.split_once('/')?;
    Some((Version::parse(version)?, &rest[version.len()..]))
}

/// Sends the head, then lets a stream write on this thread.
fn deliver(door: &Door, reply: Reply, asks_upgrade: bool, sender: oneshot::Sender<Response<Sent>>) {
    let head = head(&reply);
    match reply.body {
        Body::Whole(bytes) => drop(sender.send(build(reply.status, head, Sent::Whole(Some(bytes.into()))))),
        Body::Stream(write) => {
            let (chunks, receiver) = mpsc::channel(4);
            if sender.send(build(reply.status, head, Sent::Stream(receiver))).is_err() {
                return;
            }
            let mut writer = Chunks { to: chunks, whole: false };
            writer.whole = write(&mut writer).is_ok();
        }
        Body::Hijack(take) => {
            let takeover = Takeover { head: raw_head(&head, asks_upgrade), take, unanswered: sender };
            // Nobody takes it: the connection has ended.
            drop(door.takeovers.send(takeover));
        }
    }
}

/// Each write becomes one chunk. Dropped before it is whole, which a panic does too, it breaks the answer off: the client would otherwise
/// take a part for all of it.
struct Chunks {
    to: mpsc::Sender<io::Result<Bytes>>,
    whole: bool,
}

impl Drop for Chunks {
    fn drop(&mut self) {
        if !self.whole {
            drop(self.to.blocking_send(Err(io::ErrorKind::UnexpectedEof.into())));
        }
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            let chunk = Bytes::copy_from_slice(bytes);
            self.to.blocking_send(Ok(chunk)).map_err(|_left| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Docker's headers on every answer, and the reply's own.
fn head(reply: &Reply) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let version = NEWEST.to_string();
    let server = concat!("Stead/", env!("CARGO_PKG_VERSION"), " (linux)");
    let fixed = [("api-version", version.as_str()), ("docker-experimental", "false"), ("ostype", "linux"), ("server", server)];
    let own = reply.headers.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in fixed.into_iter().chain(reply.content_type.map(|kind| ("content-type", kind))).chain(own) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers
}

fn build(status: u16, headers: HeaderMap, body: Sent) -> Response<Sent> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}

fn response(reply: &Reply, fallback: Sent) -> Response<Sent> {
    let body = match &reply.body {
        Body::Whole(bytes) => Sent::Whole(Some(Bytes::copy_from_slice(bytes))),
        Body::Stream(_) | Body::Hijack(_) => fallback,
    };
    build(reply.status, head(reply), body)
}

/// The head of a hijacked answer, written by us: no length, no chunks.
fn raw_head(headers: &HeaderMap, upgrade: bool) -> Vec<u8> {
    let begin: &[u8] = match (headers.contains_key("upgrade"), upgrade) {
        // The headers say to what.
        (true, _) => b"HTTP/1.1 101 Switching Protocols\r\n",
        (false, true) => b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n",
        (false, false) => b"HTTP/1.1 200 OK\r\n",
    };
    let mut out = begin.to_vec();
    for (name, value) in headers {
        out.extend_from_slice(title_case(name.as_str()).as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// `content-type` to `Content-Type`, as Go writes it: some clients look for it in these letters.
fn title_case(name: &str) -> String {
    let part = |part: &str| part.get(..1).map_or_else(String::new, |first| first.to_ascii_uppercase() + &part[1..]);
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_part_of_the_path_or_not() {
        assert_eq!(versioned("/v1.41/info"), Some((Version(1, 41), "/info")));
        assert_eq!(versioned("/v1.41"), None);
        assert_eq!(versioned("/volumes"), None);
        assert_eq!(versioned("/version"), None);
        assert_eq!(versioned("/vx/info"), None);
    }

    #[test]
    fn a_hijacked_answer_has_a_head_and_no_length() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/vnd.docker.raw-stream"));
        let text = String::from_utf8(raw_head(&headers, true)).unwrap();
        assert_eq!(
            text,
            "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
        );
        assert!(raw_head(&headers, false).starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}
