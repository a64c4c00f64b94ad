//! `stead network connect`.

use serde_json::{Map, Value, json};

use crate::command::parse::parse_int;
use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, list, text};
use crate::context::Context;
use crate::failure::Failure;

pub(super) static CONNECT: Command = Command {
    name: "connect",
    usage: "[OPTIONS] NETWORK CONTAINER",
    about: "Connect a container to a network",
    long: "A running container gets one more interface at once; one that does not run gets it when it starts.",
    flags: &[&[
        list("alias", None, "Add network-scoped alias for the container"),
        list("driver-opt", None, "driver options for the network"),
        text("gw-priority", None, "Highest gw-priority provides the default gateway. Accepts positive and negative values"),
        text("ip", None, "IPv4 address (e.g., \"172.30.100.104\")"),
        text("ip6", None, "IPv6 address (e.g., \"2001:db8::33\")"),
        list("link", None, "Add link to another container").offers(Completes::Containers),
        list("link-local-ip", None, "Add a link-local address for the container"),
    ]],
    arity: Arity::Exactly(2),
    completes: Completes::Networks,
    examples: &[("One more name in one more network", "stead network connect --alias db shop postgres")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let all = |flag: &'static str| -> Vec<&str> { matches.list(flag).collect() };
    let mut settings = Map::new();
    let mut ipam = Map::new();
    for (flag, field) in [("ip", "IPv4Address"), ("ip6", "IPv6Address")] {
        if let Some(address) = matches.filled(flag) {
            ipam.insert(field.to_owned(), json!(address));
        }
    }
    if matches.given("link-local-ip") {
        ipam.insert("LinkLocalIPs".to_owned(), json!(all("link-local-ip")));
    }
    if !ipam.is_empty() {
        settings.insert("IPAMConfig".to_owned(), Value::Object(ipam));
    }
    for (flag, field) in [("alias", "Aliases"), ("link", "Links")] {
        if matches.given(flag) {
            settings.insert(field.to_owned(), json!(all(flag)));
        }
    }
    if let Some(priority) = matches.filled("gw-priority") {
        settings.insert("GwPriority".to_owned(), json!(parse_int(priority).map_err(Failure::error)?));
    }
    if matches.given("driver-opt") {
        let options: Map<String, Value> = matches.list("driver-opt").map(stead_base::label::split).map(|(k, v)| (k, json!(v))).collect();
        settings.insert("DriverOpts".to_owned(), Value::Object(options));
    }
    context.engine()?.network_connect(&matches.args[0], &matches.args[1], Some(&Value::Object(settings)))?;
    Ok(0)
}
