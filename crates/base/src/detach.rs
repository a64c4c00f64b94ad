//! The keys that detach from a container, by default ctrl-p ctrl-q: found in what is typed, wherever reads cut it.

/// A sequence of keys and how much of it was just typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    sequence: Vec<u8>,
    typed: usize,
}

impl Default for Keys {
    fn default() -> Self {
        Self { sequence: vec![0x10, 0x11], typed: 0 }
    }
}

impl Keys {
    /// Reads `ctrl-p,ctrl-q`, `a,b`, `ctrl-@`. Empty means the default.
    ///
    /// # Errors
    /// Docker's text for a key that does not exist.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let sequence = text.split(',').map(key).collect::<Option<Vec<u8>>>();
        let bad = || {
            format!("invalid detach keys ({text}): Unknown character: '{}'", text.split(',').find(|k| key(k).is_none()).unwrap_or_default())
        };
        Ok(Self { sequence: sequence.ok_or_else(bad)?, typed: 0 })
    }

    /// Takes what was typed; appends to `out` what is for the container. True: the sequence is complete, the rest is dropped.
    pub fn filter(&mut self, typed: &[u8], out: &mut Vec<u8>) -> bool {
        for byte in typed {
            if *byte == self.sequence[self.typed] {
                self.typed += 1;
                if self.typed == self.sequence.len() {
                    self.typed = 0;
                    return true;
                }
                continue;
            }
            // It was no sequence after all: what was held back goes out.
            out.extend_from_slice(&self.sequence[..self.typed]);
            self.typed = usize::from(*byte == self.sequence[0]);
            if self.typed == 0 {
                out.push(*byte);
            }
        }
        false
    }
}

fn key(word: &str) -> Option<u8> {
    if let [single] = word.as_bytes() {
        return Some(*single);
    }
    match word.strip_prefix("ctrl-")?.as_bytes() {
        [letter @ b'a'..=b'z'] => Some(letter - b'a' + 1),
        b"@" => Some(0),
        b"[" => Some(27),
        b"\\" => Some(28),
        b"]" => Some(29),
        b"^" => Some(30),
        b"_" => Some(31),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(keys: &mut Keys, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        let done = keys.filter(typed, &mut out);
        (out, done)
    }

    #[test]
    fn the_sequence_is_found_across_reads() {
        let mut keys = Keys::default();
        assert_eq!(feed(&mut keys, b"ab\x10"), (b"ab".to_vec(), false));
        assert_eq!(feed(&mut keys, b"\x11xyz"), (Vec::new(), true));
        assert_eq!(feed(&mut keys, b"\x10\x10c"), (b"\x10\x10c".to_vec(), false));
        assert_eq!(feed(&mut keys, b"\x10\x10"), (b"\x10".to_vec(), false));
        assert_eq!(feed(&mut keys, b"\x11"), (Vec::new(), true));
    }

    #[test]
    fn keys_have_names() {
        assert_eq!(Keys::parse("").unwrap(), Keys::default());
        assert_eq!(Keys::parse("ctrl-a,z,ctrl-@").unwrap().sequence, [1, b'z', 0]);
        assert_eq!(Keys::parse("ctrl-p,foo").unwrap_err(), "invalid detach keys (ctrl-p,foo): Unknown character: 'foo'");
    }
}
