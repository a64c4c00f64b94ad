//! `POST /images/{name}/push`.

use std::sync::Arc;

use super::auth::login_or_body;
use super::{job, name};
use crate::ask::Ask;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let reference = name::joined(ask.param("name"), ask.query().get("tag").unwrap_or_default())?;
    let auth = login_or_body(ask);
    let engine = Arc::clone(ask.engine());
    // Without a tag it is every tag: Docker's clients say `latest` themselves.
    let all = reference.tag().is_none() && reference.digest().is_none();
    job::run(ask, job::LINES, move |told| engine.image_push(&reference.canonical(), all, &auth, told).map(drop))
}
