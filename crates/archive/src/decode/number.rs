//! The numbers of a tar header: octal text, or base 256 when the top bit is set; and the checksum.

use crate::encode::BLOCK;
use crate::{Error, Result};

/// A number that cannot be negative.
pub(crate) fn field(bytes: &[u8], what: &str) -> Result<u64> {
    u64::try_from(signed_field(bytes, what)?).map_err(|_negative| Error::malformed(format!("{what} is negative")))
}

/// A number that can (times before the epoch in base 256).
pub(crate) fn signed_field(bytes: &[u8], what: &str) -> Result<i64> {
    let bad = || Error::malformed(format!("{what} is no number"));
    let Some(first) = bytes.first() else { return Err(bad()) };
    if first & 0x80 != 0 {
        let negative = first & 0x40 != 0;
        let mut value: i128 = if negative { -1 } else { 0 };
        for (at, byte) in bytes.iter().enumerate() {
            let byte = if at == 0 { (byte & 0x3f) | if negative { 0xc0 } else { 0 } } else { *byte };
            value = (value << 8) | i128::from(byte);
            if !(-(1i128 << 70)..1i128 << 70).contains(&value) {
                return Err(bad());
            }
        }
        return i64::try_from(value).map_err(|_range| bad());
    }
    let digits: Vec<u8> =
        bytes.iter().copied().skip_while(|byte| *byte == b' ' || *byte == 0).take_while(|byte| *byte != b' ' && *byte != 0).collect();
    digits.iter().try_fold(0i64, |sum, digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8).and_then(|sum| sum.checked_add(i64::from(digit - b'0'))).ok_or_else(bad),
        _ => Err(bad()),
    })
}

/// Checks the header's sum; some old programs summed signed bytes.
pub(crate) fn checksum(block: &[u8; BLOCK]) -> Result<()> {
    let said = signed_field(&block[148..156], "checksum")?;
    let counted = || block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
    let unsigned: i64 = counted().map(i64::from).sum();
    let signed: i64 = counted().map(|byte| i64::from(byte.cast_signed())).sum();
    if said == unsigned || said == signed { Ok(()) } else { Err(Error::malformed("wrong header checksum")) }
}

#[cfg(test)]
mod tests {
    use super::signed_field;

    #[test]
    fn octal_and_base_256() {
        let read = |bytes: &[u8]| signed_field(bytes, "n").ok();
        assert_eq!(read(b"0000644\0"), Some(0o644));
        assert_eq!(read(b"   644 \0"), Some(0o644));
        assert_eq!(read(b"\0\0\0\0"), Some(0));
        assert_eq!(read(b"12x"), None);
        assert_eq!(read(b"-1"), None);
        assert_eq!(read(&[0x80, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0]), Some(0x10_0000_0000));
        assert_eq!(read(&[0xff; 12]), Some(-1));
        assert_eq!(read(&[0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(read(b"7777777777777777777777777"), None);
    }
}
