//! What can go wrong with volumes, in Docker's words where it has some.

use std::path::PathBuf;

use stead_base::Kind;
use stead_mount::activate::ActivateError;
use stead_mount::local::LocalError;
use stead_mount::names::NameError;

/// What every function of this room returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of a volume verb.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name can not be.
    #[error("create {name}: {source}")]
    Name {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: NameError,
    },
    /// An option can not be.
    #[error("create {name}: {source}")]
    Options {
        /// The volume.
        name: String,
        /// Why.
        #[source]
        source: LocalError,
    },
    /// No such driver.
    #[error("create {name}: error looking up volume plugin {driver}: plugin \"{driver}\" not found")]
    Driver {
        /// The volume.
        name: String,
        /// The driver.
        driver: String,
    },
    /// The volume exists with another driver.
    #[error("create {name}: driver '{driver}' already has volume '{name}': volume name must be unique")]
    OtherDriver {
        /// The volume.
        name: String,
        /// The driver that has it.
        driver: String,
    },
    /// It is not there.
    #[error("get {name}: no such volume")]
    NotFound {
        /// The volume.
        name: String,
    },
    /// The name of a snapshot can not be.
    #[error("snapshot {volume}: {source}")]
    Snapshot {
        /// The volume.
        volume: String,
        /// What was given.
        snapshot: String,
        /// Why.
        #[source]
        source: NameError,
    },
    /// The volume has a snapshot of that name.
    #[error("snapshot {volume}: snapshot {snapshot} already exists")]
    SnapshotExists {
        /// The volume.
        volume: String,
        /// The snapshot.
        snapshot: String,
    },
    /// The volume has no such snapshot.
    #[error("get {volume}@{snapshot}: no such snapshot")]
    NoSnapshot {
        /// The volume.
        volume: String,
        /// The snapshot.
        snapshot: String,
    },
    /// A volume in memory has content only while it is used.
    #[error("volume {name} lies in memory and no container uses it: there is nothing to read")]
    NothingThere {
        /// The volume.
        name: String,
    },
    /// What is mounted on a volume's directory can not be exchanged.
    #[error("rollback {name}: its content lies on a device, which can not be exchanged in one step")]
    OnDevice {
        /// The volume.
        name: String,
        /// The snapshot.
        snapshot: String,
    },
    /// Another snapshot, or a start, takes longer than one waits.
    #[error("volume {name}: others who take its state or begin to use it have not finished")]
    Gate {
        /// The volume.
        name: String,
    },
    /// A command writes to it, and its content was to be exchanged.
    #[error("volume {name}: another command is writing to it")]
    Writing {
        /// The volume.
        name: String,
    },
    /// It was removed, rolled back or replaced while it was read.
    #[error("volume {name} was removed or replaced while it was read")]
    Replaced {
        /// The volume.
        name: String,
    },
    /// There is something in it.
    #[error("import {name}: the volume is not empty")]
    NotEmpty {
        /// The volume.
        name: String,
    },
    /// Its content lies on a device, and can not be put there in one step.
    #[error("{act} {name}: its content lies on a device: it can not be put there in one step")]
    NotInPlace {
        /// The verb.
        act: &'static str,
        /// The volume.
        name: String,
    },
    /// Containers refer to it.
    #[error("remove {name}: volume is in use - [{}]", users.join(", "))]
    InUse {
        /// The volume.
        name: String,
        /// Ids of the containers.
        users: Vec<String>,
    },
    /// Nothing removes it.
    #[error("remove {name}: volume is protected")]
    Protected {
        /// The volume.
        name: String,
    },
    /// Nothing of that name or id waits to be had back.
    #[error("no such volume in the trash: {name}")]
    NotInTrash {
        /// What was asked for.
        name: String,
    },
    /// Several ids begin so.
    #[error("{prefix} is the beginning of several ids in the trash")]
    Ambiguous {
        /// The beginning.
        prefix: String,
    },
    /// The name that it shall have belongs to another volume.
    #[error("{act} {name}: a volume named {taken} exists already")]
    Taken {
        /// The verb.
        act: &'static str,
        /// The volume.
        name: String,
        /// The name.
        taken: String,
    },
    /// An interrupted renaming can not be finished.
    #[error("volume {name}: a renaming of it was interrupted and can not be finished; `stead system check --repair` says why")]
    Renaming {
        /// The volume.
        name: String,
    },
    /// A label that only the engine sets.
    #[error("update {name}: the label {label} says that nobody named the volume; it is changed by giving it a name")]
    Reserved {
        /// The volume.
        name: String,
        /// The label.
        label: &'static str,
    },
    /// Containers that use it run, or are about to.
    #[error("{act} {name}: volume is in use - [{}]", users.join(", "))]
    Busy {
        /// The verb.
        act: &'static str,
        /// The volume.
        name: String,
        /// Ids of the containers that run, or are about to.
        users: Vec<String>,
    },
    /// Something is mounted on or below it on this host.
    #[error("remove {name}: volume has active mounts: {}", at.display())]
    Mounted {
        /// The volume.
        name: String,
        /// Where.
        at: PathBuf,
    },
    /// The disk was full while it was populated; it is as it was before.
    #[error("populate volume {name}: no space left on device: {path} does not fit below {} ({free} bytes free)", below.display())]
    NoSpace {
        /// The volume.
        name: String,
        /// The file of the image that did not fit.
        path: String,
        /// Where the space is missing.
        below: PathBuf,
        /// What was free when the attempt had been taken back.
        free: u64,
    },
    /// Its content could not be copied; it is as it was before.
    #[error("populate volume {name}: {source}")]
    Populate {
        /// The volume.
        name: String,
        /// Why.
        #[source]
        source: stead_sys::Error,
    },
    /// What was to be adopted did not hold still.
    #[error("adopt {name}: its content changed while it was copied")]
    Changed {
        /// The volume.
        name: String,
    },
    /// What is mounted on it keeps silent.
    #[error("volume {name}: what is mounted on {} does not answer; its size is not known", at.display())]
    NoAnswer {
        /// The volume.
        name: String,
        /// Where.
        at: PathBuf,
    },
    /// Its sidecar can not be believed, and the store has no good record either.
    #[error("volume {name}: {} is damaged: {reason}; `stead system check --repair` keeps the content and writes a new one", path.display())]
    Sidecar {
        /// The volume.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is a pool, it can not be used, and the volume is not outside it: nobody knows whether it is there.
    #[error("volume {name}: the pool can not be used: {reason}")]
    NoPool {
        /// The volume; `(pool)` where it is about the pool itself.
        name: String,
        /// Why.
        reason: String,
        /// Of which kind.
        kind: Kind,
    },
    /// A volume is to be in the pool, and there is none.
    #[error("create {name}: there is no pool")]
    PoolMissing {
        /// The volume.
        name: String,
    },
    /// There is no pool.
    #[error("there is no pool: `stead system pool create --size 50g` makes one")]
    PoolAbsent,
    /// There is one already.
    #[error("there is a pool already: `stead system pool inspect` shows it, `stead system pool grow` makes it larger")]
    PoolExists,
    /// Volumes are in the pool.
    #[error("the pool is in use: {} volumes ({}) and {removed} removed ones that can be had back", volumes.len(), volumes.join(", "))]
    PoolInUse {
        /// Their names.
        volumes: Vec<String>,
        /// How many wait in the trash.
        removed: usize,
    },
    /// What is asked of the pool can not be.
    #[error("pool: {0}")]
    PoolRequest(String),
    /// The pool as a whole.
    #[error("pool: {0}")]
    Pool(String),
    /// Too small for a file system.
    #[error("create {name}: a volume with a file system of its own has at least {} MiB", least >> 20)]
    TooSmall {
        /// The volume.
        name: String,
        /// Bytes.
        least: u64,
    },
    /// Its content is more than its size.
    #[error("{name}: its content does not fit into {size}")]
    DoesNotFit {
        /// The volume.
        name: String,
        /// The size, for people.
        size: String,
    },
    /// It can not be made smaller.
    #[error("resize {name}: it cannot shrink to that: {why}")]
    CannotShrink {
        /// The volume.
        name: String,
        /// Why.
        why: String,
    },
    /// Its file system grows in use only where this process may do more.
    #[error(
        "resize {name}: an ext4 in use grows only with CAP_SYS_RESOURCE, which this process has not: stop the containers that use it and try again"
    )]
    CannotGrowInUse {
        /// The volume.
        name: String,
    },
    /// Nothing limits it.
    #[error("resize {name}: {why}")]
    CannotLimit {
        /// The volume.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// The root does not carry our mark, so nothing is deleted below it.
    #[error("{} has no stead.json: nothing is deleted below a directory that is not known to be a root", root.display())]
    Foreign {
        /// The directory.
        root: PathBuf,
    },
    /// Its device could not be mounted or unmounted.
    #[error(transparent)]
    Activate(#[from] ActivateError),
    /// The records failed.
    #[error(transparent)]
    Store(#[from] stead_store::Error),
    /// The disk failed.
    #[error("{act} {name}: {source}")]
    Disk {
        /// The verb.
        act: &'static str,
        /// The volume.
        name: String,
        /// Why.
        #[source]
        source: stead_sys::Error,
    },
    /// Something about the volumes' directory itself.
    #[error(transparent)]
    Sys(#[from] stead_sys::Error),
}

impl Error {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotEmpty { .. } => "'--merge' adds to what is there, '--replace' moves it to the trash".to_owned(),
            Self::NotInPlace { act: "import", .. } => "'--merge' puts file after file into it".to_owned(),
            Self::NotInPlace { .. } => "make it empty, then 'stead volume import --merge' or 'stead volume cp'".to_owned(),
            Self::Replaced { .. } | Self::Gate { .. } | Self::Writing { .. } => "run the command again".to_owned(),
            Self::Protected { name } => format!("no flag removes it; 'stead volume unprotect {name}' first"),
            Self::NoSnapshot { volume, .. } => format!("'stead volume snapshot ls {volume}' shows what there is"),
            Self::NothingThere { .. } => "start a container that uses it first".to_owned(),
            Self::OnDevice { name, snapshot } => format!("'stead volume clone {name}@{snapshot} NEW' makes a volume of the snapshot"),
            Self::NotInTrash { .. } => "'stead volume trash ls' shows what can be had back".to_owned(),
            Self::Ambiguous { .. } => "give more of it, or the name".to_owned(),
            Self::Taken { act: "undelete", name, .. } => format!("give it another name: 'stead volume undelete {name} NEWNAME'"),
            Self::Busy { act: "rename", .. } => "stop these containers first; they start with the new name afterwards".to_owned(),
            Self::Busy { .. } => "stop these containers first".to_owned(),
            _ => return None,
        })
    }

    /// The same about one volume that may be in the pool.
    pub(crate) fn for_volume(&self, volume: &str) -> Self {
        let reason = if let Self::NoPool { reason, .. } = self { reason.clone() } else { self.to_string() };
        Self::NoPool { name: volume.to_owned(), reason, kind: self.kind() }
    }

    /// The universal kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Name { source, .. } => source.kind(),
            Self::Options { source, .. } => source.kind(),
            Self::Snapshot { source, .. } => source.kind(),
            Self::SnapshotExists { .. } => Kind::Exists,
            Self::NoSnapshot { .. } => Kind::NotFound,
            Self::Gate { .. } => Kind::Unavailable,
            Self::NothingThere { .. } | Self::OnDevice { .. } => Kind::Conflict,
            Self::Driver { .. } | Self::NotFound { .. } | Self::NotInTrash { .. } => Kind::NotFound,
            Self::OtherDriver { .. } | Self::Changed { .. } | Self::NotEmpty { .. } | Self::Replaced { .. } | Self::Protected { .. } => {
                Kind::Conflict
            }
            Self::Taken { .. } => Kind::Exists,
            Self::Ambiguous { .. } | Self::Reserved { .. } | Self::NotInPlace { .. } => Kind::Invalid,
            Self::InUse { .. } | Self::Mounted { .. } | Self::Busy { .. } | Self::Writing { .. } => Kind::InUse,
            Self::Foreign { .. } => Kind::NotAllowed,
            Self::NoAnswer { .. } => Kind::Unavailable,
            Self::NoSpace { .. } => Kind::NoSpace,
            Self::Activate(e) => e.kind(),
            Self::Store(e) => e.kind(),
            Self::NoPool { kind, .. } => *kind,
            Self::PoolAbsent => Kind::NotFound,
            Self::PoolExists => Kind::Exists,
            Self::PoolInUse { .. } | Self::CannotGrowInUse { .. } => Kind::InUse,
            Self::PoolRequest(_) | Self::TooSmall { .. } | Self::CannotShrink { .. } | Self::CannotLimit { .. } => Kind::Invalid,
            Self::DoesNotFit { .. } => Kind::NoSpace,
            Self::Pool(_) => Kind::Internal,
            Self::PoolMissing { .. } => Kind::Conflict,
            Self::Populate { source, .. } | Self::Disk { source, .. } | Self::Sys(source) if is_full(source) => Kind::NoSpace,
            Self::Sidecar { .. } | Self::Renaming { .. } | Self::Populate { .. } | Self::Disk { .. } | Self::Sys(_) => Kind::Internal,
        }
    }
}

/// Whether a disk or a quota had no room.
pub(crate) fn is_full(error: &stead_sys::Error) -> bool {
    matches!(error.io_kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

/// Adds verb and volume to a failure of the disk.
pub(crate) fn disk(act: &'static str, name: &str) -> impl Fn(stead_sys::Error) -> Error {
    move |source| Error::Disk { act, name: name.to_owned(), source }
}
