//! `volume import`: an archive becomes the content of a volume, whole or not at all.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

use stead_archive::{Limits, ReadOptions, WriteOptions, Written};
use stead_base::Kind;
use stead_volume::{Importing, Removal, Room};

use super::VolumeView;
use super::copy::in_volume;
use crate::container::record::VOLUME_KIND;
use crate::{Engine, Failure, Result};

/// Directories above a file of an archive: no path that anybody can use has more.
const DEPTH_MAX: usize = 2000;

/// So many times containers come in between before it is given up.
const TRIES: usize = 20;

/// What becomes of what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Onto {
    /// The volume must be empty.
    #[default]
    Empty,
    /// File after file is put beside or over what is there.
    Merge,
    /// What is there goes to the trash.
    Replace,
}

/// What came of an import.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportReport {
    /// The volume.
    pub volume: VolumeView,
    /// Members of the archive.
    pub members: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// The id by which `volume undelete` has back what was replaced.
    pub replaced: Option<String>,
}

impl Engine {
    /// Makes a tar (plain, gzip or zstd) the content of a volume. It is unpacked and checked aside; only then, in one step, it is the volume's. With
    /// `Onto::Merge` it is checked aside as well, and then each file takes its place by a step of its own.
    ///
    /// # Errors
    /// No such volume; it is not empty, or a container that uses it runs (a merge may beside them); the archive is refused. The volume is then as it
    /// was, but for a merge that the disk stopped.
    pub fn volume_import(&self, name: &str, onto: Onto, archive: &mut dyn Read) -> Result<ImportReport> {
        let report = match onto {
            Onto::Merge => self.merge_into(name, archive)?,
            Onto::Empty | Onto::Replace => self.exchange(name, onto == Onto::Replace, archive)?,
        };
        let (members, bytes) = (report.members.to_string(), report.bytes.to_string());
        self.emit_volume(name, "import", &[("driver", &report.volume.driver), ("members", &members), ("bytes", &bytes)]);
        if let Some(id) = &report.replaced {
            self.emit_volume(name, "trash", &[("driver", &report.volume.driver), ("id", id)]);
        }
        Ok(report)
    }

    fn exchange(&self, name: &str, replace: bool, archive: &mut dyn Read) -> Result<ImportReport> {
        let mut importing = self.volumes.import_begin(name, replace)?;
        // Refused before everything is read, and looked at again at the end.
        self.refuse_running("import", name, &self.referrers(name)?)?;
        let written = unpack(importing.data(), archive)?;
        let how = Removal { force: false, keep_nanos: self.keep_nanos(), why: "volume import --replace".to_owned() };
        let mut tries = 0;
        let imported = loop {
            match self.publish_import(&mut importing, name, &how) {
                // A container came in between: it is held too, the next time.
                Err(failure) if failure.kind == Kind::Unavailable && tries < TRIES => tries += 1,
                other => break other?,
            }
        };
        let volume = self.view(&imported.volume);
        Ok(ImportReport { volume, members: written.members, bytes: written.bytes, replaced: imported.replaced })
    }

    fn publish_import(&self, importing: &mut Importing, name: &str, how: &Removal) -> Result<stead_volume::Imported> {
        let ids = self.referrers(name)?;
        self.refuse_running("import", name, &ids)?;
        let mut held = Vec::new();
        for id in &ids {
            held.push(self.hold_rootfs(id)?);
        }
        self.refuse_running("import", name, &ids)?;
        importing.publish(how, |users| {
            if users.iter().any(|id| !ids.contains(id)) {
                return Err(Failure::new(Kind::Unavailable, format!("import {name}: containers are made that use it")));
            }
            Ok(())
        })
    }

    /// Ids of the containers that refer to a volume, in an order that all agree on.
    fn referrers(&self, name: &str) -> Result<Vec<String>> {
        let mut ids: Vec<String> = self.store.read(|tx| tx.referrers(VOLUME_KIND, name))?.into_iter().map(|(_, id)| id).collect();
        ids.sort();
        Ok(ids)
    }

    fn merge_into(&self, name: &str, archive: &mut dyn Read) -> Result<ImportReport> {
        let writing = self.hold_for_writing(name)?;
        let held = &writing.held;
        let aside = self.volumes.aside()?;
        let written = unpack(aside.data(), archive)?;
        let carried = ReadOptions { name: Some(String::new()), ..ReadOptions::default() };
        let (_, mut stream) = stead_archive::read(aside.data(), Path::new("/"), &carried)?;
        let options = WriteOptions { no_overwrite_dir_non_dir: true, ..WriteOptions::default() };
        stead_archive::write(held.root(), Path::new("/"), &mut stream, &options).map_err(|error| in_volume(error, name))?;
        held.still_there()?;
        Ok(ImportReport { volume: self.view(held.volume()), members: written.members, bytes: written.bytes, replaced: None })
    }
}

/// Unpacks an archive that nobody vouches for into an empty directory: all of it, or an error.
pub(super) fn unpack(data: impl AsFd, archive: &mut dyn Read) -> Result<Written> {
    let data = data.as_fd();
    let room = Room::at(data)?;
    let limits = Limits { bytes: room.bytes, members: room.files, depth: DEPTH_MAX };
    let options = WriteOptions { limits, whole: true, ..WriteOptions::default() };
    stead_archive::write(data, Path::new("/"), archive, &options).map_err(|error| match error {
        stead_archive::Error::Limit { what: "its content", limit } => {
            let text = format!("archive refused: its content is more than there is room for ({})", stead_base::size::human(limit));
            Failure::new(Kind::NoSpace, text).with_hint("a part of the disk is kept free for everybody else")
        }
        stead_archive::Error::Codec { format, tool } => {
            Failure::new(Kind::Unsupported, format!("{format}-compressed archives are not supported"))
                .with_hint(format!("'{tool} -dc FILE | stead volume import VOLUME -'"))
        }
        stead_archive::Error::RootReadOnly | stead_archive::Error::VolumeReadOnly => {
            Failure::new(Kind::NotAllowed, "the file system of the volumes is mounted read-only")
        }
        other => other.into(),
    })
}
