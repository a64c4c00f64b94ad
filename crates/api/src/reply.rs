//! What a handler answers.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

use crate::hijack::Hijacked;

/// A stream's writer: each write goes to the client as a chunk of its own; an error means that the client left.
pub(crate) type Streamer = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;
/// Who takes a connection over.
pub(crate) type Taker = Box<dyn FnOnce(Hijacked) + Send>;
/// Headers beside the content type.
pub(crate) type Headers = Vec<(&'static str, String)>;

/// What follows the head of an answer.
pub(crate) enum Body {
    /// All of it, here.
    Whole(Vec<u8>),
    /// Written bit by bit on the handler's thread, after the head has been sent.
    Stream(Streamer),
    /// The connection stops being HTTP.
    Hijack(Taker),
}

/// One answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) headers: Headers,
    pub(crate) body: Body,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Reply {
    /// JSON, ended by a newline as Docker's encoder does.
    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        let mut bytes = Vec::new();
        // Our own types always encode.
        let status = if serde_json::to_writer(&mut bytes, value).is_ok() { status } else { 500 };
        bytes.push(b'\n');
        Self { status, content_type: Some("application/json"), headers: Vec::new(), body: Body::Whole(bytes) }
    }

    /// A status and nothing else.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), body: Body::Whole(Vec::new()) }
    }

    /// Plain text.
    pub(crate) fn text(status: u16, text: impl Into<String>) -> Self {
        let body = Body::Whole(text.into().into_bytes());
        Self { status, content_type: Some("text/plain; charset=utf-8"), headers: Vec::new(), body }
    }

    /// A body that comes bit by bit. The head is sent at once, each write as it is made.
    pub(crate) fn stream(
        status: u16,
        content_type: &'static str,
        headers: Headers,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
    ) -> Self {
        Self { status, content_type: Some(content_type), headers, body: Body::Stream(Box::new(write)) }
    }

    /// Hands the connection over: `101 UPGRADED` where the client asked for an upgrade, `200 OK` and raw bytes where it did not.
    pub(crate) fn hijack(content_type: &'static str, take: impl FnOnce(Hijacked) + Send + 'static) -> Self {
        Self { status: 101, content_type: Some(content_type), headers: Vec::new(), body: Body::Hijack(Box::new(take)) }
    }

    /// Hands the connection over to a web socket, whose handshake is in the headers.
    pub(crate) fn web_socket(take: impl FnOnce(Hijacked) + Send + 'static) -> Self {
        Self { status: 101, content_type: None, headers: Vec::new(), body: Body::Hijack(Box::new(take)) }
    }

    /// The same with one more header.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
