//! One connection without a listener, and the parsers without a connection: for tests that send what no client would.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as Blocking;
use std::sync::Arc;

use hyper::Method;
use stead_base::filter::Filters;
use stead_engine::{Engine, Failure};
use tokio::net::UnixStream;
use tokio::sync::watch;

use crate::connection::speak;
use crate::query::{Query, unescape};
use crate::{answer, route};

/// Serves one connection of a runtime until it ends.
///
/// # Errors
/// The connection cannot be used.
pub async fn attend(engine: &Arc<Engine>, stream: Blocking) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let descriptor = stream.as_fd().try_clone_to_owned()?;
    // Nobody tells it to end but the client.
    let (_kept, stopping) = watch::channel(false);
    speak(Arc::clone(engine), UnixStream::from_std(stream)?, descriptor, stopping).await;
    Ok(())
}

/// The parameters of a query string.
///
/// # Errors
/// An escape that is none.
pub fn query(text: &str) -> Result<Vec<(String, String)>, Failure> {
    Query::parse(text).map(Query::into_pairs)
}

/// The filters of a query string, in either of Docker's forms.
///
/// # Errors
/// Docker's words for what is none.
pub fn filters(text: &str) -> Result<Filters, Failure> {
    Query::parse(text)?.filters()
}

/// A pattern, and the named parts of a path that fits it.
pub type Routed = (&'static str, Vec<(&'static str, String)>);

/// The pattern that a path is routed by, and its named parts.
///
/// # Errors
/// An escape that is none.
pub fn path(method: &str, text: &str) -> Result<Option<Routed>, Failure> {
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return Ok(None) };
    let text = unescape(text)?;
    let (version, path) = answer::versioned(&text).unwrap_or((crate::version::NEWEST, &text));
    Ok(route::find(&method, path, version).map(|(found, params)| (found.path, params)))
}
