//! `stead network create`.

use std::collections::BTreeMap;

use stead_engine::network::{CreateRequest, Ipam, IpamConfig, Subnet};

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, any, list, switch, text, value};
use crate::container::options::values::check_label;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(super) static CREATE: Command = Command {
    name: "create",
    usage: "[OPTIONS] NETWORK",
    about: "Create a network",
    long: "Prints the network's id. Containers on a bridge network find each other by name, and their short ids, aliases and host names are\n\
           names too. Networks are apart from each other; published ports and what goes out are the only ways between them.\n\
           Without --subnet a free block of Docker's default pools is chosen. Options of bridges: com.docker.network.bridge.name,\n\
           .enable_icc, .enable_ip_masquerade, .host_binding_ipv4 and com.docker.network.driver.mtu; of macvlan and ipvlan: parent,\n\
           macvlan_mode, ipvlan_mode.",
    flags: &[&[
        switch("attachable", None, "Enable manual container attachment"),
        list("aux-address", None, "Auxiliary IPv4 or IPv6 addresses used by Network driver").or("map[]"),
        text("config-from", None, "The network from which to copy the configuration").hidden(),
        switch("config-only", None, "Create a configuration only network").hidden(),
        text("driver", Some('d'), "Driver to manage the Network")
            .or("\"bridge\"")
            .offers(Completes::Words(&["bridge", "macvlan", "ipvlan"])),
        list("gateway", None, "IPv4 or IPv6 Gateway for the master subnet"),
        switch("ingress", None, "Create swarm routing-mesh network").hidden(),
        switch("internal", None, "Restrict external access to the network"),
        list("ip-range", None, "Allocate container ip from a sub-range"),
        text("ipam-driver", None, "IP Address Management Driver").or("\"default\""),
        value("ipam-opt", None, "map", any, "Set IPAM driver specific options").or("map[]"),
        switch("ipv4", None, "Enable or disable IPv4 address assignment").or("true"),
        switch("ipv6", None, "Enable or disable IPv6 address assignment"),
        value("label", None, "list", check_label, "Set metadata on a network"),
        value("opt", Some('o'), "map", any, "Set driver specific options").or("map[]"),
        text("scope", None, "Control the network's scope").hidden(),
        list("subnet", None, "Subnet in CIDR format that represents a network segment"),
    ]],
    arity: Arity::Exactly(1),
    examples: &[
        ("A network in which containers find each other", "stead network create shop"),
        ("Addresses of its own, and no way out", "stead network create --internal --subnet 10.7.0.0/24 back"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let map = |flag: &str| -> BTreeMap<String, String> { matches.list(flag).map(stead_base::label::split).collect() };
    let given = |flag: &str| matches.given(flag).then(|| matches.on(flag));
    let driver = matches.text("ipam-driver").unwrap_or("default").to_owned();
    let request = CreateRequest {
        name: matches.args[0].clone(),
        driver: matches.text("driver").unwrap_or("bridge").to_owned(),
        scope: matches.text("scope").unwrap_or_default().to_owned(),
        internal: matches.on("internal"),
        attachable: matches.on("attachable"),
        ingress: matches.on("ingress"),
        config_only: matches.on("config-only") || matches.filled("config-from").is_some(),
        ipam: Ipam { driver, options: map("ipam-opt"), config: pools(matches).map_err(|text| Failure::plain(1, text))? },
        enable_ipv4: given("ipv4"),
        enable_ipv6: given("ipv6"),
        options: map("opt"),
        labels: map("label"),
    };
    output::line(&context.engine()?.network_create(&request)?)?;
    Ok(0)
}

/// Puts every range, gateway and auxiliary address to the subnet that holds it, as Docker's client does.
fn pools(matches: &Matches) -> Result<Vec<IpamConfig>, String> {
    let mut pools: Vec<(Option<Subnet>, IpamConfig)> = Vec::new();
    for text in matches.list("subnet") {
        let subnet: Option<Subnet> = text.parse().ok();
        if pools.iter().any(|(other, _)| other.zip(subnet).is_some_and(|(a, b)| a.overlaps(b))) {
            return Err("multiple overlapping subnet configuration is not supported".to_owned());
        }
        pools.push((subnet, IpamConfig { subnet: text.to_owned(), ..IpamConfig::default() }));
    }
    let mut give = |flag: &str, text: &str, address: &str, put: &dyn Fn(&mut IpamConfig) -> bool| {
        let bare = address.split('/').next().unwrap_or_default();
        let address = bare.parse::<std::net::IpAddr>().map_err(|_syntax| format!("invalid {flag}: {text}"))?;
        let holder = pools.iter_mut().find(|(subnet, _)| subnet.is_some_and(|s| s.contains(address)));
        let (_, config) = holder.ok_or_else(|| format!("no matching subnet for {flag} {text}"))?;
        if put(config) { Ok(()) } else { Err(format!("cannot configure multiple {flag}s ({text}) on the same subnet")) }
    };
    for text in matches.list("ip-range") {
        give("range", text, text, &|config| std::mem::replace(&mut config.ip_range, text.to_owned()).is_empty())?;
    }
    for text in matches.list("gateway") {
        give("gateway", text, text, &|config| std::mem::replace(&mut config.gateway, text.to_owned()).is_empty())?;
    }
    for text in matches.list("aux-address") {
        let (name, address) = stead_base::label::split(text);
        give("aux-address", text, &address, &|config| config.auxiliary.insert(name.clone(), address.clone()).is_none())?;
    }
    Ok(pools.into_iter().map(|(_, config)| config).collect())
}
