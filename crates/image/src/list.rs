//! Listing images: Docker's filters, and the JSON of `GET /images/json`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use stead_base::Digest;
use stead_base::filter::Filters;
use stead_base::label::Labels;
use stead_base::time::Time;

use crate::remove::containers;
use crate::{Error, ImageRecord, Images, Reference, Result};

/// The filters `docker images` knows.
const FILTERS: [&str; 7] = ["dangling", "label", "label!", "before", "since", "reference", "until"];

/// One image as `GET /images/json` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Summary {
    /// Containers that use it; -1 when nobody counted.
    pub containers: i64,
    /// Seconds since 1970.
    pub created: i64,
    /// `sha256:…`.
    pub id: String,
    /// Labels; `null` when there are none.
    pub labels: Option<Labels>,
    /// The image it was committed on.
    pub parent_id: String,
    /// `name@sha256:…`.
    pub repo_digests: Vec<String>,
    /// `name:tag`.
    pub repo_tags: Vec<String>,
    /// Bytes shared with other images; -1 when nobody counted.
    pub shared_size: i64,
    /// Bytes of all layers.
    pub size: u64,
}

impl Images {
    /// The images the filters let through, newest first. `reference` filters also narrow the names that are shown. Without `all`, images
    /// that have no name and are only what others were committed on are left out.
    ///
    /// # Errors
    /// A filter Docker does not know or a value that does not fit; `before`/`since` an image that is not there.
    pub fn list(&self, filters: &Filters, all: bool) -> Result<Vec<Summary>> {
        filters.check(&FILTERS)?;
        let dangling = filters.flag("dangling")?;
        let bound = |key: &str| -> Result<Option<Time>> {
            let image = filters.get(key).last().map(|name| self.resolve(name)).transpose()?;
            Ok(image.map(|image| image.created().unwrap_or(Time::from_nanos(0))))
        };
        let (before, since) = (bound("before")?, bound("since")?);
        let until = until(filters)?;
        let mut shown = Vec::new();
        let records = self.list_records()?;
        let parents: BTreeSet<String> = records.iter().map(|image| image.parent.clone()).collect();
        for mut image in records {
            if !all && image.tags.is_empty() && image.digests.is_empty() && parents.contains(&image.id) {
                continue;
            }
            let created = image.created().unwrap_or(Time::from_nanos(0));
            let fits = before.is_none_or(|t| created < t) && since.is_none_or(|t| created > t) && until.is_none_or(|t| created < t);
            if !fits || !filters.labels(&image.config.config.labels) {
                continue;
            }
            if !narrow(&mut image, filters.get("reference")) || dangling.is_some_and(|d| d != image.tags.is_empty()) {
                continue;
            }
            shown.push(Summary::new(&image));
        }
        Ok(shown)
    }

    /// Every image with its containers and shared bytes counted, for `system df`.
    ///
    /// # Errors
    /// The store's and the layer store's.
    pub fn list_with_usage(&self) -> Result<Vec<Summary>> {
        let images = self.list_records()?;
        let mut holders: BTreeMap<&Digest, u64> = BTreeMap::new();
        for image in &images {
            let own: BTreeSet<&Digest> = image.diff_ids().iter().collect();
            own.into_iter().for_each(|layer| *holders.entry(layer).or_default() += 1);
        }
        let mut shown = Vec::new();
        for image in &images {
            let mut shared = 0;
            for layer in image.diff_ids().iter().filter(|layer| holders[layer] > 1) {
                shared += self.layers.get(layer)?.map_or(0, |layer| layer.size);
            }
            let users = self.store.read(|tx| containers(tx, &image.id))?;
            let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            shown.push(Summary { containers: count(users.len() as u64), shared_size: count(shared), ..Summary::new(image) });
        }
        Ok(shown)
    }
}

