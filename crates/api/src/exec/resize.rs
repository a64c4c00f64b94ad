//! `POST /exec/{id}/resize`.

use crate::ask::Ask;
use crate::container::resize::size;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let (rows, columns) = size(ask.query())?;
    ask.engine().exec_resize(ask.param("id"), rows, columns)?;
    Ok(Reply::empty(200))
}
