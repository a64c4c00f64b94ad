//! `GET /images/json`.

use serde_json::{Value, json};
use stead_base::Kind;
use stead_engine::Failure;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let (query, version) = (ask.query(), ask.version());
    let mut filters = query.filters()?;
    if let Some(pattern) = query.filled("filter").filter(|_| version < Version(1, 41)) {
        filters.add("reference", pattern);
    }
    let shared = query.flag("shared-size") && version >= Version(1, 42);
    let mut images = ask.engine().image_list(&filters, query.flag("all"))?;
    if shared {
        let counted = ask.engine().image_usage()?;
        for image in &mut images {
            let same = counted.iter().find(|other| other.get("Id") == image.get("Id"));
            let size = same.and_then(|other| other.get("SharedSize")).cloned();
            put(image, "SharedSize", size.unwrap_or_else(|| json!(-1)))?;
        }
    }
    for image in &mut images {
        if version < Version(1, 43) {
            nameless(image)?;
        }
        with_virtual_size(image, version);
    }
    Ok(Reply::json(200, &images))
}

/// Before 1.43 an image without names had two that say so.
fn nameless(image: &mut Value) -> Result<(), Failure> {
    let is_empty = |key: &str| image.get(key).and_then(Value::as_array).is_none_or(Vec::is_empty);
    if is_empty("RepoTags") && is_empty("RepoDigests") {
        put(image, "RepoTags", json!(["<none>:<none>"]))?;
        put(image, "RepoDigests", json!(["<none>@<none>"]))?;
    }
    Ok(())
}

/// Before 1.44 the size was there twice.
pub(crate) fn with_virtual_size(image: &mut Value, version: Version) {
    if version < Version(1, 44)
        && let Some(image) = image.as_object_mut()
        && let Some(size) = image.get("Size").cloned()
    {
        image.insert("VirtualSize".to_owned(), size);
    }
}

fn put(image: &mut Value, key: &str, value: Value) -> Result<(), Failure> {
    let odd = || Failure::new(Kind::Internal, "an image is not an object");
    image.as_object_mut().ok_or_else(odd)?.insert(key.to_owned(), value);
    Ok(())
}
