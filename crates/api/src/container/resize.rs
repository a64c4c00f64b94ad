//! `POST /containers/{id}/resize`.

use stead_engine::Failure;

use crate::ask::Ask;
use crate::query::Query;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let (rows, columns) = size(ask.query())?;
    ask.engine().container_client(ask.param("id"))?.resize(rows, columns)?;
    Ok(Reply::empty(200))
}

/// `h` and `w`.
///
/// # Errors
/// Not a number, or none that a terminal can have.
pub(crate) fn size(query: &Query) -> Result<(u16, u16), Failure> {
    let number = |name: &str, what: &str| {
        let text = query.get(name).unwrap_or_default();
        text.parse::<u32>().ok().and_then(|n| u16::try_from(n).ok()).ok_or_else(|| {
            let why = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) { "value out of range" } else { "invalid syntax" };
            Failure::invalid(format!("invalid resize {what} {text:?}: {why}"))
        })
    };
    Ok((number("h", "height")?, number("w", "width")?))
}
