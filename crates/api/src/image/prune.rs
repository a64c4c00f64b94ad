//! `POST /images/prune`.

use serde_json::{Value, json};

use super::rm::lines;
use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let (removed, freed) = ask.engine().image_prune(&ask.query().filters()?, false)?;
    let deleted = if removed.is_empty() { Value::Null } else { json!(lines(&removed)) };
    Ok(Reply::json(200, &json!({ "ImagesDeleted": deleted, "SpaceReclaimed": freed })))
}
