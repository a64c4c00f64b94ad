//! `POST /containers/{id}/exec`: a session to be started later.

use serde_json::json;
use stead_engine::exec::ExecCreate;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let mut asked: ExecCreate = ask.json()?;
    if ask.version() < Version(1, 42) || !asked.tty {
        asked.console_size = None;
    }
    if let Err(wrong) = stead_base::detach::Keys::parse(&asked.detach_keys) {
        return Err(stead_engine::Failure::invalid(wrong));
    }
    Ok(Reply::json(201, &json!({ "Id": ask.engine().exec_create(ask.param("id"), asked)? })))
}
