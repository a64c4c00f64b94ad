//! `POST /stead/system/run-due`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    Ok(Reply::json(200, &ask.engine().system_run_due()?))
}
