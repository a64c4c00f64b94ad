//! `stead inspect`: an object of any kind.

use serde_json::Value;
use stead_base::Kind;
use stead_engine::Engine;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::listing::FORMAT_ONE;
use crate::{container, image, inspect, network, volume};

pub(crate) static INSPECT: Command = Command {
    name: "inspect",
    usage: "[OPTIONS] NAME|ID [NAME|ID...]",
    about: "Return low-level information on objects",
    long: "Looks for a container, then an image, then a network, then a volume of that name.",
    flags: &[&[
        FORMAT_ONE,
        switch("size", Some('s'), "Display total file sizes if the type is container"),
        text("type", None, "Only inspect objects of the given type").offers(Completes::Words(&["container", "image", "network", "volume"])),
    ]],
    arity: Arity::AtLeast(1),
    completes: Completes::Objects,
    examples: &[("The mounts of a container", "stead inspect -f '{{json .Mounts}}' web")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let kind = matches.filled("type");
    if let Some(other) = kind.filter(|k| !matches!(*k, "container" | "image" | "network" | "volume")) {
        let known = "must be one of \"container\", \"image\", \"network\", \"volume\"";
        return Err(Failure::plain(1, format!("unknown type: {other:?}: {known}")));
    }
    let sized = matches.on("size");
    inspect::show(context, matches, |engine, name| match kind {
        Some("container") => container::inspect::object(engine, name, sized),
        Some("image") => image::object(engine, name),
        Some("network") => network::object(engine, name),
        Some(_) => volume::object(engine, name),
        None => any(engine, name, sized),
    })
}

/// The first kind that has it. Only "not found" goes on to the next: a broken record is an answer.
fn any(engine: &Engine, name: &str, sized: bool) -> Result<Value, Failure> {
    match engine.container_resolve(name) {
        Ok(id) => return container::inspect::object(engine, &id, sized),
        Err(gone) if gone.kind == Kind::NotFound => {}
        Err(other) => return Err(other.into()),
    }
    match engine.image_inspect(name) {
        Ok(value) => return Ok(value),
        Err(gone) if matches!(gone.kind, Kind::NotFound | Kind::Invalid) => {}
        Err(other) => return Err(other.into()),
    }
    match engine.network_inspect(name) {
        Ok(view) => return serde_json::to_value(view).map_err(Failure::error),
        Err(gone) if matches!(gone.kind, Kind::NotFound | Kind::Invalid) => {}
        Err(other) => return Err(other.into()),
    }
    match engine.volume_inspect(name) {
        Ok(view) => serde_json::to_value(view).map_err(Failure::error),
        Err(gone) if matches!(gone.kind, Kind::NotFound | Kind::Invalid) => Err(Failure::error(format_args!("No such object: {name}"))),
        Err(other) => Err(other.into()),
    }
}
