//! `DELETE /images/{name}`.

use serde_json::{Value, json};
use stead_engine::image::Removed;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn delete(ask: &mut Ask) -> Answer {
    let (force, no_prune) = (ask.query().flag("force"), ask.query().flag("noprune"));
    let removed = ask.engine().image_remove(ask.param("name"), force, no_prune)?;
    Ok(Reply::json(200, &lines(&removed)))
}

/// What went, one object a line of `docker rmi`.
pub(super) fn lines(removed: &[Removed]) -> Vec<Value> {
    let line = |one: &Removed| match one {
        Removed::Untagged(name) => json!({ "Untagged": name }),
        Removed::Deleted(id) => json!({ "Deleted": id }),
    };
    removed.iter().map(line).collect()
}
