//! `GET /images/search`.

use super::login_of;
use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let query = ask.query();
    let limit = query.int("limit")?.unwrap_or(0);
    let term = query.get("term").unwrap_or_default();
    Ok(Reply::json(200, &ask.engine().image_search(term, &query.filters()?, limit, &login_of(ask))?))
}
