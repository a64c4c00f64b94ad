//! `docs/openapi-stead.yaml` has every route of stead's own, and no other.

use std::collections::BTreeSet;

use super::NOUNS;

const DESCRIPTION: &str = include_str!("../../../../docs/openapi-stead.yaml");

/// `METHOD /path` of everything below `paths:`; the file is written with two spaces a level.
fn described() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut path = "";
    for line in DESCRIPTION.lines().skip_while(|line| *line != "paths:").skip(1) {
        let Some(key) = line.trim().strip_suffix(':') else { continue };
        let depth = line.len() - line.trim_start().len();
        if depth == 2 {
            path = key;
        } else if depth == 4 && ["get", "head", "put", "post", "delete"].contains(&key) {
            assert!(found.insert(format!("{} {path}", key.to_uppercase())), "{key} {path} is described twice");
        }
    }
    found
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let routes = NOUNS.iter().flat_map(|noun| noun.iter()).filter(|route| route.path.starts_with("/stead/"));
    let served: BTreeSet<String> = routes.map(|route| format!("{} {}", route.method, route.path)).collect();
    let described = described();
    assert!(served.len() > 20, "{served:?}");
    let missing: Vec<_> = served.difference(&described).collect();
    let strange: Vec<_> = described.difference(&served).collect();
    assert!(missing.is_empty(), "not in docs/openapi-stead.yaml: {missing:#?}");
    assert!(strange.is_empty(), "in docs/openapi-stead.yaml, and there is no such route: {strange:#?}");
}

#[test]
fn every_reference_leads_somewhere() {
    for reference in DESCRIPTION.split("$ref: \"#/components/").skip(1) {
        let name = reference.split('"').next().and_then(|rest| rest.split('/').nth(1)).unwrap_or_default();
        assert!(DESCRIPTION.lines().any(|line| line.trim_start().starts_with(&format!("{name}:"))), "{name}");
    }
}
