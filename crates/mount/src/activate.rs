//! Mounting on the host what containers share: volumes of the `local` driver with a device of their own.
//!
//! The ledger is written first, the mount is made, the ledger learns its id. Whatever instruction a crash hits, the next call for
//! the same key, or [`recover`], finds out which of the three happened.

use std::path::{Path, PathBuf};

use stead_base::Kind;
use stead_base::layout::RunRoot;
use stead_sys::mount as kernel;
use stead_sys::mountinfo::Entry;

use crate::apply::{ApplyError, prepare, system_words};
use crate::ledger::{Activation, Here, Ledger, LedgerError, Locked, table};
use crate::local::describe;
use crate::value::{Mount, Source};

mod address;
mod image;

/// An activation that failed.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// The ledger failed; nothing was mounted.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The mount failed; the ledger says so. Passwords are masked.
    #[error("error while mounting volume '{}': failed to mount local volume: {what}: {reason}", on.display())]
    Mount {
        /// The directory.
        on: PathBuf,
        /// The mount in Docker's words.
        what: String,
        /// The kernel's words.
        reason: String,
    },
    /// Somebody on the host still uses what is to be undone; it stays, and the ledger knows it.
    #[error("volume has active mounts: {} is busy", on.display())]
    Busy {
        /// The directory.
        on: PathBuf,
    },
    /// What the key names is mounted somewhere else: two that take themselves for the same. Nothing was mounted.
    #[error("{} cannot be mounted: the same is mounted on {}", on.display(), other.display())]
    Elsewhere {
        /// The directory.
        on: PathBuf,
        /// Where it is mounted.
        other: PathBuf,
    },
    /// Another mount covers the directory; it is not touched.
    #[error("{} is mounted by somebody else", on.display())]
    Foreign {
        /// The directory.
        on: PathBuf,
    },
}

impl ActivateError {
    /// The broad kind of the failure.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Ledger(error) => error.kind(),
            Self::Mount { .. } => Kind::Invalid,
            Self::Busy { .. } => Kind::InUse,
            Self::Elsewhere { .. } | Self::Foreign { .. } => Kind::Conflict,
        }
    }
}

/// What a look at the ledger found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The record's key.
    pub subject: String,
    /// What is wrong, in one clause.
    pub problem: String,
    /// Whether it was put right.
    pub repaired: bool,
    /// What is wrong, for programs.
    pub state: FindingState,
}

/// How ledger and mount table differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindingState {
    /// Recorded as about to be mounted, and not mounted: a crash before the mount.
    NotMade,
    /// Recorded as about to be mounted, and mounted: a crash after the mount.
    NotRecorded,
    /// Recorded as mounted, and gone: somebody undid it, or the machine was restarted.
    Vanished,
    /// Mounted, and nobody needs it.
    Unused,
    /// Recorded in another mount namespace: nothing can be said from here.
    Elsewhere,
    /// The record cannot be read; it is left alone.
    Unreadable(String),
}

impl FindingState {
    fn words(&self, on: &Path) -> String {
        let on = on.display();
        match self {
            Self::NotMade => format!("{on} was about to be mounted and is not"),
            Self::NotRecorded => format!("{on} is mounted and the ledger does not know it"),
            Self::Vanished => format!("{on} is no longer mounted"),
            Self::Unused => format!("{on} is mounted and nobody uses it"),
            Self::Elsewhere => format!("{on} was mounted in another mount namespace"),
            Self::Unreadable(reason) => format!("the record cannot be read: {reason}"),
        }
    }
}

