//! The tables, and how a file of an older format becomes one of today's.

use rusqlite::Connection;

/// Marks the file as ours in its header ("STDb").
pub(crate) const APPLICATION_ID: i64 = 0x5354_4462;

/// Step n brings a file of format n to format n+1. Steps are only ever added.
const STEPS: [&str; 1] = ["
CREATE TABLE records(
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY(kind, id));
CREATE UNIQUE INDEX records_by_name ON records(kind, name) WHERE name IS NOT NULL;
CREATE TABLE refs(
    from_kind TEXT NOT NULL,
    from_id TEXT NOT NULL,
    to_kind TEXT NOT NULL,
    to_id TEXT NOT NULL,
    PRIMARY KEY(from_kind, from_id, to_kind, to_id)) WITHOUT ROWID;
CREATE INDEX refs_by_target ON refs(to_kind, to_id);
"];

/// The format this program writes.
pub(crate) const FORMAT: i64 = 1;

/// Runs the steps from `found` to [`FORMAT`] inside the caller's transaction.
pub(crate) fn migrate(connection: &Connection, found: i64) -> rusqlite::Result<()> {
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "user_version", FORMAT)
}
