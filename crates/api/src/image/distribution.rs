//! `GET /distribution/{name}/json`.

use super::login_of;
use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    Ok(Reply::json(200, &ask.engine().image_distribution(ask.param("name"), &login_of(ask))?))
}