/// Makes sure that `mount` is mounted on the directory `on` for `holder`; the same call again changes nothing.
///
/// # Errors
/// See [`ActivateError`]; after an error the holder is not one.
pub fn activate(run_root: &RunRoot, key: &str, mount: &Mount, on: &Path, holder: &str) -> Result<(), ActivateError> {
    let record = Ledger::new(run_root).lock(key)?;
    let here = Here::look()?;
    let mut activation = current(&record, &here)?.unwrap_or_else(|| Activation::new(key, mount, on));
    let entries = table()?;
    if activation.find(&entries, &here).is_some() {
        // Who is told that it is done writes to what is below otherwise.
        if !is_same(on, &activation.on) {
            return Err(ActivateError::Elsewhere { on: on.to_owned(), other: activation.on });
        }
        if activation.holders.insert(holder.to_owned()) {
            record.write(&activation)?;
        }
        return Ok(());
    }
    let made = match top(&entries, &activation.on) {
        // A crash came between the mount and its record.
        Some(entry) if activation.made.is_none() && !activation.holders.is_empty() && is_of(entry, &activation.mount) => Some(entry.id),
        Some(_) => return Err(ActivateError::Foreign { on: activation.on }),
        None => None,
    };
    if made.is_none() {
        // What is asked for now, if nothing is mounted: options may have changed since the record was made.
        activation.mount = mount.clone();
        on.clone_into(&mut activation.on);
    }
    activation.holders.insert(holder.to_owned());
    activation.made = None;
    record.write(&activation)?;
    let id = match made {
        Some(id) => id,
        None => make(&activation).inspect_err(|_failure| forget(&record, &mut activation.clone(), holder))?,
    };
    activation.made = Some(here.made(id));
    Ok(record.write(&activation)?)
}

/// Whether two paths lead to one directory; a root may be reached by several names.
fn is_same(on: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |path: &Path| path.metadata().ok().map(|found| (found.dev(), found.ino()));
    on == other || identity(on).is_some_and(|one| Some(one) == identity(other))
}

/// The record, unless it is from before the machine was restarted: what it names went with the machine.
fn current(record: &Locked, here: &Here) -> Result<Option<Activation>, LedgerError> {
    let activation = record.read()?;
    Ok(activation.filter(|activation| !activation.made.as_ref().is_some_and(|made| here.is_other_boot(made))))
}

/// Takes a holder back after a failed mount. If even that fails, [`recover`] will find a record without a mount.
fn forget(record: &Locked, activation: &mut Activation, holder: &str) {
    activation.holders.remove(holder);
    let done = if activation.holders.is_empty() { record.remove() } else { record.write(activation) };
    drop(done);
}

fn make(activation: &Activation) -> Result<u64, ActivateError> {
    let on = &activation.on;
    let failed = |reason: String| ActivateError::Mount { on: on.clone(), what: describe(&activation.mount, on), reason };
    let mount = address::resolved(&activation.mount).map_err(failed)?;
    // Held until the mount holds it.
    let (mount, _device) = image::attached(mount).map_err(|e| failed(plain(&e)))?;
    let prepared = prepare(&mount).map_err(|e| failed(reason(&e)))?;
    let words = |e: stead_sys::Error| failed(plain(&e));
    let place = kernel::dir_handle(on).map_err(words)?;
    let Some(tree) = prepared.into_tree() else {
        return Err(failed("invalid argument".to_owned()));
    };
    kernel::attach(&tree, &place, on).map_err(words)?;
    kernel::mount_id(&tree, on).map_err(words)
}

fn reason(error: &ApplyError) -> String {
    match error {
        ApplyError::NoSource(_) => "no such file or directory".to_owned(),
        ApplyError::Sys { source, .. } => plain(source),
        other => other.to_string(),
    }
}

/// The system's words, lower-cased as Go shows them, with the kernel's explanation where it gave one.
fn plain(error: &stead_sys::Error) -> String {
    let words = system_words(&error.source);
    match error.path.to_string_lossy().split_once(" (") {
        Some((_, explanation)) if error.op == "fsconfig" => format!("{words} ({explanation}"),
        _ => words,
    }
}

/// The topmost mount on a directory.
fn top<'t>(entries: &'t [Entry], on: &Path) -> Option<&'t Entry> {
    entries.iter().rfind(|entry| entry.mount_point == on)
}

