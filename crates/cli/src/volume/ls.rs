//! `stead volume ls`.

use std::collections::BTreeMap;

use stead_base::size;
use stead_base::time::{self, Time};
use stead_engine::volume::{Usage, VolumeUser};

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::rows::{self, Layout, Row, Wish};
use crate::listing::{self, FILTER, FORMAT_LIST};
use crate::output;

pub(super) static LS: Command = Command {
    name: "ls",
    aliases: &["list"],
    usage: "[OPTIONS] [VOLUME[@SNAPSHOT]:PATH]",
    about: "List volumes, or the files in one",
    long: "With VOLUME:PATH, what lies in that directory of a volume; no container is needed for it.\n\
           Filters: dangling=true|false (no container refers to it), driver=NAME, label=KEY[=VALUE], label!=KEY[=VALUE], name=PART.",
    also: &["stead volume ls", "stead volume list"],
    flags: &[&[
        switch("cluster", None, "Display only cluster volumes").hidden(),
        FILTER,
        FORMAT_LIST,
        switch("size", Some('s'), "Measure every volume, and show sizes"),
        switch("wide", None, "Show also who may use a volume, who does, when it was used last, and its size as far as it is known"),
        switch("quiet", Some('q'), "Only display volume names"),
    ]],
    arity: Arity::AtMost(1),
    completes: Completes::Volumes,
    examples: &[
        ("Volumes that no container uses", "stead volume ls -f dangling=true"),
        ("Who uses what, and since when", "stead volume ls --wide"),
        ("Names and mount points", "stead volume ls --format '{{.Name}}: {{.Mountpoint}}'"),
        ("What lies in one", "stead volume ls data:/uploads"),
        ("Which are protected", "stead volume ls --format 'table {{.Name}}\\t{{.Protected}}'"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

/// Fields that Docker does not have. They are there with `--wide` and `--size`, or where the format names one: the JSON of a plain list is Docker's.
const OURS: [&str; 4] = [".Access", ".Users", ".LastUsed", ".SizeMeasured"];

const WIDE: Layout = Layout { table: "{{.Driver}}\\t{{.Name}}\\t{{.Access}}\\t{{.Users}}\\t{{.LastUsed}}\\t{{.Size}}", ..LAYOUT };

const LAYOUT: Layout = Layout {
    headers: &[
        ("Driver", "DRIVER"),
        ("Name", "VOLUME NAME"),
        ("Scope", "SCOPE"),
        ("Mountpoint", "MOUNTPOINT"),
        ("Labels", "LABELS"),
        ("Links", "LINKS"),
        ("Size", "SIZE"),
        ("Group", "GROUP"),
        ("Availability", "AVAILABILITY"),
        ("Status", "STATUS"),
        ("Protected", "PROTECTED"),
        ("Access", "ACCESS"),
        ("Users", "USERS"),
        ("LastUsed", "LAST USED"),
        ("SizeMeasured", "SIZE MEASURED"),
    ],
    table: "{{.Driver}}\\t{{.Name}}",
    raw: "name: {{.Name}}\\ndriver: {{.Driver}}\\n",
    quiet: "{{.Name}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    if let Some(text) = matches.args.first() {
        if !text.contains(':') {
            return Err(Failure::plain(
                1,
                format!(
                    "volume ls takes no name: 'stead volume ls {text}:/' lists what is in it, 'stead volume inspect {text}' describes it"
                ),
            ));
        }
        return super::files::run(context, matches, text);
    }
    let (engine, filters) = (context.engine()?, listing::filters(matches)?);
    let format = matches.text("format");
    let is_wide = matches.on("wide") || matches.on("size") || format.is_some_and(|f| OURS.iter().any(|field| f.contains(field)));
    let (mut volumes, warnings) = if is_wide {
        let list = engine.volume_list_wide(&filters, matches.on("size"))?;
        (list.volumes.into_iter().map(|(view, usage)| (view, Some(usage))).collect::<Vec<_>>(), list.warnings)
    } else {
        let list = engine.volume_list(&filters)?;
        (list.volumes.into_iter().map(|view| (view, None)).collect(), list.warnings)
    };
    for warning in &warnings {
        output::warn(&format!("WARNING: {warning}"));
    }
    volumes.sort_by(|(a, _), (b, _)| natural(&a.name).cmp(&natural(&b.name)));
    let now = Time::now();
    let na = || "N/A".to_owned();
    let rows: Vec<Row> = volumes
        .into_iter()
        .map(|(volume, usage)| {
            let protected = volume.status.as_ref().is_some_and(|status| status.contains_key("Protected"));
            let labels: BTreeMap<String, String> = volume.labels.unwrap_or_default();
            let mut fields = vec![
                ("Availability", na()),
                ("Driver", volume.driver),
                ("Group", na()),
                ("Labels", listing::labels(&labels)),
                ("Links", na()),
                ("Mountpoint", volume.mountpoint),
                ("Name", volume.name),
                ("Protected", protected.to_string()),
                ("Scope", volume.scope),
                ("Size", usage.as_ref().and_then(|usage| usage.size).map_or_else(na, size::human)),
                ("Status", na()),
            ];
            fields.extend(usage.iter().flat_map(|usage| ours(usage, now)));
            Row::new(fields, labels)
        })
        .collect();
    let layout = if matches.on("wide") || matches.on("size") { &WIDE } else { &LAYOUT };
    let wish = Wish { format: matches.text("format"), quiet: matches.on("quiet") };
    if matches.on("wide") && !matches.on("size") {
        crate::roles::measure_later(&engine);
    }
    output::text(&rows::render(layout, wish, &rows)?)?;
    Ok(0)
}

/// The fields that only we have.
fn ours(usage: &Usage, now: Time) -> [(&'static str, String); 4] {
    let ago = |moment: &str| {
        time::parse_moment(moment, now).map_or_else(|| "N/A".to_owned(), |m| format!("{} ago", time::human_duration(now.since(m))))
    };
    let user = |user: &VolumeUser| format!("{} ({}, {})", user.name, user.mode, ago(&user.since));
    let users: Vec<String> = usage.users.iter().map(user).collect();
    let measured = if usage.size.is_some() { ago(&usage.size_measured_at) } else { "N/A".to_owned() };
    [
        ("Access", usage.access.clone()),
        ("Users", if users.is_empty() { "-".to_owned() } else { users.join(", ") }),
        ("LastUsed", if usage.users.is_empty() { ago(&usage.last_used) } else { "now".to_owned() }),
        ("SizeMeasured", measured),
    ]
}

/// A key that puts `v2` before `v10`, as people count: runs of digits compare by length first.
fn natural(name: &str) -> Vec<(bool, usize, &str)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (part, tail) = rest.split_at(end);
        let shown = if digits { part.trim_start_matches('0') } else { part };
        parts.push((!digits, if digits { shown.len() } else { 0 }, shown));
        rest = tail;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn names_are_sorted_as_people_count() {
        let mut names = ["v10", "v2", "a", "v2b", "10", "9", "v02a"];
        names.sort_by(|a, b| natural(a).cmp(&natural(b)));
        assert_eq!(names, ["9", "10", "a", "v2", "v02a", "v2b", "v10"]);
    }
}
