//! `POST /auth`.

use std::io::Read as _;

use serde_json::json;
use stead_base::Kind;
use stead_engine::Failure;
use stead_engine::image::Login;

use crate::ask::Ask;
use crate::failure;
use crate::reply::Reply;
use crate::route::Answer;

/// Longest body.
const BODY_MAX: u64 = 64 * 1024;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let mut text = Vec::new();
    let read = ask.body().take(BODY_MAX + 1).read_to_end(&mut text);
    read.map_err(|e| Failure::invalid(format!("invalid JSON: {e}")))?;
    if text.is_empty() {
        return Err(Failure::invalid("invalid JSON: got EOF while reading request body"));
    }
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > BODY_MAX {
        return Err(Failure::invalid("invalid JSON: request body too large"));
    }
    let (login, server) = Login::read(&text).map_err(|e| Failure::invalid(format!("invalid JSON: {e}")))?;
    match ask.engine().system_auth(&server, &login.unwrap_or_default()) {
        Ok(said) => Ok(Reply::json(200, &json!({ "IdentityToken": "", "Status": said }))),
        Err(refused) if refused.kind == Kind::NotAllowed => Ok(failure::message(401, &refused.message)),
        Err(other) => Err(other),
    }
}