/// Whether a mount looks like what the ledger was about to make.
fn is_of(entry: &Entry, mount: &Mount) -> bool {
    match &mount.source {
        Source::Filesystem(spec) => {
            let device = image::device_of(spec).unwrap_or_else(|| PathBuf::from(&spec.device));
            entry.fstype.split('.').next() == Some(spec.fstype.as_str()) && Path::new(&entry.source) == device
        }
        // A bind shows its directory as a path inside its own file system, of which it is a suffix.
        Source::Path(path) => path.ends_with(entry.root.strip_prefix("/").unwrap_or(&entry.root)),
        _ => false,
    }
}

/// Takes `holder` off; with the last one the mount is undone and the record removed. An unknown key or holder is fine.
///
/// # Errors
/// [`ActivateError::Busy`] while the host uses it: the record stays, without holders, for [`recover`].
pub fn release(run_root: &RunRoot, key: &str, holder: &str) -> Result<(), ActivateError> {
    let record = Ledger::new(run_root).lock(key)?;
    let Some(mut activation) = record.read()? else { return Ok(()) };
    if activation.holders.remove(holder) {
        record.write(&activation)?;
    }
    if activation.holders.is_empty() { undo(&record, &activation).map(drop) } else { Ok(()) }
}

/// Takes the holders off that are dead; with the last one the mount is undone. What the host still uses stays, for [`recover`].
///
/// # Errors
/// The ledger's.
pub fn release_dead(run_root: &RunRoot, key: &str, is_live: &dyn Fn(&str) -> bool) -> Result<(), ActivateError> {
    let record = Ledger::new(run_root).lock(key)?;
    let Some(mut activation) = record.read()? else { return Ok(()) };
    let before = activation.holders.len();
    activation.holders.retain(|holder| is_live(holder));
    if activation.holders.len() != before {
        record.write(&activation)?;
    }
    if !activation.holders.is_empty() {
        return Ok(());
    }
    match undo(&record, &activation) {
        Ok(_) | Err(ActivateError::Busy { .. } | ActivateError::Foreign { .. }) => Ok(()),
        Err(other) => Err(other),
    }
}

/// The keys of everything the ledger knows.
///
/// # Errors
/// The ledger's.
pub fn keys(run_root: &RunRoot) -> Result<Vec<String>, ActivateError> {
    Ok(Ledger::new(run_root).keys()?)
}

/// Undoes the mount of a record nobody holds, and removes the record. Tells what it found.
fn undo(record: &Locked, activation: &Activation) -> Result<FindingState, ActivateError> {
    let here = Here::look()?;
    let entries = table()?;
    let state = judge(activation, &entries, &here);
    let id = match state {
        FindingState::Unused => activation.find(&entries, &here).map(|entry| entry.id),
        FindingState::NotRecorded => top(&entries, &activation.on).map(|entry| entry.id),
        FindingState::Elsewhere => return Ok(state),
        _ => None,
    };
    if let Some(id) = id {
        match kernel::unmount_at(&activation.on, id) {
            Ok(()) => {}
            Err(e) if e.errno() == Some(EBUSY) => return Err(ActivateError::Busy { on: activation.on.clone() }),
            Err(e) if e.errno() == Some(ESTALE) => return Err(ActivateError::Foreign { on: activation.on.clone() }),
            Err(e) => return Err(LedgerError::from(e).into()),
        }
    }
    record.remove()?;
    Ok(state)
}

/// `EBUSY` and `ESTALE` of every Linux architecture.
const EBUSY: i32 = 16;
const ESTALE: i32 = 116;

fn judge(activation: &Activation, entries: &[Entry], here: &Here) -> FindingState {
    match &activation.made {
        Some(made) if here.is_other_boot(made) => FindingState::Vanished,
        Some(made) if !here.can_see(made) => FindingState::Elsewhere,
        Some(_) if activation.find(entries, here).is_some() => FindingState::Unused,
        Some(_) => FindingState::Vanished,
        None if top(entries, &activation.on).is_some_and(|entry| is_of(entry, &activation.mount)) => FindingState::NotRecorded,
        None => FindingState::NotMade,
    }
}

