//! Names of containers: what is allowed, and the random ones given when nobody asks for one.

/// Refuses a container name that Docker would refuse, with its text.
///
/// # Errors
/// The text Docker 28 prints for a name outside `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub fn check_container(name: &str) -> Result<(), String> {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = bytes.len() > 0 && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if first && rest && name.len() <= NAME_LEN_MAX {
        return Ok(());
    }
    Err(format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"))
}

/// Longest name accepted; it becomes a DNS label path and a file name elsewhere, which end at 255 bytes.
pub const NAME_LEN_MAX: usize = 255;

const ADJECTIVES: [&str; 32] = [
    "able", "brave", "calm", "clear", "deep", "eager", "fair", "fast", "firm", "fond", "glad", "good", "keen", "kind", "lasting", "loyal",
    "lucid", "merry", "neat", "noble", "plain", "proud", "quiet", "ready", "safe", "sharp", "sound", "stable", "steady", "sturdy", "sure",
    "warm",
];
const NOUNS: [&str; 32] = [
    "acre", "anchor", "ark", "barn", "bay", "beacon", "bridge", "cairn", "cellar", "cove", "dale", "dam", "dock", "field", "ford", "forge",
    "gate", "granary", "grove", "harbor", "haven", "hearth", "keep", "ledger", "lodge", "meadow", "mill", "orchard", "pier", "quay",
    "spring", "vault",
];

/// A random `adjective_noun` with a number out of `seed`; sixteen bits of number keep collisions rare.
#[must_use]
pub fn random(seed: u64) -> String {
    let pick = |shift: u32| usize::try_from((seed >> shift) & 31).unwrap_or(0);
    format!("{}_{}{}", ADJECTIVES[pick(0)], NOUNS[pick(5)], (seed >> 10) & 0x3ff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_dockers_grammar() {
        for good in ["ab", "a.b-c_d", "0x"] {
            assert_eq!(check_container(good), Ok(()));
        }
        for bad in ["", "a", "-ab", "a/b", "a b", "..", "é1"] {
            assert!(check_container(bad).is_err(), "{bad}");
        }
        assert!(check_container(&"a".repeat(256)).is_err());
    }

    #[test]
    fn random_names_are_legal() {
        for seed in 0..2000u64 {
            let name = random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            assert_eq!(check_container(&name), Ok(()), "{name}");
        }
    }
}
