//! CRC-32 (IEEE 802.3) over a row, so that a body altered by a bad disk is noticed before it is believed.

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0u32; 256];
    let mut seed = 0u32;
    while seed < 256 {
        let mut value = seed;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[seed as usize] = value;
        seed += 1;
    }
    table
}

/// The checksum of several fields; a zero byte between them keeps `ab`,`c` apart from `a`,`bc`.
pub(crate) fn crc32(fields: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for field in fields {
        for byte in field.iter().chain([&0u8]) {
            let [low, ..] = crc.to_le_bytes();
            crc = TABLE[usize::from(low ^ byte)] ^ (crc >> 8);
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_well_known_crc() {
        // The reference is zlib.crc32(b"123456789\0"): every field ends with a zero byte here.
        assert_eq!(crc32(&[b"123456789"]), 0x00c4_9e49);
        assert_ne!(crc32(&[b"ab", b"c"]), crc32(&[b"a", b"bc"]));
    }
}
