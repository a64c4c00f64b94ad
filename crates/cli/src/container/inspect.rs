//! `stead container inspect`.

use serde_json::{Map, Value};
use stead_engine::Engine;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::Failure;
use crate::inspect;
use crate::listing::FORMAT_ONE;

pub(crate) static INSPECT: Command = Command {
    name: "inspect",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Display detailed information on one or more containers",
    flags: &[&[FORMAT_ONE, switch("size", Some('s'), "Display total file sizes")]],
    arity: Arity::AtLeast(1),
    completes: Completes::Containers,
    examples: &[
        ("Whether it runs", "stead container inspect -f '{{.State.Status}}' web"),
        ("What is mounted where", "stead container inspect -f '{{json .Mounts}}' web"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let sized = matches.on("size");
    inspect::show(context, matches, |engine, name| object(engine, name, sized))
}

/// One container in Docker's JSON, as people see it.
pub(crate) fn object(engine: &Engine, name: &str, sized: bool) -> Result<Value, Failure> {
    let mut value = engine.container_inspect(name, sized)?;
    show_tmpfs(&mut value);
    Ok(value)
}

/// A tmpfs asked for with `--mount` is shown in `HostConfig.Tmpfs` as well, where `--tmpfs` puts it, so that one line of a tutorial
/// holds for both ways of asking. Only in this view: the record keeps what was asked, or creating from it would mount twice.
fn show_tmpfs(value: &mut Value) {
    let Some(host) = value.get_mut("HostConfig").and_then(Value::as_object_mut) else { return };
    let asked: Vec<(String, String)> =
        host.get("Mounts").and_then(Value::as_array).map(|m| m.iter().filter_map(tmpfs).collect()).unwrap_or_default();
    if asked.is_empty() {
        return;
    }
    let shown = host.entry("Tmpfs").or_insert(Value::Null);
    if shown.is_null() {
        *shown = Value::Object(Map::new());
    }
    if let Some(map) = shown.as_object_mut() {
        for (target, options) in asked {
            map.entry(target).or_insert(Value::String(options));
        }
    }
}

/// Target and options of a mount that is a tmpfs, in the words of `--tmpfs`.
fn tmpfs(mount: &Value) -> Option<(String, String)> {
    if mount.get("Type")?.as_str()? != "tmpfs" {
        return None;
    }
    let target = mount.get("Target")?.as_str()?.to_owned();
    let mut words = Vec::new();
    if mount.get("ReadOnly").and_then(Value::as_bool) == Some(true) {
        words.push("ro".to_owned());
    }
    let options = mount.get("TmpfsOptions");
    if let Some(mode) = options.and_then(|o| o.get("Mode")).and_then(Value::as_u64).filter(|m| *m != 0) {
        words.push(format!("mode={mode:o}"));
    }
    if let Some(size) = options.and_then(|o| o.get("SizeBytes")).and_then(Value::as_u64).filter(|s| *s != 0) {
        words.push(format!("size={size}"));
    }
    Some((target, words.join(",")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tmpfs_shows_the_same_for_both_ways_of_asking() {
        let mut asked_by_mount =
            json!({"HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": "/app"}, {"Type": "bind", "Source": "/a", "Target": "/b"}]}});
        show_tmpfs(&mut asked_by_mount);
        assert_eq!(asked_by_mount["HostConfig"]["Tmpfs"], json!({"/app": ""}));
        let mut asked_by_tmpfs = json!({"HostConfig": {"Tmpfs": {"/app": "size=1m"}}});
        show_tmpfs(&mut asked_by_tmpfs);
        assert_eq!(asked_by_tmpfs["HostConfig"], json!({"Tmpfs": {"/app": "size=1m"}}));
        let mut none = json!({"HostConfig": {"Mounts": [{"Type": "bind", "Target": "/b"}]}});
        show_tmpfs(&mut none);
        assert!(none["HostConfig"].get("Tmpfs").is_none());
    }

    #[test]
    fn its_options_are_said_in_the_words_of_tmpfs() {
        let mount = json!({"Type": "tmpfs", "Target": "/x", "ReadOnly": true, "TmpfsOptions": {"SizeBytes": 2_097_152, "Mode": 448}});
        assert_eq!(tmpfs(&mount), Some(("/x".to_owned(), "ro,mode=700,size=2097152".to_owned())));
    }
}
