//! `stead volume ls`.

use std::collections::BTreeMap;

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
        switch("quiet", Some('q'), "Only display volume names"),
    ]],
    arity: Arity::AtMost(1),
    completes: Completes::Volumes,
    examples: &[
        ("Volumes that no container uses", "stead volume ls -f dangling=true"),
        ("Names and mount points", "stead volume ls --format '{{.Name}}: {{.Mountpoint}}'"),
        ("What lies in one", "stead volume ls data:/uploads"),
        ("Which are protected", "stead volume ls --format 'table {{.Name}}\\t{{.Protected}}'"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

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
    let mut list = context.engine()?.volume_list(&listing::filters(matches)?)?;
    for warning in &list.warnings {
        output::warn(&format!("WARNING: {warning}"));
    }
    list.volumes.sort_by(|a, b| natural(&a.name).cmp(&natural(&b.name)));
    let na = || "N/A".to_owned();
    let rows: Vec<Row> = list
        .volumes
        .into_iter()
        .map(|volume| {
            let protected = volume.status.as_ref().is_some_and(|status| status.contains_key("Protected"));
            let labels: BTreeMap<String, String> = volume.labels.unwrap_or_default();
            let fields = vec![
                ("Availability", na()),
                ("Driver", volume.driver),
                ("Group", na()),
                ("Labels", listing::labels(&labels)),
                ("Links", na()),
                ("Mountpoint", volume.mountpoint),
                ("Name", volume.name),
                ("Protected", protected.to_string()),
                ("Scope", volume.scope),
                ("Size", na()),
                ("Status", na()),
            ];
            Row::new(fields, labels)
        })
        .collect();
    let wish = Wish { format: matches.text("format"), quiet: matches.on("quiet") };
    output::text(&rows::render(&LAYOUT, wish, &rows)?)?;
    Ok(0)
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
