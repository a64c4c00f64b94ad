//! One request as a handler sees it.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::HeaderMap;
use hyper::body::{Body as _, Bytes, Incoming};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use stead_engine::{Engine, Failure};
use tokio::runtime::Handle;

use crate::hijack::Peer;
use crate::query::Query;
use crate::route::Params;
use crate::version::Version;

/// The longest JSON body; a create with a full environment is far below it.
const JSON_MAX: usize = 8 << 20;

/// How long a client may pause within a body that is not a stream of its own.
const PATIENCE: Duration = Duration::from_secs(30);
/// So much of a body that nobody wanted is read away before the connection is given up.
const LEFT_MAX: u64 = 16 << 20;

/// One request.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) engine: Arc<Engine>,
    pub(crate) version: Version,
    pub(crate) params: Params,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: BodyReader,
    pub(crate) peer: Peer,
}

impl Ask {
    /// The engine.
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The version the client speaks.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// A named part of the path; empty when the route has none of this name.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value.as_str())
    }

    /// The query.
    pub(crate) fn query(&self) -> &Query {
        &self.query
    }

    /// A header, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the client is still there, for whoever waits long without a word to it.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The body as JSON: bounded, fields that are not known are let be, an empty body is the default.
    ///
    /// # Errors
    /// Docker's words for a body that is no JSON or does not say it is.
    pub(crate) fn json<T: DeserializeOwned + Default>(&mut self) -> Result<T, Failure> {
        Ok(self.json_if_any()?.unwrap_or_default())
    }

    /// The same, telling an empty body from one that says nothing.
    ///
    /// # Errors
    /// As [`Ask::json`].
    pub(crate) fn json_if_any<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        let kind = self.header("content-type").unwrap_or_default().to_owned();
        if kind.is_empty() && self.body.is_empty() {
            return Ok(None);
        }
        check_json(&kind)?;
        if self.body.is_empty() {
            return Ok(None);
        }
        self.body.patience = Some(PATIENCE);
        let mut text = Vec::new();
        let limit = u64::try_from(JSON_MAX).unwrap_or(u64::MAX) + 1;
        self.body.by_ref().take(limit).read_to_end(&mut text).map_err(|error| Failure::invalid(format!("invalid JSON: {error}")))?;
        if text.len() > JSON_MAX {
            return Err(Failure::invalid("invalid JSON: request body too large"));
        }
        // Every body of Docker's is an object; a list would be taken for one whose fields come in order.
        if text.trim_ascii_start().starts_with(b"[") {
            return Err(Failure::invalid("invalid JSON: json: cannot unmarshal array into an object"));
        }
        parse(&text)
    }

    /// The body as it comes, for a thread of its own.
    pub(crate) fn take_body(&mut self) -> BodyReader {
        let nothing = BodyReader { incoming: None, runtime: None, rest: Bytes::new(), empty: true, patience: None };
        std::mem::replace(&mut self.body, nothing)
    }

    /// The body as it comes.
    pub(crate) fn body(&mut self) -> &mut BodyReader {
        &mut self.body
    }
}

fn check_json(kind: &str) -> Result<(), Failure> {
    let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        "application/json" => Ok(()),
        "" => Err(Failure::invalid(format!("malformed Content-Type header ({kind}): mime: no media type"))),
        _ => Err(Failure::invalid(format!("unsupported Content-Type header ({media}): must be 'application/json'"))),
    }
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<Option<T>, Failure> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::invalid("invalid JSON: got EOF while reading request body"));
    }
    let bad = |error: serde_json::Error| Failure::invalid(format!("invalid JSON: {error}"));
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Value>();
    let value = match values.next() {
        Some(value) => value.map_err(bad)?,
        None => return Err(Failure::invalid("invalid JSON: got EOF while reading request body")),
    };
    if !text[values.byte_offset()..].iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::invalid("unexpected content after JSON"));
    }
    if value.is_null() {
        return Ok(None);
    }
    T::deserialize(go_like("", value)).map(Some).map_err(bad)
}

/// Docker's clients send `null` for whatever they do not set, and its server takes it for that: members that are null are left out, unless
/// they stand in a map of the client's own keys, where the key alone says something.
fn go_like(name: &str, value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter_map(|(key, value)| {
                let value = if value.is_null() { absent(name)? } else { go_like(&key, value) };
                Some((key, value))
            });
            Value::Object(members.collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(|item| go_like("", item)).collect()),
        other => other,
    }
}

