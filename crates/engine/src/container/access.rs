//! Who may use a volume or a directory of the host at the same time (`access=`): decided at the start, held by the monitor.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::time::{Duration, Instant};

use stead_base::Kind;
use stead_monitor::lease::{Leases, Refused, Use};
use stead_mount::names::split_snapshot;
use stead_mount::{Access, MountPoint, MountType};

use super::record::{Container, VOLUME_KIND};
use crate::{Engine, Failure, Result};

/// So long a start waits for another one that has what it wants and is not there yet, or not any more: that one may come to nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks: the first, and the longest.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(300);

/// What a start has got hold of.
#[derive(Debug, Default)]
pub(super) struct Taken {
    leases: Option<Leases>,
    /// Volumes that say themselves that nobody writes to them.
    pub(super) read_only: Vec<String>,
}

impl Taken {
    /// For the monitor, which holds on to it.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.leases.as_ref().map(|leases| leases.as_fd())
    }
}

/// Something that a container uses, with what is needed to speak of it.
#[derive(Debug)]
struct Claim {
    source: Source,
    asked: Use,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Volume(String),
    Directory(String),
}

/// What a mount point uses.
struct Found {
    key: String,
    source: Source,
    /// What the volume says itself.
    of_volume: Access,
}

impl Source {
    fn words(&self) -> String {
        match self {
            Self::Volume(name) => format!("volume {name}"),
            Self::Directory(path) => format!("directory {path}"),
        }
    }
}

