//! `cp` from end to end, for a face: it brings the container's three verbs, the standard streams and the working directory.

use std::io::{self, Read, Write};

use super::landing::{Endpoint, Refusal, landing};
use super::route::link_destination;
use super::{local, paths};
use crate::{Error, PathStat};

/// The container's side of a copy.
pub trait Peer {
    /// How its verbs fail.
    type Error;

    /// Describes a path; none where there is nothing.
    ///
    /// # Errors
    /// Any other failure.
    fn stat(&self, path: &str) -> Result<Option<PathStat>, Self::Error>;

    /// A path as a tar stream, its top called `name` where one is given.
    ///
    /// # Errors
    /// The path is missing or cannot be read.
    fn get<'a>(&'a self, path: &str, name: Option<&str>) -> Result<(PathStat, Box<dyn Read + 'a>), Self::Error>;

    /// Unpacks a tar stream into a directory.
    ///
    /// # Errors
    /// The directory is missing or read-only, or the archive is refused.
    fn put(&self, dir: &str, archive: &mut dyn Read) -> Result<(), Self::Error>;
}

/// How a copy fails.
#[derive(Debug, thiserror::Error)]
pub enum CarryError<E> {
    /// The source cannot land there.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something about the local side.
    #[error(transparent)]
    Here(#[from] Error),
    /// A tar on standard input needs a directory.
    #[error("destination \"{0}\" must be a directory")]
    NeedsDirectory(String),
    /// A device in the container cannot be a destination.
    #[error("destination \"{0}\" must be a directory or a regular file: got a device")]
    Device(String),
    /// Standard output went away.
    #[error("write: {0}")]
    Output(#[source] io::Error),
    /// The container's side broke off in the middle of an archive.
    #[error("read archive: {0}")]
    Broken(#[source] io::Error),
    /// The container's side.
    #[error("{0}")]
    There(E),
}

/// What was carried.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    /// Bytes of the archive.
    pub bytes: u64,
    /// Where to, as it is told to the user; empty for a standard stream.
    pub to: String,
    /// Devices that were left out.
    pub skipped: Vec<String>,
}

/// The options of `cp`.
#[derive(Debug, Clone, Copy, Default)]
pub struct CarryOptions {
    /// Follow a symlink in the source (`-L`).
    pub follow_link: bool,
    /// Keep owners and devices on the way out (`-a`). On the way in it is the peer's to know.
    pub archive: bool,
}

/// Copies `source` (or, for `-`, the tar that `stdin` holds) to `path` in the container called `name`. `here` is the working directory.
///
/// # Errors
/// [`CarryError`], with Docker's words.
pub fn carry_in<P: Peer>(
    peer: &P,
    (source, here): (&str, &str),
    (name, path): (&str, &str),
    options: CarryOptions,
    stdin: &mut dyn Read,
) -> Result<Carried, CarryError<P::Error>> {
    let (destination, stat) = destination(peer, path)?;
    let shown = || format!("{name}:{path}");
    if stat.as_ref().is_some_and(PathStat::is_device) {
        return Err(CarryError::Device(shown()));
    }
    if source == "-" {
        if !destination.is_dir {
            return Err(CarryError::NeedsDirectory(shown()));
        }
        peer.put(&destination.path, stdin).map_err(CarryError::There)?;
        return Ok(Carried::default());
    }
    let source = local::source(&local::absolute(source, here), options.follow_link)?;
    let landing = landing(&source, &destination)?;
    let mut archive = Counted { stream: local::pack(&source, &landing)?, bytes: 0 };
    peer.put(&landing.dir, &mut archive).map_err(CarryError::There)?;
    Ok(Carried { bytes: archive.bytes, to: format!("{name}:{}", destination.path), skipped: Vec::new() })
}

/// The destination in the container; a symlink there is followed once, as far as it leads.
fn destination<P: Peer>(peer: &P, path: &str) -> Result<(Endpoint, Option<PathStat>), CarryError<P::Error>> {
    let mut path = path.to_owned();
    let mut stat = peer.stat(&path).map_err(CarryError::There)?;
    if let Some(link) = stat.as_ref().filter(|stat| stat.is_symlink()) {
        path = link_destination(&path, &link.link_target);
        stat = peer.stat(&path).map_err(CarryError::There)?;
    }
    let is_dir = stat.as_ref().is_some_and(PathStat::is_dir);
    Ok((Endpoint { path, exists: stat.is_some(), is_dir, rebase: None }, stat))
}

/// Copies `path` in the container to `destination` on this machine, or for `-` as a tar to `stdout`. `here` is the working directory.
///
/// # Errors
/// [`CarryError`], with Docker's words.
pub fn carry_out<P: Peer>(
    peer: &P,
    path: &str,
    (destination, here): (&str, &str),
    options: CarryOptions,
    stdout: &mut dyn Write,
) -> Result<Carried, CarryError<P::Error>> {
    let to = if destination == "-" { destination.to_owned() } else { local::absolute(destination, here) };
    if to != "-" {
        local::check_output(&to)?;
    }
    let (path, rebase) = followed(peer, path, options).map_err(CarryError::There)?;
    let (stat, archive) = peer.get(&path, None).map_err(CarryError::There)?;
    let mut archive = Counted { stream: archive, bytes: 0 };
    if to == "-" {
        pour(&mut archive, stdout)?;
        return Ok(Carried { bytes: archive.bytes, ..Carried::default() });
    }
    let source = Endpoint { path, exists: true, is_dir: stat.is_dir(), rebase };
    let landing = landing(&source, &local::destination(&to)?)?;
    let written = local::unpack(&source, &landing, options.archive, &mut archive)?;
    Ok(Carried { bytes: archive.bytes, to, skipped: written.skipped })
}

/// The source in a peer, and the name it is known by where following a symlink changed that.
fn followed<P: Peer>(peer: &P, path: &str, options: CarryOptions) -> Result<(String, Option<String>), P::Error> {
    if options.follow_link
        && let Some(link) = peer.stat(path)?.filter(PathStat::is_symlink)
    {
        return Ok(paths::rebase_name(path, &link_destination(path, &link.link_target)));
    }
    Ok((path.to_owned(), None))
}

/// Copies `path` of one peer into `path` of another, called `name`, without a stop on the way.
///
/// # Errors
/// [`CarryError`], with Docker's words.
pub fn carry_between<P: Peer, Q: Peer<Error = P::Error>>(
    from: &P,
    path: &str,
    to: &Q,
    (name, into): (&str, &str),
    options: CarryOptions,
) -> Result<Carried, CarryError<P::Error>> {
    let (path, rebase) = followed(from, path, options).map_err(CarryError::There)?;
    let (destination, stat) = destination(to, into)?;
    if stat.as_ref().is_some_and(PathStat::is_device) {
        return Err(CarryError::Device(format!("{name}:{into}")));
    }
    // Opened once to know what it is; what is carried is opened under the name it lands with.
    let (found, _) = from.get(&path, None).map_err(CarryError::There)?;
    let source = Endpoint { path, exists: true, is_dir: found.is_dir(), rebase };
    let landing = landing(&source, &destination)?;
    let called = landing.rename.as_ref().map(|(_, new)| new.clone()).or_else(|| source.rebase.clone());
    let (_, stream) = from.get(&source.path, called.as_deref()).map_err(CarryError::There)?;
    let mut archive = Counted { stream, bytes: 0 };
    to.put(&landing.dir, &mut archive).map_err(CarryError::There)?;
    Ok(Carried { bytes: archive.bytes, to: format!("{name}:{}", destination.path), skipped: Vec::new() })
}

/// Moves a stream on and tells apart which end failed.
fn pour<E>(from: &mut dyn Read, to: &mut dyn Write) -> Result<(), CarryError<E>> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return to.flush().map_err(CarryError::Output),
            Ok(count) => to.write_all(&buffer[..count]).map_err(CarryError::Output)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CarryError::Broken(error)),
        }
    }
}

struct Counted<R> {
    stream: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}