/// What a null in the map of this name means; `None` where it is no map of free keys.
fn absent(map: &str) -> Option<Value> {
    match map {
        "Volumes" | "ExposedPorts" | "EndpointsConfig" => Some(Value::Object(Map::new())),
        "PortBindings" => Some(Value::Array(Vec::new())),
        "Labels" | "Annotations" | "Sysctls" | "Tmpfs" | "DriverOpts" | "Options" => Some(Value::String(String::new())),
        _ => None,
    }
}

/// The request's body, read on a thread that may block.
pub(crate) struct BodyReader {
    incoming: Option<Incoming>,
    runtime: Option<Handle>,
    rest: Bytes,
    empty: bool,
    /// How long the next piece may take; for ever where it is a stream that somebody types.
    patience: Option<Duration>,
}

impl std::fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyReader").field("empty", &self.empty).finish_non_exhaustive()
    }
}

impl BodyReader {
    /// Over a body that hyper receives.
    pub(crate) fn new(incoming: Incoming, runtime: Handle) -> Self {
        let empty = incoming.is_end_stream();
        Self { incoming: Some(incoming), runtime: Some(runtime), rest: Bytes::new(), empty, patience: None }
    }

    /// Gives up on a client that stops sending in the middle: for a body that is read while something is held that others want.
    pub(crate) fn be_quick(&mut self) -> &mut Self {
        self.patience = Some(PATIENCE);
        self
    }

    /// Whether the body is announced as longer than this, or without a length.
    pub(crate) fn announces_more_than(&self, length: u64) -> bool {
        !self.empty && self.incoming.as_ref().is_some_and(|body| body.size_hint().exact().is_none_or(|exact| exact > length))
    }

    /// Reads away what is left, if that is not much.
    pub(crate) fn finish(&mut self) {
        self.patience = Some(PATIENCE);
        drop(io::copy(&mut self.take(LEFT_MAX), &mut io::sink()));
    }

    /// Whether the request announced no body.
    pub(crate) fn is_empty(&self) -> bool {
        self.empty
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let (Some(incoming), Some(runtime)) = (&mut self.incoming, &self.runtime) else { return Ok(0) };
            let limit = self.patience;
            let next = runtime.block_on(async move {
                match limit {
                    Some(limit) => tokio::time::timeout(limit, Frame(incoming)).await.unwrap_or_else(|_late| Some(Err(late()))),
                    None => Frame(incoming).await,
                }
            });
            match next {
                None => self.incoming = None,
                Some(Err(error)) => {
                    self.incoming = None;
                    return Err(error);
                }
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
            }
        }
        let count = buffer.len().min(self.rest.len());
        buffer[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the body did not come in time")
}

/// The next frame of a body.
struct Frame<'a>(&'a mut Incoming);

impl Future for Frame<'_> {
    type Output = Option<io::Result<hyper::body::Frame<Bytes>>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.0).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(io::Error::other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_refused_in_dockers_words() {
        let message = |text: &str| parse::<Vec<u8>>(text.as_bytes()).unwrap_err().message;
        assert_eq!(message("[1] x"), "unexpected content after JSON");
        assert_eq!(message("[1][2]"), "unexpected content after JSON");
        assert_eq!(message(" \n"), "invalid JSON: got EOF while reading request body");
        assert!(message("[1").starts_with("invalid JSON: "));
        assert_eq!(parse::<Vec<u8>>(b" [1] \n"), Ok(Some(vec![1])));
        assert_eq!(parse::<Vec<u8>>(b"null"), Ok(None));
        assert!(message(&"[".repeat(10_000)).starts_with("invalid JSON: "));
    }

    #[test]
    fn nulls_are_absent_but_for_the_keys_of_maps() {
        let value: Option<Value> =
            parse(br#"{"User":null,"Volumes":{"/d":null},"Host":{"Binds":null,"Labels":{"a":null}},"List":[null]}"#).unwrap();
        assert_eq!(value.unwrap(), serde_json::json!({"Volumes":{"/d":{}},"Host":{"Labels":{"a":""}},"List":[null]}));
    }

    #[test]
    fn only_json_is_json() {
        assert!(check_json("application/json; charset=utf-8").is_ok() && check_json("Application/JSON").is_ok());
        assert_eq!(
            check_json("text/plain").unwrap_err().message,
            "unsupported Content-Type header (text/plain): must be 'application/json'"
        );
        assert_eq!(check_json("").unwrap_err().message, "malformed Content-Type header (): mime: no media type");
    }
}