impl Engine {
    /// Takes what the container's mounts and volumes ask to have, before anything is mounted.
    ///
    /// # Errors
    /// Somebody else has it ([`Kind::InUse`], with names); a volume is gone.
    pub(super) fn take_leases(&self, container: &Container) -> Result<Taken> {
        let (claims, read_only) = self.claims(container)?;
        if claims.is_empty() {
            return Ok(Taken { leases: None, read_only });
        }
        let uses: Vec<Use> = claims.iter().map(|claim| claim.asked.clone()).collect();
        let end = Instant::now() + PATIENCE;
        let (mut pause, mut seen) = (PAUSE, Vec::new());
        loop {
            let refused = match Leases::take(&self.run_root, &uses)? {
                Ok(leases) => {
                    self.end_what_is_left(container, &claims)?;
                    return Ok(Taken { leases: Some(leases), read_only });
                }
                Err(refused) => refused,
            };
            let claim = &claims[refused.index];
            let holders = self.holders(container, &claim.source, refused)?;
            // Twice, because one that is at its very end looks alive for a moment.
            if (!holders.is_empty() && holders == seen) || Instant::now() >= end {
                return Err(refusal(claim, refused, &holders));
            }
            seen = holders;
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// What a command holds of a volume that it writes to: as a container would that asks for nothing, so that it is no second writer where there is to
    /// be one, and nobody begins to have the volume for himself meanwhile.
    ///
    /// # Errors
    /// A container has the volume for itself or is its only writer ([`Kind::InUse`], with names); the volume is read-only by itself.
    pub(crate) fn lease_to_write(&self, name: &str) -> Result<Leases> {
        let volume = self.volumes.get(name)?;
        if volume.access == Access::ReadOnly {
            return Err(Failure::new(Kind::NotAllowed, format!("volume {name} is only read (access=read-only)"))
                .with_hint(format!("'stead volume update --access shared {name}' lets it be written")));
        }
        let asked = Use { key: format!("volume-{}", volume.uuid), is_written: true, ..Use::default() };
        let refused = match Leases::take(&self.run_root, std::slice::from_ref(&asked))? {
            Ok(leases) => return Ok(leases),
            Err(refused) => refused,
        };
        let ids = self.store.read(|tx| tx.referrers(VOLUME_KIND, name))?;
        let users = ids.into_iter().filter_map(|(_, id)| self.container(&id).ok()).filter(|user| self.now(&user.id).is_kept());
        let mut holders: Vec<String> = users.map(|user| user.name).collect();
        holders.sort();
        Err(refusal(&Claim { source: Source::Volume(volume.name), asked }, refused, &holders))
    }

    /// One claim for each thing, however often it is mounted; the strictest counts. Beside them the volumes that are read-only by themselves.
    fn claims(&self, container: &Container) -> Result<(Vec<Claim>, Vec<String>)> {
        let mut claims: BTreeMap<String, Claim> = BTreeMap::new();
        let mut read_only = Vec::new();
        for point in &container.mounts {
            let Some(Found { key, source, of_volume }) = self.source_of(point)? else { continue };
            if let (Source::Volume(name), Access::ReadOnly) = (&source, of_volume) {
                read_only.push(name.clone());
            }
            let is = |access| of_volume == access || point.access() == access;
            let asked = &mut claims.entry(key.clone()).or_insert(Claim { source, asked: Use { key, ..Use::default() } }).asked;
            asked.is_exclusive |= is(Access::Exclusive);
            asked.is_single_writer |= is(Access::SingleWriter);
            let is_over = point.spec.extras().is_some_and(|extras| extras.overlay.is_some());
            asked.is_written |= point.rw && !is_over && !is(Access::ReadOnly);
        }
        Ok((claims.into_values().collect(), read_only))
    }

    /// What a mount point uses that others may use too. A snapshot is nobody's to write, and a file or a socket of the host is shared by its nature
    /// unless its mount asks for something else.
    fn source_of(&self, point: &MountPoint) -> Result<Option<Found>> {
        match point.kind {
            MountType::Volume if !point.name.is_empty() && split_snapshot(&point.spec.source).1.is_none() => {
                let volume = self.volumes.get(&point.name)?;
                let key = format!("volume-{}", volume.uuid);
                Ok(Some(Found { key, source: Source::Volume(volume.name), of_volume: volume.access }))
            }
            MountType::Bind => {
                let is_asked = point.access() != Access::Shared;
                if is_asked && !point.skip_source_creation && std::fs::metadata(&point.source).is_err() {
                    // As the start would do a moment later: only what is there can be had.
                    let made = std::fs::DirBuilder::new().recursive(true).mode(0o755).create(&point.source);
                    made.map_err(|error| Failure::new(Kind::Internal, format!("mkdir {}: {error}", point.source)))?;
                }
                let found = std::fs::metadata(&point.source).ok().filter(|found| found.is_dir() || is_asked);
                let source = Source::Directory(point.source.clone());
                Ok(found.map(|found| Found { key: directory_key(&found), source, of_volume: Access::Shared }))
            }
            _ => Ok(None),
        }
    }

    /// Names of the containers that have it, so that this refusal comes of them. Empty where nobody is seen to: who has it is on the way.
    fn holders(&self, container: &Container, source: &Source, refused: Refused) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for other in self.others(container, source)? {
            // The cheapest question first: of many that want it at once one lives.
            let is_user = self.now(&other.id).is_kept()
                && other.mounts.iter().any(|point| {
                    let is_it = self.source_of(point).ok().flatten().is_some_and(|found| same(&found.source, source));
                    is_it && (!refused.is_about_writing || self.is_written(point))
                });
            if is_user {
                names.push(other.name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Whether a mount point lets its container change the source.
    pub(crate) fn is_written(&self, point: &MountPoint) -> bool {
        let of_volume = || self.volumes.get(&point.name).is_ok_and(|volume| volume.access == Access::ReadOnly);
        let is_over = point.spec.extras().is_some_and(|extras| extras.overlay.is_some());
        point.rw && !is_over && point.access() != Access::ReadOnly && !(point.kind == MountType::Volume && of_volume())
    }

    /// The other containers that may use it.
    fn others(&self, container: &Container, source: &Source) -> Result<Vec<Container>> {
        let all: Vec<Container> = match source {
            Source::Volume(name) => {
                let ids = self.store.read(|tx| tx.referrers(VOLUME_KIND, name))?;
                let found = ids.into_iter().map(|(_, id)| self.store.read(|tx| tx.get::<Container>(&id)));
                found.filter_map(|found| found.ok().flatten()).collect()
            }
            Source::Directory(_) => self.store.read(|tx| tx.list::<Container>())?.into_iter().flatten().collect(),
        };
        Ok(all.into_iter().filter(|other| other.id != container.id).collect())
    }

    /// The kernel gives back what a killed monitor held before the last of its container's processes is gone: who is to have something for itself waits
    /// for that.
    fn end_what_is_left(&self, container: &Container, claims: &[Claim]) -> Result<()> {
        for claim in claims.iter().filter(|claim| claim.asked.is_exclusive || claim.asked.is_single_writer) {
            for other in self.others(container, &claim.source)? {
                self.settle(&other)?;
            }
        }
        Ok(())
    }
}

fn directory_key(found: &std::fs::Metadata) -> String {
    format!("bind-{:x}-{:x}", found.dev(), found.ino())
}

fn same(a: &Source, b: &Source) -> bool {
    match (a, b) {
        (Source::Directory(a), Source::Directory(b)) => {
            let key = |path: &String| std::fs::metadata(path).ok().map(|found| directory_key(&found));
            a == b || (key(a).is_some() && key(a) == key(b))
        }
        _ => a == b,
    }
}

fn refusal(claim: &Claim, refused: Refused, holders: &[String]) -> Failure {
    let what = claim.source.words();
    let who = match holders {
        [] => "a container that is being started".to_owned(),
        names => names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "),
    };
    let are = if holders.len() > 1 { "are" } else { "is" };
    let message = if refused.is_about_writing {
        format!("{what} has one writer at a time (access=single-writer), and {who} {are} writing to it")
    } else if claim.asked.is_exclusive {
        format!("{what} is asked for exclusively (access=exclusive), and {who} {are} using it")
    } else {
        format!("{what} is used exclusively (access=exclusive) by {who}")
    };
    let stop = if holders.is_empty() { "try again".to_owned() } else { format!("'stead stop {}' frees it", holders.join(" ")) };
    let hint = match &claim.source {
        _ if refused.is_about_writing => format!("{stop}; a read-only mount is admitted beside the writer"),
        Source::Volume(name) => format!("{stop}; 'stead volume inspect {name}' shows who uses it"),
        Source::Directory(_) => stop,
    };
    Failure::new(Kind::InUse, message).with_hint(hint)
}
