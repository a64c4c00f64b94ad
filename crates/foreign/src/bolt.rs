//! Reading bbolt files (`metadata.db`, `bolt_state.db`): pages, buckets, keys and values, and nothing else.
//!
//! The file is read whole into memory first and may be in use or hostile: every offset is checked, a tree is no deeper and has no more
//! pages than the file can hold. Of the two meta pages the newest with a right checksum counts, as bbolt itself does it.

use std::cell::Cell;
use std::rc::Rc;

/// Bytes of a page's header.
const HEADER: usize = 16;
/// Bytes of one element of a page.
const ELEMENT: usize = 16;
/// Bytes of a bucket's header inside its parent's value.
const BUCKET: usize = 16;
/// Bytes of a meta page's content before its checksum.
const META: usize = 56;
const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
/// The flag of an element whose value is a bucket.
const IS_BUCKET: u32 = 0x01;
/// Depth of a tree at most; pages hold dozens of keys, so real ones stay below ten.
const DEPTH_MAX: usize = 32;
/// Pages and elements that are looked at in one file, in all: several buckets may name the same tree again and again.
const LOOKS_MAX: usize = 8 << 20;
/// Page sizes bbolt can have; the operating system's.
const PAGE_SIZES: [usize; 7] = [1024, 2048, 4096, 8192, 16384, 32768, 65536];

/// Why a file is not what bbolt writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Neither meta page can be believed.
    #[error("it is no bbolt file, or both of its meta pages are damaged")]
    Meta,
    /// An offset, count or kind of page that cannot be.
    #[error("page {0} is damaged")]
    Page(u64),
    /// A tree that is deeper or larger than the file allows.
    #[error("its tree has a circle")]
    Circle,
    /// Trees that several buckets share, or more than anybody has.
    #[error("it holds more than can be read")]
    TooMuch,
}

/// A bucket: keys with values or further buckets.
#[derive(Debug, Clone)]
pub struct Bucket<'a> {
    file: File<'a>,
    place: Place<'a>,
}

/// What a key leads to.
#[derive(Debug, Clone)]
pub enum Item<'a> {
    /// Bytes.
    Value(&'a [u8]),
    /// A bucket.
    Bucket(Bucket<'a>),
}

#[derive(Debug, Clone)]
struct File<'a> {
    bytes: &'a [u8],
    page_size: usize,
    /// What of [`LOOKS_MAX`] is left, for all buckets of the file.
    looks: Rc<Cell<usize>>,
}

/// Where a bucket's tree begins.
#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    Page(u64),
    /// A small bucket lies in its parent's value.
    Inline(&'a [u8]),
}

/// The topmost bucket of a file's bytes.
///
/// # Errors
/// [`Damage::Meta`].
pub fn open(bytes: &[u8]) -> Result<Bucket<'_>, Damage> {
    let newest = PAGE_SIZES
        .iter()
        .flat_map(|size| [0, *size].map(|at| meta(bytes, at).filter(|meta| meta.page_size == *size)))
        .flatten()
        .max_by_key(|meta| meta.txid)
        .ok_or(Damage::Meta)?;
    Ok(Bucket { file: File { bytes, page_size: newest.page_size, looks: Rc::new(Cell::new(LOOKS_MAX)) }, place: Place::Page(newest.root) })
}

struct Meta {
    page_size: usize,
    root: u64,
    txid: u64,
}

fn meta(bytes: &[u8], at: usize) -> Option<Meta> {
    let meta = bytes.get(at.checked_add(HEADER)?..)?;
    let sum = meta.get(..META)?.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let believed = u32_at(meta, 0)? == MAGIC && u32_at(meta, 4)? == VERSION && u64_at(meta, META)? == sum;
    believed.then_some(Meta { page_size: usize::try_from(u32_at(meta, 8)?).ok()?, root: u64_at(meta, 16)?, txid: u64_at(meta, 48)? })
}

impl<'a> Bucket<'a> {
    /// Everything in the bucket, in the order of the keys.
    ///
    /// # Errors
    /// [`Damage`].
    pub fn items(&self) -> Result<Vec<(&'a [u8], Item<'a>)>, Damage> {
        let mut items = Vec::new();
        match self.place {
            Place::Inline(page) => self.leaf(page, 0, &mut items)?,
            Place::Page(root) => {
                // Each page belongs to one place of one tree.
                let mut pages_left = self.file.bytes.len() / self.file.page_size;
                self.walk(root, DEPTH_MAX, &mut pages_left, &mut items)?;
            }
        }
        Ok(items)
    }

