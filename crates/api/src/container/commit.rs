//! `POST /commit`.

use serde_json::{Value, json};
use stead_engine::container::commit::CommitRequest;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let config: Option<Value> = ask.json_if_any()?;
    let query = ask.query();
    let text = |name: &str| query.get(name).unwrap_or_default().to_owned();
    // An empty `pause` is an absent one, unlike other flags.
    let pause = query.filled("pause").is_none() || query.flag("pause");
    let changes = query.all("changes").into_iter().flat_map(str::lines).filter(|line| !line.trim().is_empty()).map(str::to_owned);
    let id = ask.engine().container_commit(&CommitRequest {
        container: text("container"),
        repo: text("repo"),
        tag: text("tag"),
        comment: text("comment"),
        author: text("author"),
        pause,
        changes: changes.collect(),
        config,
    })?;
    Ok(Reply::json(201, &json!({ "Id": id })))
}
