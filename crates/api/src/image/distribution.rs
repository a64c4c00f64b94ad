//! `GET /distribution/{name}/json`.

use stead_base::Kind;

use super::login_of;
use crate::ask::Ask;
use crate::failure;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    match ask.engine().image_distribution(ask.param("name"), &login_of(ask)) {
        Ok(found) => Ok(Reply::json(200, &found)),
        Err(stranger) if stranger.kind == Kind::NotAllowed => Ok(failure::message(401, &stranger.message)),
        Err(other) => Err(other),
    }
}
