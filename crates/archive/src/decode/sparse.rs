//! Where the content of a sparse file lies.

use super::number;
use crate::{Error, Result};

/// Most parts of one file.
const SEGMENTS_MAX: usize = 1 << 20;

/// One part that has content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// Reads entries of an old GNU table: pairs of twelve bytes.
pub(crate) fn table(bytes: &[u8], into: &mut Vec<Segment>) -> Result<()> {
    for pair in bytes.chunks_exact(24) {
        if pair[0] == 0 {
            continue;
        }
        into.push(Segment { offset: number::field(&pair[..12], "sparse offset")?, length: number::field(&pair[12..], "sparse length")? });
        limited(into.len())?;
    }
    Ok(())
}

/// The map of version 1.0, byte by byte: a count, then that many pairs.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    count: Option<usize>,
    numbers: Vec<u64>,
    current: Option<u64>,
}

impl Lines {
    pub(crate) fn push(&mut self, byte: u8) -> Result<()> {
        let bad = || Error::malformed("sparse map");
        match byte {
            b'0'..=b'9' => {
                let sum = self.current.unwrap_or(0).checked_mul(10).and_then(|sum| sum.checked_add(u64::from(byte - b'0')));
                self.current = Some(sum.ok_or_else(bad)?);
                Ok(())
            }
            b'\n' => {
                let number = self.current.take().ok_or_else(bad)?;
                if self.count.is_none() {
                    let count = usize::try_from(number).unwrap_or(usize::MAX);
                    limited(count)?;
                    self.count = Some(count);
                } else {
                    self.numbers.push(number);
                }
                Ok(())
            }
            _ => Err(bad()),
        }
    }

    pub(crate) fn complete(&self) -> bool {
        self.count.is_some_and(|count| self.numbers.len() == 2 * count)
    }

    pub(crate) fn segments(&self) -> Vec<Segment> {
        self.numbers.chunks_exact(2).map(|pair| Segment { offset: pair[0], length: pair[1] }).collect()
    }
}

fn limited(count: usize) -> Result<()> {
    if count > SEGMENTS_MAX { Err(Error::Limit { what: "a sparse map", limit: SEGMENTS_MAX as u64 }) } else { Ok(()) }
}

/// The parts must follow each other, lie inside the file, and use up exactly the content there is.
pub(crate) fn check(segments: &[Segment], stored: u64, real_size: u64) -> Result<()> {
    let mut end = 0u64;
    let mut sum = 0u64;
    for segment in segments {
        let next = segment.offset.checked_add(segment.length).filter(|next| segment.offset >= end && *next <= real_size);
        end = next.ok_or_else(|| Error::malformed("sparse map"))?;
        sum += segment.length;
    }
    if sum == stored && i64::try_from(real_size).is_ok() { Ok(()) } else { Err(Error::malformed("sparse map does not match the size")) }
}

#[cfg(test)]
mod tests {
    use super::{Lines, Segment, check};

    fn at(offset: u64, length: u64) -> Segment {
        Segment { offset, length }
    }

    #[test]
    fn maps_must_add_up() {
        assert!(check(&[at(0, 5), at(10, 5), at(20, 0)], 10, 20).is_ok());
        assert!(check(&[at(5, 5), at(0, 5)], 10, 20).is_err(), "backwards");
        assert!(check(&[at(0, 5), at(4, 5)], 10, 20).is_err(), "overlap");
        assert!(check(&[at(0, 30)], 30, 20).is_err(), "beyond the end");
        assert!(check(&[at(0, 5)], 6, 20).is_err(), "content left over");
        assert!(check(&[at(u64::MAX, 5)], 5, u64::MAX).is_err(), "overflow");
    }

    #[test]
    fn lines_are_counted() {
        let mut lines = Lines::default();
        for byte in b"2\n0\n5\n10\n7\n" {
            assert!(!lines.complete());
            lines.push(*byte).unwrap();
        }
        assert!(lines.complete());
        assert_eq!(lines.segments(), [at(0, 5), at(10, 7)]);
        assert!(Lines::default().push(b'x').is_err());
        assert!(Lines::default().push(b'\n').is_err());
    }
}
