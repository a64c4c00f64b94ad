//! Sizes: reading what people type (`64m`, `1.5GiB`) and writing what they like to read.

/// Reads a size in bytes with binary multiples, as go-units `RAMInBytes` does: `1m`, `1MB` and `1MiB` are all 1 048 576.
///
/// # Errors
/// `invalid size: 'x'`, Docker's text.
pub fn parse_ram(text: &str) -> Result<i64, String> {
    let bad = || format!("invalid size: '{text}'");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let rest = rest.strip_prefix(' ').unwrap_or(rest).to_ascii_lowercase();
    let value: f64 = number.parse().map_err(|_parse| bad())?;
    let unit = rest.strip_suffix("ib").or_else(|| rest.strip_suffix('b')).unwrap_or(&rest);
    if rest == "ib" {
        return Err(bad());
    }
    let power = match unit {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(bad()),
    };
    let bytes = value * 1024f64.powi(power);
    if !bytes.is_finite() || bytes >= 9.2e18 {
        return Err(bad());
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked against i64's range above; fractions of a byte are dropped as Docker does"
    )]
    let whole = bytes as i64;
    Ok(whole)
}

/// `1.2MB`: decimal multiples, four significant digits at most, as `docker images` shows.
#[must_use]
pub fn human(bytes: u64) -> String {
    scaled(bytes, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB", "EB"], 3)
}

/// `1.5GiB`: binary multiples, as `docker stats` shows.
#[must_use]
pub fn human_binary(bytes: u64) -> String {
    scaled(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], 4)
}

fn scaled(bytes: u64, base: f64, units: &[&str], digits: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with at most four digits")]
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= base && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    format!("{}{}", general(value, digits), units[unit])
}

/// C's `%.{digits}g` for values in 0..base, which go-units prints with.
fn general(value: f64, digits: usize) -> String {
    let magnitude = if value >= 1000.0 {
        4
    } else if value >= 100.0 {
        3
    } else if value >= 10.0 {
        2
    } else {
        1
    };
    let text = format!("{value:.*}", digits.saturating_sub(magnitude));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ram_sizes_are_binary_whatever_the_suffix() {
        for (text, want) in [
            ("1", 1),
            ("1k", 1024),
            ("1KB", 1024),
            ("1KiB", 1024),
            ("64m", 64 << 20),
            ("1.5g", 3 << 29),
            ("2 t", 2 << 40),
            ("0", 0),
            ("1b", 1),
        ] {
            assert_eq!(parse_ram(text), Ok(want), "{text}");
        }
        for bad in ["", "x", "1x", "-1", "1mm", "m", "1.2.3", "9999999999p", "1ib"] {
            assert_eq!(parse_ram(bad), Err(format!("invalid size: '{bad}'")));
        }
    }

    #[test]
    fn people_read_short_sizes() {
        assert_eq!(human(0), "0B");
        assert_eq!(human(999), "999B");
        assert_eq!(human(1_234_567), "1.23MB");
        assert_eq!(human(100_000), "100kB");
        assert_eq!(human_binary(1024), "1KiB");
        assert_eq!(human_binary(3 << 29), "1.5GiB");
    }
}
