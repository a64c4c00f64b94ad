//! The index of a registry: version 1 of the protocol, kept for searching.

use serde::Deserialize;
use ureq::http::Method;

use super::auth::escape;
use super::client::{Client, Purpose, Request, limited};
use super::{Access, Error, Result};
use crate::search::Found;

/// Longest answer.
const ANSWER_MAX: u64 = 4 << 20;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    results: Vec<Found>,
}

/// Asks for repositories.
pub(crate) fn search(access: &Access, host: &str, term: &str, limit: i64) -> Result<Vec<Found>> {
    let mut failed = None;
    for base in access.own_bases(host) {
        let base = if host == "docker.io" { "https://index.docker.io".to_owned() } else { base };
        let url = format!("{base}/v1/search?q={}&n={limit}", escape(term));
        let client = Client::new(access, &base, None, Purpose::Pull);
        match client.exchange(&Request::new(Method::GET, &url)) {
            Ok(mut answer) if answer.status().is_success() => {
                let bytes = limited(&mut answer, ANSWER_MAX, &url)?;
                let parsed: Answer =
                    serde_json::from_slice(&bytes).map_err(|_bad| Error::Protocol { url, why: "not a list of repositories" })?;
                return Ok(parsed.results);
            }
            Ok(answer) => failed = Some(Error::Search(answer.status().as_u16())),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.unwrap_or_else(|| Error::Protocol { url: host.to_owned(), why: "not an address" }))
}
