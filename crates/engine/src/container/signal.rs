//! Signals by name or number, as `--stop-signal` and `kill -s` take them.

use crate::{Failure, Result};

/// Linux's numbers on every architecture Stead runs on (asm-generic/signal.h).
const SIGNALS: [(&str, i32); 33] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
    ("POLL", 29),
];
/// The signal that nothing refuses.
pub(super) const KILL: i32 = 9;
const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// Reads `TERM`, `SIGTERM`, `15`, `RTMIN+3`.
///
/// # Errors
/// `invalid signal: x`, Docker's text.
pub(crate) fn parse(text: &str) -> Result<i32> {
    let bad = || Failure::invalid(format!("invalid signal: {text}"));
    if let Ok(number) = text.parse::<i32>() {
        return if (1..=RTMAX).contains(&number) { Ok(number) } else { Err(bad()) };
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some((_, number)) = SIGNALS.iter().find(|(known, _)| *known == name) {
        return Ok(*number);
    }
    let realtime = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(""), _) => Some(RTMIN),
        (Some(offset), _) => offset.parse::<i32>().ok().map(|n| RTMIN + n),
        (_, Some("")) => Some(RTMAX),
        (_, Some(offset)) => offset.parse::<i32>().ok().map(|n| RTMAX + n),
        _ => None,
    };
    realtime.filter(|n| (RTMIN..=RTMAX).contains(n)).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_many_spellings() {
        for (text, want) in [("TERM", 15), ("sigquit", 3), ("9", 9), ("RTMIN+3", 37), ("SIGRTMAX-1", 63), ("SIGRTMIN", 34)] {
            assert_eq!(parse(text).unwrap(), want, "{text}");
        }
        for bad in ["", "0", "65", "SIGNOPE", "RTMIN+31", "-9"] {
            assert_eq!(parse(bad).unwrap_err().message, format!("invalid signal: {bad}"));
        }
    }
}
