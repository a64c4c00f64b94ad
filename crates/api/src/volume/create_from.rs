//! `POST /stead/volumes/create`: a volume that has its content when it is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use stead_base::Kind;
use stead_engine::Failure;
use stead_engine::volume::{CreateFrom, CreateRequest};

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

/// Everything is in the query, because the body is the archive of `from=tar:-`.
pub(super) fn post(ask: &mut Ask) -> Answer {
    let query = ask.query();
    let from = CreateFrom::parse(query.filled("from").ok_or_else(|| Failure::invalid("bad parameter: from cannot be empty"))?)?;
    let map = |name: &str| -> Result<BTreeMap<String, String>, Failure> {
        query.filled(name).map_or_else(
            || Ok(BTreeMap::new()),
            |text| serde_json::from_str(text).map_err(|error| Failure::new(Kind::Invalid, format!("bad parameter: {name}: {error}"))),
        )
    };
    let request = CreateRequest {
        name: query.get("name").unwrap_or_default().to_owned(),
        driver: query.get("driver").unwrap_or_default().to_owned(),
        labels: map("labels")?,
        options: map("options")?,
        ..CreateRequest::default()
    };
    let engine = Arc::clone(ask.engine());
    let volume = engine.volume_create_from(&request, &from, ask.body().be_quick(), &AtomicU64::new(0))?;
    Ok(Reply::json(201, &volume))
}
