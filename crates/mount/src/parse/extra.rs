//! The words of `-v` and `--mount` that Docker does not have, with podman's spelling where podman has them.
//!
//! `idmap[=auto|match-user[:USER]|uids=RANGES;gids=RANGES]`, `U`, `O`, `upperdir=`, `workdir=`, `overlay=VOLUME`,
//! `relabel=shared|private`, `noexec,nosuid,nodev` and their opposites. A range is `DISK-SEEN-COUNT` (podman) or `DISK:SEEN:COUNT`; ranges
//! are separated by `#` (podman) or, where the value is quoted, by a comma.

use crate::extra::{Extras, IdMapping, IdRange, MATCH_USER, OverlayOptions, class_of};
use crate::gotext::parse_bool;

/// A value that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bad;

/// Takes one word into `extras` if it is one of ours. `key` is lower-cased where the grammar ignores case.
///
/// # Errors
/// [`Bad`] for a value it cannot have.
pub(super) fn take(extras: &mut Extras, key: &str, value: Option<&str>) -> Result<bool, Bad> {
    match (key, value) {
        ("idmap" | "bind-idmap", value) => extras.id_mapping = Some(id_mapping(value.unwrap_or("auto")).ok_or(Bad)?),
        ("U" | "u" | "chown", value) => extras.chown = switch(value)?,
        ("O" | "o", None) => drop(extras.overlay.get_or_insert_default()),
        ("overlay", value) => overlay(extras, value)?,
        ("upperdir", Some(path)) if !path.is_empty() => path.clone_into(&mut layer(extras).upper_dir),
        ("workdir", Some(path)) if !path.is_empty() => path.clone_into(&mut layer(extras).work_dir),
        ("relabel", Some(word @ ("shared" | "private"))) => word.clone_into(&mut extras.relabel),
        ("upperdir" | "workdir" | "relabel", _) => return Err(Bad),
        (flag, value) if class_of(flag).is_some() => {
            let word = if switch(value)? { flag.to_owned() } else { opposite(flag) };
            extras.flags.push(word);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn layer(extras: &mut Extras) -> &mut OverlayOptions {
    extras.overlay.get_or_insert_default()
}

/// `overlay`, `overlay=true` and `overlay=VOLUME`.
fn overlay(extras: &mut Extras, value: Option<&str>) -> Result<(), Bad> {
    match (value, value.map(parse_bool)) {
        (Some(""), _) => return Err(Bad),
        (_, Some(Some(false))) => extras.overlay = None,
        (None, _) | (_, Some(Some(true))) => drop(extras.overlay.get_or_insert_default()),
        (Some(volume), _) => volume.clone_into(&mut layer(extras).volume),
    }
    Ok(())
}

fn switch(value: Option<&str>) -> Result<bool, Bad> {
    value.map_or(Ok(true), |word| parse_bool(word).ok_or(Bad))
}

fn opposite(flag: &str) -> String {
    flag.strip_prefix("no").map_or_else(|| format!("no{flag}"), str::to_owned)
}

/// The value of `idmap`.
fn id_mapping(value: &str) -> Option<IdMapping> {
    match value {
        "auto" | MATCH_USER => return Some(IdMapping::match_user()),
        "userns" => return Some(IdMapping { source: value.to_owned(), ..IdMapping::default() }),
        _ => {}
    }
    if let Some((MATCH_USER | "auto", user)) = value.split_once(':') {
        return (!user.is_empty()).then(|| IdMapping { user: user.to_owned(), ..IdMapping::match_user() });
    }
    let mut mapping = IdMapping::default();
    for part in value.split(';') {
        let (key, ranges) = part.split_once('=')?;
        let into = match key {
            "uids" => &mut mapping.uids,
            "gids" => &mut mapping.gids,
            _ => return None,
        };
        // The same key twice would hide one of them.
        if !into.is_empty() {
            return None;
        }
        *into = ranges.split(['#', ',']).map(range).collect::<Option<Vec<_>>>()?;
    }
    Some(mapping)
}

/// `DISK-SEEN-COUNT`. Podman's `@` means "relative to the container's user namespace": ours has the host's, so it changes nothing.
fn range(text: &str) -> Option<IdRange> {
    let text = text.strip_prefix('@').unwrap_or(text);
    let mut numbers = text.split(['-', ':']).map(number);
    let range = IdRange { on_disk: numbers.next()??, shown: numbers.next()??, count: numbers.next()?? };
    numbers.next().is_none().then_some(range)
}

/// Digits only: no sign, no blanks.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
#[path = "extra/tests.rs"]
mod tests;