impl Summary {
    /// The summary of one image, counts unknown.
    #[must_use]
    pub fn new(image: &ImageRecord) -> Self {
        let labels = &image.config.config.labels;
        Self {
            containers: -1,
            created: image.created().map_or(0, Time::seconds),
            id: image.id.clone(),
            labels: (!labels.is_empty()).then(|| labels.clone()),
            parent_id: image.parent.clone(),
            repo_digests: image.digests.clone(),
            repo_tags: image.tags.clone(),
            shared_size: -1,
            size: image.size,
        }
    }
}

fn until(filters: &Filters) -> Result<Option<Time>> {
    let bad = || Error::from(stead_base::filter::FilterError::Value { key: "until".to_owned(), values: filters.get("until").to_vec() });
    match filters.get("until") {
        [] => Ok(None),
        [one] => stead_base::time::parse_moment(one, Time::now()).map(Some).ok_or_else(bad),
        _ => Err(bad()),
    }
}

/// Keeps the names that a `reference` filter lets through; whether there are any (or no filter).
fn narrow(image: &mut ImageRecord, patterns: &[String]) -> bool {
    if patterns.is_empty() {
        return true;
    }
    let fits = |name: &String| Reference::parse(name).is_ok_and(|r| patterns.iter().any(|p| familiar_match(p, &r)));
    image.tags.retain(fits);
    image.digests.retain(fits);
    !(image.tags.is_empty() && image.digests.is_empty())
}

/// `reference.FamiliarMatch`: the pattern meets the familiar name with or without its tag.
fn familiar_match(pattern: &str, reference: &Reference) -> bool {
    path_match(pattern, &reference.familiar()) || path_match(pattern, &reference.familiar_name())
}

/// Go's `path.Match`: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are sets, `\` escapes. A malformed pattern matches nothing.
fn path_match(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    matches(&pattern, &text)
}

fn matches(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => {
            let stop = text.iter().position(|c| *c == '/').unwrap_or(text.len());
            (0..=stop).any(|at| matches(rest, &text[at..]))
        }
        ['?', rest @ ..] => text.first().is_some_and(|c| *c != '/') && matches(rest, &text[1..]),
        ['[', rest @ ..] => match (set(rest), text.first()) {
            (Some((set, after)), Some(c)) => *c != '/' && set(*c) && matches(after, &text[1..]),
            _ => false,
        },
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => text.first() == Some(literal) && matches(rest, &text[1..]),
    }
}

type Set = Box<dyn Fn(char) -> bool>;

/// A bracket expression after its `[`: what it contains, and what follows it.
fn set(pattern: &[char]) -> Option<(Set, &[char])> {
    let negated = pattern.first() == Some(&'^');
    let mut at = usize::from(negated);
    let mut ranges: Vec<(char, char)> = Vec::new();
    loop {
        let c = *pattern.get(at)?;
        if c == ']' && !ranges.is_empty() {
            break;
        }
        let one = |at: &mut usize| -> Option<char> {
            if pattern.get(*at) == Some(&'\\') {
                *at += 1;
            }
            let c = *pattern.get(*at)?;
            *at += 1;
            Some(c)
        };
        let low = one(&mut at)?;
        let high = if pattern.get(at) == Some(&'-') {
            at += 1;
            one(&mut at)?
        } else {
            low
        };
        ranges.push((low, high));
    }
    let inside = move |c: char| ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != negated;
    Some((Box::new(inside), &pattern[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_gos() {
        for (pattern, text, want) in [
            ("redis", "redis", true),
            ("red*", "redis", true),
            ("*", "me/app", false),
            ("*/*", "me/app", true),
            ("redis:*", "redis:7.2", true),
            ("r?dis", "redis", true),
            ("[a-r]edis", "redis", true),
            ("[^a-q]edis", "redis", true),
            ("[", "[", false),
            ("\\*", "*", true),
            ("", "", true),
        ] {
            assert_eq!(path_match(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn a_reference_filter_matches_with_and_without_the_tag() {
        let name = Reference::parse("redis:7").unwrap();
        assert!(familiar_match("redis", &name) && familiar_match("redis:7", &name) && familiar_match("r*:7", &name));
        assert!(!familiar_match("redis:8", &name));
    }
}
