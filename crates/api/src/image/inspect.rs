//! `GET /images/{name}/json`.

use serde_json::{Map, Value, json};
use stead_engine::Failure;

use super::{platform, with_virtual_size};
use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

/// Fields of a container's config that an image's never had; 1.50 left them out.
const NEVER_AN_IMAGES: [&str; 9] =
    ["AttachStderr", "AttachStdin", "AttachStdout", "Domainname", "Hostname", "Image", "OpenStdin", "StdinOnce", "Tty"];

pub(super) fn get(ask: &mut Ask) -> Answer {
    let version = ask.version();
    let wanted = platform::json(ask, Version(1, 49))?;
    if wanted.is_some() && ask.query().flag("manifests") {
        return Err(Failure::invalid("conflicting options: manifests and platform options cannot both be set"));
    }
    let name = ask.param("name");
    let mut image = ask.engine().image_inspect_platform(name, wanted.as_deref())?;
    with_virtual_size(&mut image, version);
    if let Some(map) = image.as_object_mut() {
        if version >= Version(1, 50) {
            modern(map);
        }
        if version < Version(1, 45) || is_compose_1(ask) {
            let (container, config) = ask.engine().image_origin(name)?;
            map.insert("Container".to_owned(), container);
            map.insert("ContainerConfig".to_owned(), if config.is_null() { json!({}) } else { config });
        }
        if version < Version(1, 44) {
            map.entry("Created").or_insert_with(|| json!("0001-01-01T00:00:00Z"));
        }
    }
    Ok(Reply::json(200, &image))
}

/// docker-compose 1 reads a field that 1.45 took away, whatever version it speaks, and ends with a `KeyError` on newer engines.
fn is_compose_1(ask: &Ask) -> bool {
    ask.header("user-agent").is_some_and(|agent| agent.starts_with("docker-compose/1.") || agent.starts_with("compose/1."))
}

fn modern(image: &mut Map<String, Value>) {
    if let Some(config) = image.get_mut("Config").and_then(Value::as_object_mut) {
        config.retain(|key, _| !NEVER_AN_IMAGES.contains(&key.as_str()));
    }
}
