//! libpod's database: BoltDB up to Podman 4, SQLite from Podman 5 on. Both give JSON texts by name.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;

use crate::bolt::{self, Bucket, Item};
use crate::error::damaged;
use crate::tree::Source;
use crate::{Error, Result};

/// Largest database file.
const DB_MAX: u64 = 256 << 20;
/// Longest text of one row.
const TEXT_MAX: i64 = 16 << 20;
/// Rows of one table at most.
const ROWS_MAX: usize = 100_000;
/// Bytes of all texts together: pages of a file that somebody made may be shared by all of its rows.
const ALL_MAX: usize = 512 << 20;
const BOLT: &str = "libpod/bolt_state.db";
const SQLITE: &str = "db.sql";

/// What the database knows.
#[derive(Default)]
pub(super) struct Database {
    /// The config of each volume.
    pub(super) volumes: BTreeMap<String, Vec<u8>>,
    /// Config and state of each container.
    pub(super) containers: BTreeMap<String, (Vec<u8>, Vec<u8>)>,
    /// Whether there is one that could be read.
    pub(super) is_known: bool,
    /// A word about how complete this is.
    pub(super) remark: Option<String>,
}

impl Database {
    /// Reads the newer of the two that is there.
    pub(super) fn read(source: &Source) -> Result<Self> {
        if let Some(bytes) = source.read(Path::new(SQLITE), DB_MAX)? {
            let mut database = sqlite(bytes).map_err(|error| damaged(source.path(Path::new(SQLITE)), error))?;
            let wal = source.stat(Path::new("db.sql-wal")).is_ok_and(|stat| stat.st_size > 0);
            database.remark =
                wal.then(|| "Podman's database has changes that are not in its main file: run `podman ps` once and try again".to_owned());
            return Ok(database);
        }
        match source.read(Path::new(BOLT), DB_MAX)? {
            Some(bytes) => bolt(&bytes).map_err(|error| damaged(source.path(Path::new(BOLT)), error)),
            None => {
                Err(Error::NoRoot { path: source.shown().to_path_buf(), maker: "Podman", wanted: "db.sql and no libpod/bolt_state.db" })
            }
        }
    }
}

/// Why a database cannot be read.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Bolt(#[from] bolt::Damage),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("it holds more than {} MiB of text", ALL_MAX >> 20)]
    TooMuch,
}

/// What may still be taken into memory.
struct Budget(usize);

impl Budget {
    fn take(&mut self, text: &[u8]) -> Result<(), Broken> {
        self.0 = self.0.checked_sub(text.len()).ok_or(Broken::TooMuch)?;
        Ok(())
    }

    fn copy(&mut self, text: &[u8]) -> Result<Vec<u8>, Broken> {
        self.take(text)?;
        Ok(text.to_vec())
    }
}

fn bolt(bytes: &[u8]) -> Result<Database, Broken> {
    let mut budget = Budget(ALL_MAX);
    let root = bolt::open(bytes)?;
    let mut database = Database { is_known: true, ..Database::default() };
    for (name, bucket) in below(&root, b"vol")? {
        if let Some(config) = bucket.value(b"config")? {
            database.volumes.insert(name, budget.copy(config)?);
        }
    }
    for (id, bucket) in below(&root, b"ctr")? {
        if let Some(config) = bucket.value(b"config")? {
            let state = bucket.value(b"state")?.unwrap_or_default();
            database.containers.insert(id, (budget.copy(config)?, budget.copy(state)?));
        }
    }
    Ok(database)
}

/// The buckets below a bucket of the root.
fn below<'a>(root: &Bucket<'a>, name: &[u8]) -> Result<Vec<(String, Bucket<'a>)>, bolt::Damage> {
    let Some(parent) = root.bucket(name)? else { return Ok(Vec::new()) };
    let named = |(key, item): (&[u8], Item<'a>)| match item {
        Item::Bucket(bucket) => Some((String::from_utf8(key.to_vec()).ok()?, bucket)),
        Item::Value(_) => None,
    };
    Ok(parent.items()?.into_iter().filter_map(named).collect())
}

/// The file is given to SQLite as bytes, so nothing is opened, locked or written below the source.
fn sqlite(mut bytes: Vec<u8>) -> Result<Database, Broken> {
    let mut budget = Budget(ALL_MAX);
    // Bytes 18 and 19 say that a write-ahead log belongs to the file; in memory there is none.
    if let Some(versions) = bytes.get_mut(18..20) {
        versions.fill(1);
    }
    let mut connection = Connection::open_in_memory()?;
    let length = bytes.len();
    connection.deserialize_read_exact("main", bytes.as_slice(), length, true)?;
    drop(bytes);
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    let volumes = table(&connection, &mut budget, "VolumeConfig", "Name", "JSON")?;
    let mut database = Database { volumes, is_known: true, ..Database::default() };
    let mut states = table(&connection, &mut budget, "ContainerState", "ID", "JSON")?;
    for (id, config) in table(&connection, &mut budget, "ContainerConfig", "ID", "JSON")? {
        let state = states.remove(&id).unwrap_or_default();
        database.containers.insert(id, (config, state));
    }
    Ok(database)
}

/// The rows of a plain table; none where it is a view, a virtual table or computes its columns, because those may do anything.
fn table(connection: &Connection, budget: &mut Budget, name: &str, key: &str, value: &str) -> Result<BTreeMap<String, Vec<u8>>, Broken> {
    let plain = "SELECT count(*) FROM sqlite_schema WHERE name = ?1 AND type = 'table' AND rootpage > 0 AND length(sql) < 4096
                 AND sql LIKE 'CREATE TABLE %' AND sql NOT LIKE '%GENERATED%' AND sql NOT LIKE '% AS (%' AND sql NOT LIKE '%) AS(%'";
    if connection.query_row(plain, [name], |row| row.get::<_, i64>(0))? != 1 {
        return Ok(BTreeMap::new());
    }
    let text = format!(
        "SELECT {key}, {value} FROM {name} WHERE typeof({key}) = 'text' AND typeof({value}) = 'text' AND length({value}) <= ?1 LIMIT {ROWS_MAX}"
    );
    let mut statement = connection.prepare(&text)?;
    let rows = statement.query_map([TEXT_MAX], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?.into_bytes())))?;
    let mut found = BTreeMap::new();
    for row in rows {
        let (key, value) = row?;
        budget.take(key.as_bytes())?;
        budget.take(&value)?;
        found.insert(key, value);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_tables_have_one_budget() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE A (ID TEXT, JSON TEXT); CREATE TABLE B (ID TEXT, JSON TEXT)").unwrap();
        for table in ["A", "B"] {
            let insert = format!("INSERT INTO {table} VALUES ('x', hex(zeroblob(30))), ('y', 'small')");
            connection.execute_batch(&insert).unwrap();
        }
        let mut budget = Budget(100);
        assert_eq!(table(&connection, &mut budget, "A", "ID", "JSON").unwrap().len(), 2);
        assert!(matches!(table(&connection, &mut budget, "B", "ID", "JSON"), Err(Broken::TooMuch)));
    }
}
