//! The door of the store: opening it cheaply, reading, and publishing.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use stead_base::layout::Root;
use stead_sys::durable;

use crate::error::{BUSY_SECONDS, database};
use crate::{Error, Result, Tx, damage, marker, reserve, schema};

/// Pages in the log before they are moved into the database. Small, because the first opener after a quiet time reads the log once.
const LOG_PAGES: i64 = 128;
/// Connections that are kept for the next use.
const IDLE_MAX: usize = 8;

/// The records below one root. Opening costs about a millisecond; many threads and processes may use it at once.
///
/// Nothing else in the process may open the database file: closing such a descriptor would drop SQLite's locks (POSIX).
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    reserve: PathBuf,
    /// Idle connections; a nested or parallel use takes or opens another one, so nothing here can deadlock.
    idle: Mutex<Vec<Connection>>,
}

impl Store {
    /// Opens the store below `root`, creating it when it is missing. `root` itself must exist.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a file that can not be believed (nothing is done to it), [`Error::Newer`] for one of a later format.
    pub fn open(root: &Root) -> Result<Self> {
        let store = Self { path: root.database(), reserve: root.reserve(), idle: Mutex::new(Vec::new()) };
        if !damage::is_there(&store.path)? {
            create(root)?;
        }
        let connection = match store.connect() {
            // A full disk has no room for SQLite's shared index; that is what the reserve is for.
            Err(Error::NoSpace { .. } | Error::Database { .. }) if reserve::tight(root.path()) && reserve::release(&store.reserve) => {
                store.connect()?
            }
            other => other?,
        };
        reserve::refill(&store.reserve);
        // Best effort here: on a full or read-only disk the records must open all the same.
        marker::ensure(root).ok();
        store.give_back(connection);
        Ok(store)
    }

    /// Runs `f` on one consistent picture of the records. Nothing written in it lasts.
    ///
    /// # Errors
    /// `f`'s own, or the store's.
    pub fn read<T, E: From<Error>>(&self, f: impl FnOnce(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        self.run("read", "BEGIN DEFERRED", |tx| {
            let value = f(tx)?;
            Ok((value, "ROLLBACK"))
        })
    }

    /// Runs `f` alone (other publishers wait), and makes what it wrote true and durable in one step if it returns `Ok`.
    ///
    /// # Errors
    /// `f`'s own, or the store's; nothing of what `f` wrote has then happened.
    pub fn publish<T, E: From<Error>>(&self, f: impl FnOnce(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        self.run("write", "BEGIN IMMEDIATE", |tx| {
            let value = f(tx)?;
            // What only deletes or changes may have the last space of the disk; what creates may not.
            if !tx.creates() && self.path.parent().is_some_and(reserve::tight) {
                reserve::release(&self.reserve);
            }
            Ok((value, "COMMIT"))
        })
    }

    /// Whether every page and index of the file is sound; slow, for `system check`.
    ///
    /// # Errors
    /// [`Error::Damaged`] with SQLite's first findings.
    pub fn verify(&self) -> Result<()> {
        let connection = self.take()?;
        let wrap = |e| database("check", &self.path, e);
        let findings: Vec<String> = {
            let mut statement = connection.prepare("PRAGMA integrity_check(5)").map_err(wrap)?;
            let rows = statement.query_map([], |row| row.get(0)).map_err(wrap)?;
            rows.collect::<rusqlite::Result<_>>().map_err(wrap)?
        };
        if findings != ["ok"] {
            return Err(Error::Damaged { path: self.path.clone(), reason: findings.join("; ") });
        }
        self.give_back(connection);
        Ok(())
    }

    fn run<T, E: From<Error>>(
        &self,
        act: &'static str,
        begin: &str,
        f: impl FnOnce(&Tx<'_>) -> Result<(T, &'static str), E>,
    ) -> Result<T, E> {
        let connection = self.take()?;
        let wrap = |e| database(act, &self.path, e);
        connection.execute_batch(begin).map_err(wrap)?;
        let tx = Tx::new(&connection, &self.path);
        // On failure the connection is dropped, not given back: closing it rolls back, whatever state it is in.
        let (value, end) = f(&tx)?;
        connection.execute_batch(end).map_err(wrap)?;
        self.give_back(connection);
        Ok(value)
    }

    fn take(&self) -> Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.connect(), Ok)
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Each holds a cache and descriptors: a server that once had many clients at a time must not keep them all.
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }

