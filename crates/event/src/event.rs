//! One event and its line in the journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stead_base::time::Time;

/// The longest line. What an event carries is labels, which users choose; a journal of bounded size needs bounded lines.
pub(crate) const LINE_MAX: usize = 256 << 10;

/// What happened, before its moment is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// `container`, `image`, `volume`, `network` or `daemon`.
    pub kind: String,
    /// `create`, `die`, `exec_start: sh -c true`.
    pub action: String,
    /// Whom it happened to.
    pub id: String,
    /// Labels, name, image and what belongs to the action.
    pub attributes: BTreeMap<String, String>,
}

/// What happened, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// As in [`Draft`].
    pub kind: String,
    /// As in [`Draft`].
    pub action: String,
    /// As in [`Draft`].
    #[serde(default)]
    pub id: String,
    /// As in [`Draft`].
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Taken under the journal's lock: later in the journal means later. Nanoseconds since the epoch; the last field of a line, see [`last_time`].
    #[serde(with = "nanos")]
    pub time: Time,
}

/// A moment as a number.
mod nanos {
    use serde::{Deserialize, Deserializer, Serializer};
    use stead_base::time::Time;

    pub(super) fn serialize<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(i64::try_from(time.nanos()).unwrap_or(i64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        Ok(Time::from_nanos(i128::from(i64::deserialize(from)?)))
    }
}

/// The line of an event, its newline included. Attributes that would make it longer than a line may be are left out, the longest first.
pub(crate) fn line(event: &mut Event) -> Vec<u8> {
    loop {
        // Strings and numbers always encode.
        let mut bytes = serde_json::to_vec(event).unwrap_or_default();
        bytes.push(b'\n');
        if bytes.len() <= LINE_MAX {
            return bytes;
        }
        let longest = event.attributes.iter().max_by_key(|(key, value)| key.len() + value.len()).map(|(key, _)| key.clone());
        match longest {
            Some(key) => drop(event.attributes.remove(&key)),
            // An action is a command line, too.
            None => cut(event),
        }
    }
}

fn cut(event: &mut Event) {
    for text in [&mut event.action, &mut event.id, &mut event.kind] {
        let mut end = text.len().min(LINE_MAX / 32);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
}

/// What the end of a segment tells the next writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Whether the last line is whole.
    pub(crate) whole: bool,
    /// When the last event happened, where that can be read.
    pub(crate) time: Option<Time>,
}

/// How many bytes at the end of a segment [`Tail::of`] needs.
pub(crate) const TAIL: u64 = 48;

impl Tail {
    /// Reads the last bytes of a segment.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let whole = bytes.last().is_none_or(|last| *last == b'\n');
        Self { whole, time: last_time(bytes) }
    }
}

fn last_time(bytes: &[u8]) -> Option<Time> {
    const KEY: &str = "\"time\":";
    let text = String::from_utf8_lossy(bytes);
    let number = text.strip_suffix("}\n")?;
    let digits = &number[number.rfind(KEY)? + KEY.len()..];
    Some(Time::from_nanos(digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(attributes: &[(&str, String)]) -> Event {
        Event {
            kind: "container".into(),
            action: "die".into(),
            id: "abc".into(),
            attributes: attributes.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
            time: Time::from_nanos(1_764_040_000_123_456_789),
        }
    }

    #[test]
    fn a_line_is_read_back_and_its_end_tells_the_time() {
        let mut event = event(&[("exitCode", "0".into()), ("odd", "\n}\"\u{2028}".into())]);
        let bytes = line(&mut event);
        assert_eq!(serde_json::from_slice::<Event>(&bytes).unwrap(), event);
        assert_eq!(bytes.iter().filter(|b| **b == b'\n').count(), 1);
        let tail = &bytes[bytes.len() - usize::try_from(TAIL).unwrap().min(bytes.len())..];
        assert_eq!(Tail::of(tail), Tail { whole: true, time: Some(event.time) });
        assert_eq!(Tail::of(&tail[..tail.len() - 1]), Tail { whole: false, time: None });
        assert_eq!(Tail::of(b""), Tail { whole: true, time: None });
    }

    #[test]
    fn too_much_is_left_out_the_longest_first() {
        let mut event = event(&[("small", "1".into()), ("big", "x".repeat(LINE_MAX))]);
        assert!(line(&mut event).len() <= LINE_MAX);
        assert_eq!(event.attributes.into_keys().collect::<Vec<_>>(), ["small"]);
        let mut long = self::event(&[]);
        long.action = "exec_start: ".to_owned() + &"ü".repeat(LINE_MAX);
        assert!(line(&mut long).len() <= LINE_MAX);
        assert!(long.action.starts_with("exec_start: "));
    }

    #[test]
    fn fields_of_the_future_are_passed_over() {
        let text = r#"{"kind":"volume","action":"create","scope":"x","time":5}"#;
        assert_eq!(serde_json::from_str::<Event>(text).unwrap().time.nanos(), 5);
    }
}