/// The directory an activation is mounted on, while somebody holds it.
///
/// # Errors
/// The ledger's.
pub fn holders(run_root: &RunRoot, key: &str) -> Result<Vec<String>, ActivateError> {
    let record = Ledger::new(run_root).lock(key)?;
    Ok(record.read()?.map(|activation| activation.holders.into_iter().collect()).unwrap_or_default())
}

/// While it lives, nobody mounts what its key names.
#[derive(Debug)]
pub struct Barred {
    _record: Locked,
}

/// Keeps everybody from mounting what `key` names, for as long as the answer lives: whoever asks waits. `None` where somebody holds it or it is
/// still mounted.
///
/// # Errors
/// The ledger's.
pub fn bar(run_root: &RunRoot, key: &str) -> Result<Option<Barred>, ActivateError> {
    let record = Ledger::new(run_root).lock(key)?;
    let here = Here::look()?;
    let is_free = match current(&record, &here)? {
        None => true,
        Some(activation) => {
            activation.holders.is_empty() && matches!(judge(&activation, &table()?, &here), FindingState::Vanished | FindingState::NotMade)
        }
    };
    Ok(is_free.then_some(Barred { _record: record }))
}

/// Compares the ledger with the mount table and tells the differences; with `repair` it puts them right too: holders that are gone
/// are taken off, what nobody needs is undone, what a crash left half-done is finished or forgotten. Only mounts that the ledger names
/// are touched. One bad record is one finding.
///
/// # Errors
/// Only if the ledger as a whole cannot be read or written.
pub fn recover(run_root: &RunRoot, repair: bool, is_live: &dyn Fn(&str) -> bool) -> Result<Vec<Finding>, ActivateError> {
    let ledger = Ledger::new(run_root);
    let here = Here::look()?;
    let mut findings = Vec::new();
    for key in ledger.keys()? {
        let record = ledger.lock(&key)?;
        let mut activation = match record.read() {
            Ok(Some(activation)) => activation,
            Ok(None) => continue,
            Err(LedgerError::Unreadable { reason, .. }) => {
                let state = FindingState::Unreadable(reason);
                findings.push(Finding { subject: key, problem: state.words(Path::new("")), repaired: false, state });
                continue;
            }
            Err(other) => return Err(other.into()),
        };
        let entries = table()?;
        let state = judge(&activation, &entries, &here);
        let before = activation.holders.len();
        activation.holders.retain(|holder| is_live(holder));
        let is_well = state == FindingState::Unused && !activation.holders.is_empty();
        let repaired = repair && mend(&record, &mut activation, &state, &entries, &here, before)?;
        if !is_well {
            findings.push(Finding { subject: key, problem: state.words(&activation.on), repaired, state });
        }
    }
    Ok(findings)
}

/// Puts one record right; tells whether it is right now.
fn mend(
    record: &Locked,
    activation: &mut Activation,
    state: &FindingState,
    entries: &[Entry],
    here: &Here,
    holders_before: usize,
) -> Result<bool, ActivateError> {
    if activation.holders.is_empty() {
        return match undo(record, activation) {
            Ok(FindingState::Elsewhere) | Err(ActivateError::Busy { .. } | ActivateError::Foreign { .. }) => Ok(false),
            Ok(_) => Ok(true),
            Err(other) => Err(other),
        };
    }
    let adopted = if *state == FindingState::NotRecorded { top(entries, &activation.on) } else { None };
    if let Some(entry) = adopted {
        activation.made = Some(here.made(entry.id));
    }
    if adopted.is_some() || activation.holders.len() != holders_before {
        record.write(activation)?;
    }
    // What vanished under a live container is mounted again by its next activation, not by guessing here.
    Ok(adopted.is_some())
}

#[cfg(test)]
mod tests;
