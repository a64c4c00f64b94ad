//! `stead volume create`.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use stead_engine::volume::CreateFrom;
use stead_volume::CreateRequest;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, any, text, value};
use crate::container::options::values::check_label;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;
use crate::terminal::progress::{Counted, drawing};

use super::schedule::{self, KEEP_FLAG, SCHEDULE_FLAG};
use super::update::check_access;

pub(super) static CREATE: Command = Command {
    name: "create",
    usage: "[OPTIONS] [VOLUME]",
    about: "Create a volume",
    long: "Prints the name; without VOLUME a random one is made, and the volume is anonymous.\n\
           A volume that exists is left as it is and its name is printed; where it differs from what is asked, a warning says how.\n\
           With --from the volume has its content when it is there, and is not there when that fails; one of that name must not exist.\n\
           The local driver takes the options type, o and device of mount(8); they are used when a container first mounts the volume.",
    flags: &[&[
        text("driver", Some('d'), "Specify volume driver name").or("\"local\"").offers(Completes::Words(&["local"])),
        value("access", None, "mode", check_access, "Who may use it at the same time (shared, single-writer, exclusive or read-only)")
            .offers(Completes::Words(&["shared", "single-writer", "exclusive", "read-only"])),
        text("auto-extend", None, "Grow when nearly full: 20% or 20%,max=50g (needs --size)"),
        text("io-limit", None, "How fast it may be used: read=30m,write=1000iops"),
        KEEP_FLAG,
        text("from", None, "Fill it before it is there: dir:PATH, tar:FILE, image:REF[:PATH], volume:NAME[@SNAPSHOT]")
            .offers(Completes::Files),
        value("label", None, "list", check_label, "Set metadata for a volume"),
        text("name", None, "Specify volume name").hidden(),
        value("opt", Some('o'), "map", any, "Set driver specific options").or("map[]"),
        SCHEDULE_FLAG,
        text("size", None, "How much it may hold, such as 10g"),
        text("availability", None, "Cluster Volume availability").hidden(),
        text("group", None, "Cluster Volume group").hidden(),
        text("limit-bytes", None, "Maximum size of the Cluster Volume").hidden(),
        text("required-bytes", None, "Minimum size of the Cluster Volume").hidden(),
        text("scope", None, "Cluster Volume access scope").hidden(),
        text("secret", None, "Cluster Volume secrets").hidden(),
        text("sharing", None, "Cluster Volume access sharing").hidden(),
        text("topology-preferred", None, "Cluster Volume topology").hidden(),
        text("topology-required", None, "Cluster Volume topology").hidden(),
        text("type", None, "Cluster Volume access type").hidden(),
    ]],
    arity: Arity::AtMost(1),
    examples: &[
        ("A volume with a name and a label", "stead volume create --label tier=db data"),
        ("A memory-backed volume of 64 MB", "stead volume create -o type=tmpfs -o device=tmpfs -o o=size=64m cache"),
        ("A directory of the host under a name", "stead volume create -o type=none -o o=bind -o device=/srv/www www"),
        ("A database's, which two must never open at once", "stead volume create --access single-writer pgdata"),
        (
            "Snapshots every hour, of which a day, a week and a month are kept",
            "stead volume create --schedule @hourly --keep 24h,7d,4w data",
        ),
        ("At most 10 GiB, and a fifth more whenever that is nearly full", "stead volume create --size 10g --auto-extend 20%,max=50g data"),
        ("In the pool, where snapshots take milliseconds", "stead volume create -o pool data"),
        ("From a backup, a directory, an image", "stead volume create --from data.tar.zst data"),
        ("An NFS export", "stead volume create -o type=nfs -o o=addr=10.0.0.5,rw -o device=:/export data"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

/// Flags of cluster volumes, which need swarm.
const CLUSTER: [&str; 10] = [
    "availability",
    "group",
    "limit-bytes",
    "required-bytes",
    "scope",
    "secret",
    "sharing",
    "topology-preferred",
    "topology-required",
    "type",
];

fn run(context: &Context, matches: &Matches) -> Outcome {
    if let Some((flag, value)) = matches.everything().find(|(flag, _)| CLUSTER.contains(flag)) {
        return Err(Failure::error(format_args!("option \"--{flag} {value}\" is not supported: cluster volumes need swarm")));
    }
    let named = matches.filled("name");
    if named.is_some() && !matches.args.is_empty() {
        return Err(Failure::plain(1, "conflicting options: cannot specify a volume-name through both --name and as a positional arg"));
    }
    let map = |flag: &str| -> BTreeMap<String, String> { matches.list(flag).map(stead_base::label::split).collect() };
    let mut labels = map("label");
    schedule::labels(matches, &mut labels);
    let mut options = map("opt");
    for key in ["size", "auto-extend", "io-limit"] {
        if let Some(value) = matches.filled(key)
            && options.insert(key.to_owned(), value.to_owned()).is_some()
        {
            return Err(Failure::plain(1, format!("conflicting options: --{key} and -o {key}")));
        }
    }
    let request = CreateRequest {
        name: named.map(str::to_owned).or_else(|| matches.args.first().cloned()).unwrap_or_default(),
        driver: matches.text("driver").unwrap_or_default().to_owned(),
        labels,
        options,
        access: super::update::access(matches).unwrap_or_default(),
        ..CreateRequest::default()
    };
    if let Some(from) = matches.filled("from") {
        return create_from(context, &request, from);
    }
    let engine = context.engine()?;
    let (volume, warnings) = engine.volume_create(request)?;
    for warning in warnings {
        output::warn(&format!("WARNING: {warning}"));
    }
    output::line(&volume.name)?;
    crate::roles::sweep_later(&engine);
    Ok(0)
}

fn create_from(context: &Context, request: &CreateRequest, from: &str) -> Outcome {
    let from = CreateFrom::parse(from)?;
    let engine = context.engine()?;
    let count = AtomicU64::new(0);
    let volume = drawing("Creating", 0, &count, || {
        engine.volume_create_from(request, &from, &mut Counted::new(std::io::stdin().lock(), &count), &count)
    })?;
    output::line(&volume.name)?;
    Ok(0)
}