    fn connect(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let wrap = |e| database("open", &self.path, e);
        let mut connection = Connection::open_with_flags(&self.path, flags).map_err(wrap)?;
        settle(&mut connection).map_err(wrap)?;
        let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(wrap)?;
        if found == schema::FORMAT {
            return Ok(connection);
        }
        if found > schema::FORMAT {
            return Err(Error::Newer { path: self.path.clone(), found, known: schema::FORMAT });
        }
        if found < 1 {
            // A finished database is what creation publishes; format 0 is a file that was emptied or never ours.
            return Err(Error::Damaged { path: self.path.clone(), reason: "it carries no format number".to_owned() });
        }
        connection.execute_batch("BEGIN IMMEDIATE").map_err(wrap)?;
        let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(wrap)?;
        schema::migrate(&connection, found).map_err(wrap)?;
        connection.execute_batch("COMMIT").map_err(wrap)?;
        Ok(connection)
    }
}

/// Per-connection settings; the journal mode is in the file.
fn settle(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_handler(Some(wait_for_others))?;
    // Closing must not cost a checkpoint, and the log must not be deleted: a read-only disk could not make it again.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.execute_batch(&format!("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint={LOG_PAGES};"))
}

/// Sleeps short at first and never more than 10 ms, because publishes are short; gives up after about [`BUSY_SECONDS`].
fn wait_for_others(tries: i32) -> bool {
    let tries = u64::try_from(tries).unwrap_or(u64::MAX);
    let pause = (1 + tries / 4).min(10);
    std::thread::sleep(Duration::from_millis(pause));
    tries < BUSY_SECONDS * 100
}

/// Makes the database if it is missing.
fn create(root: &Root) -> Result<()> {
    let path = root.database();
    let _creation = damage::creation_lock(root)?;
    if damage::is_there(&path)? {
        return Ok(());
    }
    if damage::is_half_rebuilt(root)? {
        return Err(Error::Damaged { path, reason: "their repair was interrupted".to_owned() });
    }
    damage::orphan_log(root)?;
    // Once in its life: the way to a root that was just made has to last as well. What refuses a flush was not made by us.
    for directory in root.path().ancestors().skip(1) {
        durable::sync_dir(directory).ok();
    }
    publish_new(root, |_| Ok(()))
}

/// Makes a database aside, lets `more` add to it, and publishes it whole. Under the creation lock.
pub(crate) fn publish_new(root: &Root, more: impl FnOnce(&Tx<'_>) -> Result<()>) -> Result<()> {
    let path = root.database();
    let aside = damage::beside(&path, "-new");
    durable::remove_file(&aside)?;
    durable::remove_file(&damage::beside(&aside, "-journal"))?;
    durable::remove_file(&damage::beside(&aside, "-wal"))?;
    // What the first step of a killed attempt left; under the lock it is nobody's.
    let of_ours = aside.file_name().unwrap_or_default().as_encoded_bytes();
    for litter in durable::temporaries(root.path())? {
        if litter.as_os_str().as_encoded_bytes().ends_with(of_ours) {
            durable::remove_file(&litter)?;
        }
    }
    durable::write_new(&aside, b"", 0o600)?;
    fill(&aside, more)?;
    durable::rename_noreplace(&aside, &path)?;
    reserve::refill(&root.reserve());
    Ok(())
}

fn fill(path: &Path, more: impl FnOnce(&Tx<'_>) -> Result<()>) -> Result<()> {
    let wrap = |e: rusqlite::Error| match e.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) if path.parent().is_some_and(reserve::tight) => {
            Error::NoSpace { act: "create", path: path.to_path_buf() }
        }
        _ => database("create", path, e),
    };
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(wrap)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(wrap)?;
    connection.pragma_update(None, "application_id", schema::APPLICATION_ID).map_err(wrap)?;
    connection.execute_batch("BEGIN").map_err(wrap)?;
    schema::migrate(&connection, 0).map_err(wrap)?;
    more(&Tx::new(&connection, path))?;
    connection.execute_batch("COMMIT").map_err(wrap)?;
    // Written into the header, so no later opener has to ask for it.
    connection.execute_batch("PRAGMA journal_mode=WAL;").map_err(wrap)?;
    // The last close moves the log into the file and deletes it.
    connection.close().map_err(|(_, e)| wrap(e))
}
