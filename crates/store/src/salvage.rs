//! Taking over, from a database that was put aside, every row that can still be believed.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row, params};

use crate::tx::checksum;
use crate::{Result, Tx};

/// What came out of a damaged database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Salvaged {
    /// Records that are in the store again.
    pub records: u64,
    /// Records that were there and could not be believed.
    pub lost: u64,
}

/// The row as it is stored; the checksum tells whether it is whole.
struct Raw {
    kind: String,
    id: String,
    name: Option<String>,
    version: u32,
    body: String,
    crc: u32,
}

/// A row's position, and the row unless its columns make no sense.
type Seen = (i64, Option<Raw>);

/// Copies what can be believed from the database `aside` into the new one, inside the caller's transaction. What the new one has already
/// is kept as it is. A file that can not be opened at all gives nothing, which is no error.
pub(crate) fn take_over(aside: &Path, tx: &Tx<'_>) -> Result<Salvaged> {
    let Ok(old) = Connection::open_with_flags(aside, OpenFlags::SQLITE_OPEN_READ_WRITE) else { return Ok(Salvaged::default()) };
    // Both ways: a torn page in the middle hides what lies behind it from a walk that can only come from one side.
    let mut rows = walk(&old, "SELECT rowid, kind, id, name, version, body, crc FROM records NOT INDEXED ORDER BY rowid");
    let last = rows.iter().map(|row| row.0).max().unwrap_or(i64::MIN);
    let back = walk(&old, "SELECT rowid, kind, id, name, version, body, crc FROM records NOT INDEXED ORDER BY rowid DESC");
    rows.extend(back.into_iter().filter(|row| row.0 > last));
    let refs = references(&old);
    tx.raw("salvage into", |new| insert_all(new, rows, &refs))
}

fn insert_all(new: &Connection, rows: Vec<Seen>, refs: &[[String; 4]]) -> rusqlite::Result<Salvaged> {
    let mut salvaged = Salvaged::default();
    for (_, raw) in rows {
        match raw.filter(is_whole) {
            Some(raw) => salvaged.records += insert(new, &raw)?,
            None => salvaged.lost += 1,
        }
    }
    for [from_kind, from_id, to_kind, to_id] in refs {
        let sql = "INSERT OR IGNORE INTO refs(from_kind,from_id,to_kind,to_id) SELECT ?1,?2,?3,?4
                   WHERE EXISTS(SELECT 1 FROM records WHERE kind=?1 AND id=?2)";
        new.execute(sql, params![from_kind, from_id, to_kind, to_id])?;
    }
    Ok(salvaged)
}

fn is_whole(raw: &Raw) -> bool {
    checksum(&raw.kind, &raw.id, raw.name.as_deref(), raw.version, &raw.body) == raw.crc
}

fn insert(new: &Connection, raw: &Raw) -> rusqlite::Result<u64> {
    let sql = "INSERT OR IGNORE INTO records(kind,id,name,version,body,crc) VALUES(?1,?2,?3,?4,?5,?6)";
    let done = new.execute(sql, params![raw.kind, raw.id, raw.name, raw.version, raw.body, raw.crc])?;
    Ok(u64::from(done > 0))
}

/// Rows until the first page that can not be read.
fn walk(old: &Connection, sql: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    let Ok(mut statement) = old.prepare(sql) else { return seen };
    let Ok(mut rows) = statement.query([]) else { return seen };
    while let Ok(Some(row)) = rows.next() {
        let Ok(position) = row.get(0) else { continue };
        seen.push((position, read(row).ok()));
    }
    seen
}

fn read(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw { kind: row.get(1)?, id: row.get(2)?, name: row.get(3)?, version: row.get(4)?, body: row.get(5)?, crc: row.get(6)? })
}

fn references(old: &Connection) -> Vec<[String; 4]> {
    let mut found = Vec::new();
    let Ok(mut statement) = old.prepare("SELECT from_kind, from_id, to_kind, to_id FROM refs") else { return found };
    let Ok(mut rows) = statement.query([]) else { return found };
    while let Ok(Some(row)) = rows.next() {
        let columns = [0, 1, 2, 3].map(|n| row.get::<_, String>(n).unwrap_or_default());
        found.push(columns);
    }
    found
}
