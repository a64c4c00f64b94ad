//! `stead images`.

use std::collections::BTreeMap;

use serde_json::Value;
use stead_base::time::Time;
use stead_base::{ids, size};

use crate::command::{Act, Arity, Command, Completes, Flag, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::rows::{self, Layout, Row, Wish};
use crate::listing::{self, FILTER, FORMAT_LIST};
use crate::output;

const FLAGS: [Flag; 7] = [
    switch("all", Some('a'), "Show all images (default hides intermediate images)"),
    switch("digests", None, "Show digests"),
    FILTER,
    FORMAT_LIST,
    switch("no-trunc", None, "Don't truncate output"),
    switch("quiet", Some('q'), "Only show image IDs"),
    switch("tree", None, "List multi-platform images as a tree (EXPERIMENTAL)").hidden(),
];

const BASE: Command = Command {
    name: "ls",
    aliases: &["list"],
    usage: "[OPTIONS] [REPOSITORY[:TAG]]",
    about: "List images",
    long: "Filters: dangling=true|false, label=KEY[=VALUE], reference=PATTERN, before=IMAGE, since=IMAGE.",
    also: &["stead image ls", "stead image list", "stead images"],
    flags: &[&FLAGS],
    arity: Arity::AtMost(1),
    completes: Completes::Images,
    examples: &[("Names and sizes", "stead images --format '{{.Repository}}:{{.Tag}} {{.Size}}'")],
    act: Act::Run(run),
    ..Command::NEW
};

/// `stead image ls`.
pub(crate) static LS: Command = BASE;
/// `stead images`.
pub(crate) static IMAGES: Command = Command { name: "images", aliases: &[], ..BASE };

const HEADERS: [(&str, &str); 11] = [
    ("ID", "IMAGE ID"),
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Digest", "DIGEST"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Size", "SIZE"),
    ("Containers", "CONTAINERS"),
    ("VirtualSize", "SIZE"),
    ("SharedSize", "SHARED SIZE"),
    ("UniqueSize", "UNIQUE SIZE"),
];
const RAW: &str =
    "repository: {{.Repository}}\\ntag: {{.Tag}}\\nimage_id: {{.ID}}\\ncreated_at: {{.CreatedAt}}\\nvirtual_size: {{.Size}}\\n";
const PLAIN: Layout = Layout {
    headers: &HEADERS,
    table: "{{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}\\t{{.Size}}",
    raw: RAW,
    quiet: "{{.ID}}",
};
const DIGESTS: Layout = Layout {
    headers: &HEADERS,
    table: "{{.Repository}}\\t{{.Tag}}\\t{{.Digest}}\\t{{.ID}}\\t{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}\\t{{.Size}}",
    raw: RAW,
    quiet: "{{.ID}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    if matches.on("tree") {
        return Err(Failure::error("option \"--tree\" is not supported: it is experimental in Docker"));
    }
    let mut filters = listing::filters(matches)?;
    if let Some(pattern) = matches.args.first() {
        filters.add("reference", pattern);
    }
    let list = context.engine()?.image_list(&filters, matches.on("all"))?;
    let full = matches.on("no-trunc");
    let with_digests = matches.on("digests") || matches.text("format").is_some_and(|f| f.contains(".Digest"));
    let mut rows: Vec<Row> = Vec::new();
    for image in &list {
        let before = rows.len();
        rows.extend(names(image, with_digests).into_iter().map(|name| row(image, name, full)));
        // One line an image is enough where only ids are shown.
        if matches.on("quiet") && matches.filled("format").is_none() {
            rows.truncate(before + 1);
        }
    }
    let layout = if matches.on("digests") { &DIGESTS } else { &PLAIN };
    let wish = Wish { format: matches.text("format"), quiet: matches.on("quiet") };
    output::text(&rows::render(layout, wish, &rows)?)?;
    Ok(0)
}

/// Repository, tag and digest of one line.
struct Name {
    repository: String,
    tag: String,
    digest: String,
}

fn strings(image: &Value, key: &str) -> Vec<String> {
    let list = image.get(key).and_then(Value::as_array);
    list.map(|l| l.iter().filter_map(Value::as_str).map(str::to_owned).collect()).unwrap_or_default()
}

/// The lines an image gets: one a tag; digests stand beside the tags of their repository, or alone.
fn names(image: &Value, with_digests: bool) -> Vec<Name> {
    let none = || "<none>".to_owned();
    let digests: Vec<(String, String)> =
        strings(image, "RepoDigests").iter().filter_map(|d| d.split_once('@')).map(|(r, d)| (r.to_owned(), d.to_owned())).collect();
    let digest_of = |repository: &str| digests.iter().find(|(r, _)| r == repository).map_or_else(none, |(_, d)| d.clone());
    let mut lines: Vec<Name> = strings(image, "RepoTags")
        .iter()
        .filter_map(|t| t.rsplit_once(':'))
        .filter(|(repository, _)| *repository != "<none>")
        .map(|(r, t)| Name { repository: r.to_owned(), tag: t.to_owned(), digest: digest_of(r) })
        .collect();
    if lines.is_empty() {
        let first = digests.first();
        let digest = first.filter(|_| with_digests).map_or_else(none, |(_, d)| d.clone());
        lines.push(Name { repository: first.map_or_else(none, |(r, _)| r.clone()), tag: none(), digest });
    }
    lines
}

fn row(image: &Value, name: Name, full: bool) -> Row {
    let id = image.get("Id").and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| image.get(key).and_then(Value::as_i64).unwrap_or(-1);
    let bytes = |count: i64| u64::try_from(count).map_or_else(|_unknown| "N/A".to_owned(), size::human);
    let (total, shared) = (number("Size"), number("SharedSize"));
    let created = number("Created");
    let moment = Time::from_nanos(i128::from(created) * 1_000_000_000);
    let containers = number("Containers");
    let labels: BTreeMap<String, String> = image.get("Labels").and_then(|l| serde_json::from_value(l.clone()).ok()).unwrap_or_default();
    let fields = vec![
        ("ID", if full { id.to_owned() } else { ids::short(id).to_owned() }),
        ("Repository", name.repository),
        ("Tag", name.tag),
        ("Digest", name.digest),
        ("CreatedSince", if created > 0 { listing::ago(moment) } else { String::new() }),
        ("CreatedAt", moment.table()),
        ("Size", bytes(total)),
        ("VirtualSize", bytes(total)),
        ("SharedSize", bytes(shared)),
        ("UniqueSize", if shared < 0 { "N/A".to_owned() } else { bytes(total - shared) }),
        ("Containers", if containers < 0 { "N/A".to_owned() } else { containers.to_string() }),
    ];
    Row::new(fields, labels)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_tag_has_its_line() {
        let image = json!({"RepoTags": ["redis:7", "a.example:5000/x:1"], "RepoDigests": ["redis@sha256:aa"]});
        let got: Vec<String> = names(&image, true).iter().map(|n| format!("{} {} {}", n.repository, n.tag, n.digest)).collect();
        assert_eq!(got, ["redis 7 sha256:aa", "a.example:5000/x 1 <none>"]);
        let bare = names(&json!({"RepoTags": null, "RepoDigests": []}), false);
        assert_eq!((bare.len(), bare[0].repository.as_str(), bare[0].tag.as_str()), (1, "<none>", "<none>"));
    }
}
