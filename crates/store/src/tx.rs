//! What can be done inside one read or one publish.

use std::cell::Cell;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};

use crate::checksum::crc32;
use crate::error::database;
use crate::{BadRecord, Error, Record, Result};

/// One transaction. All of it happens or nothing.
#[derive(Debug)]
pub struct Tx<'c> {
    connection: &'c Connection,
    path: &'c Path,
    creates: Cell<bool>,
}

/// A row as it is stored, not yet believed.
struct Raw {
    id: String,
    name: Option<String>,
    version: u32,
    body: String,
    crc: u32,
}

const COLUMNS: &str = "id, name, version, body, crc";

impl<'c> Tx<'c> {
    pub(crate) fn new(connection: &'c Connection, path: &'c Path) -> Self {
        Self { connection, path, creates: Cell::new(false) }
    }

    /// Whether something new was put.
    pub(crate) fn creates(&self) -> bool {
        self.creates.get()
    }

    /// The record with this id.
    ///
    /// # Errors
    /// [`Error::Bad`] when it is there but can not be believed.
    pub fn get<R: Record>(&self, id: &str) -> Result<Option<R>> {
        self.one(&format!("SELECT {COLUMNS} FROM records WHERE kind=?1 AND id=?2"), R::KIND, id)
    }

    /// The record with this name.
    ///
    /// # Errors
    /// As [`Tx::get`].
    pub fn by_name<R: Record>(&self, name: &str) -> Result<Option<R>> {
        self.one(&format!("SELECT {COLUMNS} FROM records WHERE kind=?1 AND name=?2"), R::KIND, name)
    }

    /// Ids of the kind that begin with `prefix`, at most `limit`, sorted. Damaged records are found too.
    ///
    /// # Errors
    /// The store's.
    pub fn ids_by_prefix(&self, kind: &str, prefix: &str, limit: u32) -> Result<Vec<String>> {
        let sql = "SELECT id FROM records WHERE kind=?1 AND substr(id,1,length(?2))=?2 ORDER BY id LIMIT ?3";
        let wrap = |e| database("read", self.path, e);
        let mut statement = self.connection.prepare_cached(sql).map_err(wrap)?;
        let rows = statement.query_map(params![kind, prefix, limit], |row| row.get(0)).map_err(wrap)?;
        rows.collect::<rusqlite::Result<_>>().map_err(wrap)
    }

    /// All records of a kind, sorted by id; the damaged ones say what is wrong with them.
    ///
    /// # Errors
    /// The store's; never because of one bad row.
    pub fn list<R: Record>(&self) -> Result<Vec<Result<R, BadRecord>>> {
        let wrap = |e| database("read", self.path, e);
        let sql = format!("SELECT {COLUMNS} FROM records WHERE kind=?1 ORDER BY id");
        let mut statement = self.connection.prepare_cached(&sql).map_err(wrap)?;
        let mut rows = statement.query(params![R::KIND]).map_err(wrap)?;
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(wrap)? {
            out.push(read_row::<R>(row));
        }
        Ok(out)
    }

    /// Adds or replaces a record and its references.
    ///
    /// # Errors
    /// [`Error::NameTaken`] when another record of the kind has the name.
    pub fn put<R: Record>(&self, record: &R) -> Result<()> {
        let id = record.id();
        let body = serde_json::to_string(record).map_err(|source| Error::Encode { kind: R::KIND, id: id.to_owned(), source })?;
        let name = record.name();
        let crc = checksum(R::KIND, id, name, R::VERSION, &body);
        if !self.exists(R::KIND, id)? {
            self.creates.set(true);
        }
        let sql = "INSERT INTO records(kind,id,name,version,body,crc) VALUES(?1,?2,?3,?4,?5,?6)
                   ON CONFLICT(kind,id) DO UPDATE SET name=excluded.name, version=excluded.version, body=excluded.body, crc=excluded.crc";
        match self.execute(sql, params![R::KIND, id, name, R::VERSION, body, crc]) {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => return Err(self.name_taken(R::KIND, name, e)),
            other => other.map_err(|e| database("write", self.path, e))?,
        };
        self.execute("DELETE FROM refs WHERE from_kind=?1 AND from_id=?2", params![R::KIND, id])
            .map_err(|e| database("write", self.path, e))?;
        for to in record.refs() {
            let sql = "INSERT OR IGNORE INTO refs(from_kind,from_id,to_kind,to_id) VALUES(?1,?2,?3,?4)";
            self.execute(sql, params![R::KIND, id, to.kind, to.id]).map_err(|e| database("write", self.path, e))?;
        }
        Ok(())
    }

