//! `GET /stead/volumes/{name}/file`: the bytes of a regular file.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let path = super::archive::path(ask)?;
    // Opened before the answer begins, so that a missing one is a status.
    let mut file = ask.engine().volume_cat(ask.param("name"), &path)?;
    Ok(Reply::stream(200, "application/octet-stream", Vec::new(), move |out| super::archive::pour(&mut *file, out)))
}