    /// The bucket of a key; `None` where there is none.
    ///
    /// # Errors
    /// [`Damage`].
    pub fn bucket(&self, key: &[u8]) -> Result<Option<Bucket<'a>>, Damage> {
        let found = self.items()?.into_iter().find(|(name, _)| *name == key);
        Ok(found.and_then(|(_, item)| match item {
            Item::Bucket(bucket) => Some(bucket),
            Item::Value(_) => None,
        }))
    }

    /// The value of a key; `None` where there is none.
    ///
    /// # Errors
    /// [`Damage`].
    pub fn value(&self, key: &[u8]) -> Result<Option<&'a [u8]>, Damage> {
        let found = self.items()?.into_iter().find(|(name, _)| *name == key);
        Ok(found.and_then(|(_, item)| match item {
            Item::Value(value) => Some(value),
            Item::Bucket(_) => None,
        }))
    }

    fn walk(&self, id: u64, depth: usize, pages_left: &mut usize, items: &mut Vec<(&'a [u8], Item<'a>)>) -> Result<(), Damage> {
        if depth == 0 || *pages_left == 0 {
            return Err(Damage::Circle);
        }
        *pages_left -= 1;
        self.file.look(1)?;
        let page = self.file.page(id)?;
        let flags = u16_at(page, 8).ok_or(Damage::Page(id))?;
        if flags & LEAF != 0 {
            return self.leaf(page, id, items);
        }
        if flags & BRANCH == 0 {
            return Err(Damage::Page(id));
        }
        for n in 0..count(page).ok_or(Damage::Page(id))? {
            let child = page.get(HEADER + n * ELEMENT..).and_then(|element| u64_at(element, 8)).ok_or(Damage::Page(id))?;
            self.walk(child, depth - 1, pages_left, items)?;
        }
        Ok(())
    }

    fn leaf(&self, page: &'a [u8], id: u64, items: &mut Vec<(&'a [u8], Item<'a>)>) -> Result<(), Damage> {
        let damage = || Damage::Page(id);
        let count = count(page).ok_or_else(damage)?;
        self.file.look(count)?;
        for n in 0..count {
            // Positions count from the element itself.
            let element = page.get(HEADER + n * ELEMENT..).ok_or_else(damage)?;
            let number = |at| u32_at(element, at).and_then(|v| usize::try_from(v).ok()).ok_or_else(damage);
            let (flags, start, key_len, value_len) = (u32_at(element, 0).ok_or_else(damage)?, number(4)?, number(8)?, number(12)?);
            let value_start = start.checked_add(key_len).ok_or_else(damage)?;
            let value_end = value_start.checked_add(value_len).ok_or_else(damage)?;
            let key = element.get(start..value_start).ok_or_else(damage)?;
            let value = element.get(value_start..value_end).ok_or_else(damage)?;
            let item = if flags & IS_BUCKET == 0 { Item::Value(value) } else { Item::Bucket(self.below(value).ok_or_else(damage)?) };
            items.push((key, item));
        }
        Ok(())
    }

    fn below(&self, value: &'a [u8]) -> Option<Bucket<'a>> {
        let place = match u64_at(value, 0)? {
            0 => Place::Inline(value.get(BUCKET..).filter(|page| page.len() >= HEADER)?),
            root => Place::Page(root),
        };
        Some(Bucket { file: self.file.clone(), place })
    }
}

impl<'a> File<'a> {
    fn look(&self, count: usize) -> Result<(), Damage> {
        self.looks.set(self.looks.get().checked_sub(count).ok_or(Damage::TooMuch)?);
        Ok(())
    }

    /// A page with what overflows it.
    fn page(&self, id: u64) -> Result<&'a [u8], Damage> {
        let damage = || Damage::Page(id);
        let start = usize::try_from(id).ok().and_then(|id| id.checked_mul(self.page_size)).ok_or_else(damage)?;
        let rest = self.bytes.get(start..).ok_or_else(damage)?;
        let overflow = u32_at(rest, 12).and_then(|n| usize::try_from(n).ok()).ok_or_else(damage)?;
        let length = overflow.checked_add(1).and_then(|n| n.checked_mul(self.page_size)).ok_or_else(damage)?;
        rest.get(..length).ok_or_else(damage)
    }
}

/// How many elements a page says it has, if they fit.
fn count(page: &[u8]) -> Option<usize> {
    let count = usize::from(u16_at(page, 10)?);
    (HEADER + count * ELEMENT <= page.len()).then_some(count)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_that_is_named_by_all_is_not_read_for_each() {
        // A leaf with three empty elements.
        let mut page = vec![0; 1024];
        page[8] = 2;
        page[10] = 3;
        let file = File { bytes: &page, page_size: 1024, looks: Rc::new(Cell::new(7)) };
        let bucket = Bucket { file, place: Place::Page(0) };
        let other = bucket.clone();
        assert_eq!(bucket.items().unwrap().len(), 3);
        assert_eq!(other.items().unwrap_err(), Damage::TooMuch);
    }
}