    /// Deletes a record and its references, damaged or not. Whether it was there.
    ///
    /// # Errors
    /// The store's.
    pub fn delete<R: Record>(&self, id: &str) -> Result<bool> {
        self.delete_any(R::KIND, id)
    }

    /// As [`Tx::delete`], for a kind known only by its word.
    ///
    /// # Errors
    /// The store's.
    pub fn delete_any(&self, kind: &str, id: &str) -> Result<bool> {
        let wrap = |e| database("write", self.path, e);
        self.execute("DELETE FROM refs WHERE from_kind=?1 AND from_id=?2", params![kind, id]).map_err(wrap)?;
        let gone = self.execute("DELETE FROM records WHERE kind=?1 AND id=?2", params![kind, id]).map_err(wrap)?;
        Ok(gone > 0)
    }

    /// Replaces the record `id` of kind `A`, damaged or not, by another kind's, in the same row: like a deletion it needs no new space,
    /// so that it works on a full disk. Whether there was one; where there was none, nothing is put.
    ///
    /// # Errors
    /// The store's.
    pub fn turn<A: Record, B: Record>(&self, id: &str, into: &B) -> Result<bool> {
        let wrap = |e| database("write", self.path, e);
        let body = serde_json::to_string(into).map_err(|source| Error::Encode { kind: B::KIND, id: into.id().to_owned(), source })?;
        let crc = checksum(B::KIND, into.id(), into.name(), B::VERSION, &body);
        self.execute("DELETE FROM refs WHERE from_kind=?1 AND from_id=?2", params![A::KIND, id]).map_err(wrap)?;
        let sql = "UPDATE records SET kind=?3, id=?4, name=?5, version=?6, body=?7, crc=?8 WHERE kind=?1 AND id=?2";
        let values = params![A::KIND, id, B::KIND, into.id(), into.name(), B::VERSION, body, crc];
        let turned = self.execute(sql, values).map_err(wrap)?;
        for to in into.refs().iter().filter(|_| turned > 0) {
            let sql = "INSERT OR IGNORE INTO refs(from_kind,from_id,to_kind,to_id) VALUES(?1,?2,?3,?4)";
            self.execute(sql, params![B::KIND, into.id(), to.kind, to.id]).map_err(wrap)?;
        }
        Ok(turned > 0)
    }

    /// Writes the references of every good record of the kind again, from what the record itself says. Returns how many there are.
    ///
    /// # Errors
    /// The store's.
    pub fn reindex<R: Record>(&self) -> Result<usize> {
        let good: Vec<R> = self.list::<R>()?.into_iter().flatten().collect();
        for record in &good {
            self.put(record)?;
        }
        Ok(good.len())
    }

    /// Below the level of records.
    pub(crate) fn raw<T>(&self, act: &'static str, f: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        f(self.connection).map_err(|e| database(act, self.path, e))
    }

    /// Whether a record is there, believed or not.
    ///
    /// # Errors
    /// The store's.
    pub fn exists(&self, kind: &str, id: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM records WHERE kind=?1 AND id=?2";
        let wrap = |e| database("read", self.path, e);
        self.connection.prepare_cached(sql).map_err(wrap)?.exists(params![kind, id]).map_err(wrap)
    }

