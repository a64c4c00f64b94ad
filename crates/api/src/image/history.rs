//! `GET /images/{name}/history`.

use super::platform;
use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let name = ask.param("name");
    if let Some(wanted) = platform::json(ask, Version(1, 48))? {
        ask.engine().image_inspect_platform(name, Some(&wanted))?;
    }
    Ok(Reply::json(200, &ask.engine().image_history(name)?))
}
