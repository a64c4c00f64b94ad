//! `GET /system/df`.

use serde_json::{Value, json};
use stead_base::Kind;
use stead_engine::Failure;
use stead_engine::system::df::Part;
use stead_engine::volume::VolumeView;

use crate::ask::Ask;
use crate::image::with_virtual_size;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let version = ask.version();
    let asked = if version < Version(1, 42) { Vec::new() } else { ask.query().all("type") };
    let mut parts = Vec::new();
    let mut build_cache = asked.is_empty();
    for word in &asked {
        match *word {
            "container" => parts.push(Part::Containers),
            "image" => parts.push(Part::Images),
            "volume" => parts.push(Part::Volumes),
            "build-cache" => build_cache = true,
            other => return Err(Failure::invalid(format!("unknown object type: {other}"))),
        }
    }
    if asked.is_empty() {
        parts = vec![Part::Containers, Part::Images, Part::Volumes];
    }
    let usage = ask.engine().system_df_of(&parts)?;
    let shown = |part: Part, value: Value| if parts.contains(&part) { value } else { Value::Null };
    let mut images = usage.images;
    images.iter_mut().for_each(|image| with_virtual_size(image, version));
    // A volume with options of its own (another file system, a network) has no size of ours.
    let volumes = usage.volumes.into_iter().filter(|volume| volume.options.is_none());
    let volumes: Vec<_> = volumes.map(VolumeView::without_status).collect();
    let encode = |error: serde_json::Error| Failure::new(Kind::Internal, error.to_string());
    let mut answer = json!({
        "LayersSize": usage.layers_size,
        "Images": shown(Part::Images, json!(images)),
        "Containers": shown(Part::Containers, serde_json::to_value(&usage.containers).map_err(encode)?),
        "Volumes": shown(Part::Volumes, serde_json::to_value(&volumes).map_err(encode)?),
        "BuildCache": if build_cache { json!([]) } else { Value::Null },
    });
    if let Some(map) = answer.as_object_mut().filter(|_| version < Version(1, 42)) {
        map.insert("BuilderSize".to_owned(), json!(0));
    }
    Ok(Reply::json(200, &answer))
}
