//! Options that Docker knows and Stead does not do: refused in one line that names the option, its value and why.

use crate::command::Matches;

/// The refusal of the first option that was given and cannot be honoured.
pub(super) fn first(matches: &Matches) -> Option<String> {
    matches.everything().find_map(|(name, value)| {
        let why = reason(name, value)?;
        let shown = if value == "true" { format!("--{name}") } else { format!("--{name} {value}") };
        Some(format!("option \"{shown}\" is not supported: {why}"))
    })
}

fn reason(name: &str, value: &str) -> Option<&'static str> {
    match name {
        "cpu-count" | "cpu-percent" | "io-maxbandwidth" | "io-maxiops" => Some("it is for Windows containers only"),
        "use-api-socket" if value == "true" => Some("there is no API socket to hand in"),
        "disable-content-trust" if value == "false" => Some("images are verified by digest, not by signature"),
        _ => None,
    }
}