    /// Who uses the record: (kind, id) of each, sorted. Damaged users count too, so that their things stay safe.
    ///
    /// # Errors
    /// The store's.
    pub fn referrers(&self, kind: &str, id: &str) -> Result<Vec<(String, String)>> {
        let sql = "SELECT from_kind, from_id FROM refs WHERE to_kind=?1 AND to_id=?2 ORDER BY from_kind, from_id";
        let wrap = |e| database("read", self.path, e);
        let mut statement = self.connection.prepare_cached(sql).map_err(wrap)?;
        let rows = statement.query_map(params![kind, id], |row| Ok((row.get(0)?, row.get(1)?))).map_err(wrap)?;
        rows.collect::<rusqlite::Result<_>>().map_err(wrap)
    }

    /// Ids of the kind that anything uses, in one question; for listings.
    ///
    /// # Errors
    /// The store's.
    pub fn used(&self, kind: &str) -> Result<std::collections::BTreeSet<String>> {
        let wrap = |e| database("read", self.path, e);
        let mut statement = self.connection.prepare_cached("SELECT DISTINCT to_id FROM refs WHERE to_kind=?1").map_err(wrap)?;
        let rows = statement.query_map(params![kind], |row| row.get(0)).map_err(wrap)?;
        rows.collect::<rusqlite::Result<_>>().map_err(wrap)
    }

    fn one<R: Record>(&self, sql: &str, kind: &str, key: &str) -> Result<Option<R>> {
        let wrap = |e| database("read", self.path, e);
        let mut statement = self.connection.prepare_cached(sql).map_err(wrap)?;
        let found = statement.query_row(params![kind, key], |row| Ok(read_row::<R>(row))).optional().map_err(wrap)?;
        Ok(found.transpose()?)
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql)?.execute(values)
    }

    fn name_taken(&self, kind: &'static str, name: Option<&str>, cause: rusqlite::Error) -> Error {
        let sql = "SELECT id FROM records WHERE kind=?1 AND name=?2";
        let holder = self.connection.query_row(sql, params![kind, name], |row| row.get::<_, String>(0));
        match (name, holder) {
            (Some(name), Ok(holder)) => Error::NameTaken { kind, name: name.to_owned(), holder },
            _ => database("write", self.path, cause),
        }
    }
}

/// Over all that a row says.
pub(crate) fn checksum(kind: &str, id: &str, name: Option<&str>, version: u32, body: &str) -> u32 {
    crc32(&[kind.as_bytes(), id.as_bytes(), name.unwrap_or("").as_bytes(), &version.to_le_bytes(), body.as_bytes()])
}

/// Turns a row into a record, or into the reason why not. Columns of a wrong type are one more reason, not a failure of the query.
fn read_row<R: Record>(row: &Row<'_>) -> Result<R, BadRecord> {
    let raw = (|| -> rusqlite::Result<Raw> {
        Ok(Raw { id: row.get(0)?, name: row.get(1)?, version: row.get(2)?, body: row.get(3)?, crc: row.get(4)? })
    })();
    let raw = raw.map_err(|e| BadRecord {
        kind: R::KIND.to_owned(),
        id: row.get(0).unwrap_or_default(),
        name: row.get(1).unwrap_or_default(),
        reason: e.to_string(),
    })?;
    believe(&raw).map_err(|reason| BadRecord { kind: R::KIND.to_owned(), id: raw.id, name: raw.name, reason })
}

fn believe<R: Record>(raw: &Raw) -> Result<R, String> {
    if checksum(R::KIND, &raw.id, raw.name.as_deref(), raw.version, &raw.body) != raw.crc {
        return Err("its checksum does not match".to_owned());
    }
    if raw.version > R::VERSION {
        return Err(format!("it has version {}, and this stead knows versions up to {}", raw.version, R::VERSION));
    }
    if raw.version == R::VERSION {
        return serde_json::from_str(&raw.body).map_err(|e| e.to_string());
    }
    let body = serde_json::from_str(&raw.body).map_err(|e| e.to_string())?;
    let body = R::upgrade(raw.version, body).ok_or_else(|| format!("its version {} can not be brought up to date", raw.version))?;
    serde_json::from_value(body).map_err(|e| e.to_string())
}
