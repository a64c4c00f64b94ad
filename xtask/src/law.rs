//! The import law: the edges between rooms that cargo knows, against the table in ARCHITECTURE.md.
use crate::tidy::{read, root};
use std::collections::{BTreeMap, BTreeSet};

type Edges = BTreeMap<String, BTreeSet<String>>;

/// Differences between the table and the manifests.
pub(crate) fn law() -> Vec<String> {
    let (told, real) = (table(&read("ARCHITECTURE.md")), manifests());
    let mut findings = Vec::new();
    for room in told.keys().chain(real.keys()).collect::<BTreeSet<_>>() {
        let none = BTreeSet::new();
        let (t, r) = (told.get(room), real.get(room));
        if t.is_none() || r.is_none() {
            findings.push(format!("room {room} is {}", if t.is_none() { "not in ARCHITECTURE.md" } else { "only in ARCHITECTURE.md" }));
        }
        for extra in r.unwrap_or(&none).difference(t.unwrap_or(&none)) {
            findings.push(format!("{room} imports {extra}, which the table does not allow"));
        }
        for missing in t.unwrap_or(&none).difference(r.unwrap_or(&none)) {
            findings.push(format!("{room} does not import {missing}, though the table says so"));
        }
    }
    findings
}

/// Rows of `| room | purpose | imports |`.
fn table(text: &str) -> Edges {
    let rows = text.lines().skip_while(|l| !l.starts_with("| room ")).skip(2).take_while(|l| l.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let imports = cells.last().copied().unwrap_or_default();
        (cells[0].to_owned(), imports.split_whitespace().map(str::to_owned).collect())
    })
    .collect()
}

/// Normal dependencies between members; a dev-dependency is not an edge of the house.
fn manifests() -> Edges {
    let mut cargo = std::process::Command::new(option_env!("CARGO").unwrap_or("cargo"));
    let out = cargo.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(root()).output();
    let Ok(out) = out else { return Edges::new() };
    let Ok(data) = serde_json::from_slice::<serde_json::Value>(&out.stdout) else { return Edges::new() };
    let room = |name: &str| name.strip_prefix("stead-").unwrap_or(name).to_owned();
    let mut edges = Edges::new();
    for package in data["packages"].as_array().into_iter().flatten() {
        let own = edges.entry(room(package["name"].as_str().unwrap_or_default())).or_default();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let name = dependency["name"].as_str().unwrap_or_default();
            if dependency["kind"].is_null() && name.starts_with("stead-") {
                own.insert(room(name));
            }
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_read() {
        let table = super::table("x\n| room | purpose | imports |\n|---|---|---|\n| a | p | b c |\n| b | q | |\n\n| z |");
        assert_eq!(table.len(), 2);
        assert_eq!(table["a"].iter().collect::<Vec<_>>(), ["b", "c"]);
        assert!(table["b"].is_empty());
    }

    #[test]
    fn cargo_is_asked() {
        assert!(super::manifests().len() > 10);
    }
}
