//! `GET /info`.

use serde_json::{Map, Value, json};

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let mut info = ask.engine().system_info()?;
    if let Some(map) = info.as_object_mut() {
        fit(map, ask.version());
    }
    Ok(Reply::json(200, &info))
}

/// What a version has and others have not.
fn fit(info: &mut Map<String, Value>, version: Version) {
    if version >= Version(1, 50) {
        info.insert("DiscoveredDevices".to_owned(), json!([]));
    } else {
        for key in ["BridgeNfIptables", "BridgeNfIp6tables"] {
            info.insert(key.to_owned(), json!(false));
        }
    }
    if version < Version(1, 48) {
        for key in ["ContainerdCommit", "RuncCommit", "InitCommit"] {
            if let Some(commit) = info.get_mut(key).and_then(Value::as_object_mut) {
                commit.insert("Expected".to_owned(), json!(""));
            }
        }
    }
    if version < Version(1, 49)
        && let Some(registries) = info.get_mut("RegistryConfig").and_then(Value::as_object_mut)
    {
        registries.insert("AllowNondistributableArtifactsCIDRs".to_owned(), Value::Null);
        registries.insert("AllowNondistributableArtifactsHostnames".to_owned(), Value::Null);
    }
    if version < Version(1, 25) {
        let named = |option: &Value| option.as_str().map(|text| text.trim_start_matches("name=").split(',').next().map(str::to_owned));
        let names: Option<Vec<_>> =
            info.get("SecurityOptions").and_then(Value::as_array).map(|all| all.iter().filter_map(named).flatten().collect());
        info.insert("SecurityOptions".to_owned(), json!(names));
        info.insert("ExecutionDriver".to_owned(), json!("<not supported>"));
    }
}
