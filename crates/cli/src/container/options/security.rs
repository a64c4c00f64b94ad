//! `--security-opt`: profiles are read here, because the engine takes their content and not a path of the user's.

use std::fs;

use super::files::cause;
use crate::command::quote::go;

/// What the options come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Security {
    /// What the engine is told; `None` for nothing.
    pub(super) options: Option<Vec<String>>,
    /// `systempaths=unconfined`: no masked and no read-only paths.
    pub(super) unmasked: bool,
}

/// Reads the options in order.
pub(super) fn resolve<'a>(words: impl Iterator<Item = &'a str>) -> Result<Security, String> {
    let mut options = Vec::new();
    let mut unmasked = false;
    for word in words {
        if word == "no-new-privileges" {
            options.push(word.to_owned());
            continue;
        }
        // The colon is the old spelling.
        let split = word.split_once('=').or_else(|| word.split_once(':'));
        let (key, value) = split.ok_or_else(|| format!("Invalid --security-opt: {}", go(word)))?;
        match (key, value) {
            ("systempaths", "unconfined") => unmasked = true,
            ("seccomp", "unconfined" | "builtin") => options.push(format!("seccomp={value}")),
            ("seccomp", path) => options.push(format!("seccomp={}", profile(path)?)),
            _ => options.push(word.to_owned()),
        }
    }
    Ok(Security { options: (!options.is_empty()).then_some(options), unmasked })
}

fn profile(path: &str) -> Result<String, String> {
    let bytes = fs::read(path).map_err(|e| format!("opening seccomp profile ({path}) failed: open {path}: {}", cause(&e)))?;
    let bad = |e: serde_json::Error| {
        let why = if e.is_eof() { "unexpected end of JSON input".to_owned() } else { e.to_string() };
        format!("compacting json for seccomp profile ({path}) failed: {why}")
    };
    let json: serde_json::Value = serde_json::from_slice(&bytes).map_err(bad)?;
    Ok(json.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_told_apart() {
        let got = resolve(["no-new-privileges", "systempaths=unconfined", "seccomp:unconfined", "label=disable"].into_iter()).unwrap();
        let want = ["no-new-privileges", "seccomp=unconfined", "label=disable"].map(str::to_owned).to_vec();
        assert_eq!(got, Security { options: Some(want), unmasked: true });
        assert_eq!(resolve(["foo"].into_iter()), Err("Invalid --security-opt: \"foo\"".to_owned()));
        assert_eq!(
            resolve(["seccomp=/nope"].into_iter()),
            Err("opening seccomp profile (/nope) failed: open /nope: no such file or directory".to_owned())
        );
    }
}
