//! `GET /containers/json`.

use stead_engine::container::list::ListOptions;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let query = ask.query();
    let options = ListOptions {
        all: query.flag("all"),
        last: query.int("limit")?.filter(|n| *n > 0).and_then(|n| usize::try_from(n).ok()),
        size: query.flag("size"),
        filters: query.filters()?,
    };
    Ok(Reply::json(200, &ask.engine().container_list(&options)?))
}
