//! `stead volume cp`.

use std::io::{self, Read, Write};
use std::sync::atomic::AtomicU64;

use stead_archive::PathStat;
use stead_archive::copy::{Carried, CarryError, CarryOptions, Peer, carry_between, carry_in, carry_out};
use stead_base::{Kind, size};
use stead_engine::Engine;
use stead_engine::container::copy::ArchivePut;
use stead_engine::volume::VolumePut;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch};
use crate::context::{Context, absolute};
use crate::failure::Failure;
use crate::output;
use crate::terminal::progress::{Counted, drawing};

pub(super) static CP: Command = Command {
    name: "cp",
    usage: "[OPTIONS] SRC DEST\n\tstead volume cp [OPTIONS] VOLUME:PATH -\n\tstead volume cp [OPTIONS] - VOLUME:PATH",
    about: "Copy files/folders between volumes, containers and the local filesystem",
    long: "Each end is a local path, VOLUME:PATH, VOLUME@SNAPSHOT:PATH (as the source) or CONTAINER:PATH; one of them is a volume. No container \
           is needed for it. A name that is a container's and a volume's is written volume:NAME:PATH or container:NAME:PATH.\n\n\
           The rules are those of 'stead cp': a directory is copied into a destination that exists and as one that does not; 'SRC/.' copies its \
           content only; '-' reads or writes a tar archive. Symbolic links in a volume stay in it, wherever they point.\n\n\
           When the command returns, what it copied survives a power cut.",
    flags: &[&[
        switch("archive", Some('a'), "Archive mode (copy all uid/gid information)"),
        switch("follow-link", Some('L'), "Always follow symbol link in SRC"),
        switch("quiet", Some('q'), "Suppress progress output during copy"),
    ]],
    arity: Arity::Exactly(2),
    completes: Completes::Files,
    examples: &[
        ("A file into a volume that no container uses yet", "stead volume cp ./postgresql.conf pgdata:/"),
        ("One file as it was on Monday", "stead volume cp data@monday:/etc/app.conf ."),
        ("From one volume to another", "stead volume cp old:/uploads/. new:/uploads"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

/// One end of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// On this machine, or `-`.
    Local(String),
    /// A volume or a snapshot, and a path in it.
    Volume(String, String),
    /// A container, and a path in it.
    Container(String, String),
}

impl End {
    fn read(engine: &Engine, text: &str) -> Result<Self, Failure> {
        Self::parse(text, &|name| engine.volume_inspect(name).is_ok(), &|name| engine.container_resolve(name).is_ok())
    }

    pub(super) fn parse(text: &str, is_volume: &dyn Fn(&str) -> bool, is_container: &dyn Fn(&str) -> bool) -> Result<Self, Failure> {
        let cut = |rest: &str| rest.split_once(':').map(|(name, path)| (name.to_owned(), path.to_owned()));
        if let Some((name, path)) = text.strip_prefix("volume:").and_then(cut) {
            return Ok(Self::Volume(name, path));
        }
        if let Some((name, path)) = text.strip_prefix("container:").and_then(cut) {
            return Ok(Self::Container(name, path));
        }
        let (Some(name), path) = stead_archive::copy::split_argument(text) else { return Ok(Self::Local(text.to_owned())) };
        let volume = stead_mount::names::split_snapshot(name);
        match (is_volume(volume.0), volume.1.is_none() && is_container(name)) {
            (true, false) => Ok(Self::Volume(name.to_owned(), path.to_owned())),
            (false, true) => Ok(Self::Container(name.to_owned(), path.to_owned())),
            (true, true) => Err(Failure::plain(
                1,
                format!("{name:?} is a volume and a container: write volume:{name}:{path} or container:{name}:{path}"),
            )),
            (false, false) => {
                Err(Failure::plain(1, format!("no such volume or container: {name} (a local path that holds a colon begins with './')")))
            }
        }
    }
}

fn run(context: &Context, matches: &Matches) -> Outcome {
    for (what, text) in [("source", &matches.args[0]), ("destination", &matches.args[1])] {
        if text.is_empty() {
            return Err(Failure::plain(1, format!("{what} can not be empty")));
        }
    }
    let engine = context.engine()?;
    let (from, to) = (End::read(&engine, &matches.args[0])?, End::read(&engine, &matches.args[1])?);
    let options = CarryOptions { follow_link: matches.on("follow-link"), archive: matches.on("archive") };
    let count = AtomicU64::new(0);
    let carried = drawing("Copying", 0, &count, || carry(&engine, (&from, &to), options, &count))?;
    for device in &carried.skipped {
        output::warn(&format!("left out device {device} (-a copies devices too)"));
    }
    let quiet = if matches.given("quiet") { matches.on("quiet") } else { !output::can_draw() };
    if !quiet && !carried.to.is_empty() {
        output::warn(&format!("Successfully copied {} to {}", size::human(carried.bytes), carried.to));
    }
    Ok(0)
}

fn carry(engine: &Engine, ends: (&End, &End), options: CarryOptions, count: &AtomicU64) -> Result<Carried, Failure> {
    let here = absolute(std::path::Path::new("."))?.display().to_string();
    let volume = |name| VolumeSide { engine, name, count };
    let container = |name| ContainerSide { engine, name, archive: options.archive, count };
    let carried = match ends {
        (End::Volume(name, path), End::Local(local)) => carry_out(&volume(name), path, (local, &here), options, &mut Stdout),
        (End::Local(local), End::Volume(name, path)) => {
            carry_in(&volume(name), (local, &here), (name, path), options, &mut Counted::new(io::stdin().lock(), count))
        }
        (End::Volume(from, path), End::Volume(to, into)) => carry_between(&volume(from), path, &volume(to), (to, into), options),
        (End::Volume(from, path), End::Container(to, into)) => carry_between(&volume(from), path, &container(to), (to, into), options),
        (End::Container(from, path), End::Volume(to, into)) => carry_between(&container(from), path, &volume(to), (to, into), options),
        (End::Container(..) | End::Local(_), End::Container(..) | End::Local(_)) => {
            return Err(Failure::plain(1, "neither end is a volume: 'stead cp' copies between containers and this machine"));
        }
    };
    carried.map_err(|error| match error {
        CarryError::There(failure) => failure.into(),
        CarryError::Output(error) => error.into(),
        other => Failure::plain(1, other.to_string()),
    })
}

/// A volume's side of the copy.
struct VolumeSide<'e> {
    engine: &'e Engine,
    name: &'e str,
    count: &'e AtomicU64,
}

impl Peer for VolumeSide<'_> {
    type Error = stead_engine::Failure;

    fn stat(&self, path: &str) -> Result<Option<PathStat>, Self::Error> {
        known(self.engine.volume_stat(self.name, path), || self.engine.volume_stat(self.name, "/").map(drop))
    }

    fn get<'a>(&'a self, path: &str, name: Option<&str>) -> Result<(PathStat, Box<dyn Read + 'a>), Self::Error> {
        let (stat, stream) = self.engine.volume_archive_get(self.name, path, name)?;
        Ok((stat, Box::new(Counted::new(stream, self.count))))
    }

    fn put(&self, dir: &str, archive: &mut dyn Read) -> Result<(), Self::Error> {
        let put = VolumePut { no_overwrite_dir_non_dir: true, ..VolumePut::default() };
        self.engine.volume_archive_put(self.name, dir, &put, &mut Counted::new(archive, self.count)).map(drop)
    }
}

/// A path that is not there is no failure; a volume or a snapshot that is not there is.
fn known(
    found: Result<PathStat, stead_engine::Failure>,
    is_there: impl Fn() -> Result<(), stead_engine::Failure>,
) -> Result<Option<PathStat>, stead_engine::Failure> {
    match found {
        Ok(stat) => Ok(Some(stat)),
        Err(failure) if failure.kind == Kind::NotFound => is_there().map(|()| None),
        Err(failure) => Err(failure),
    }
}

/// A container's side of the copy.
struct ContainerSide<'e> {
    engine: &'e Engine,
    name: &'e str,
    archive: bool,
    count: &'e AtomicU64,
}

impl Peer for ContainerSide<'_> {
    type Error = stead_engine::Failure;

    fn stat(&self, path: &str) -> Result<Option<PathStat>, Self::Error> {
        known(self.engine.container_stat(self.name, path), || self.engine.container_resolve(self.name).map(drop))
    }

    fn get<'a>(&'a self, path: &str, name: Option<&str>) -> Result<(PathStat, Box<dyn Read + 'a>), Self::Error> {
        let (stat, stream) = self.engine.container_archive_named(self.name, path, name)?;
        Ok((stat, Box::new(Counted::new(stream, self.count))))
    }

    fn put(&self, dir: &str, archive: &mut dyn Read) -> Result<(), Self::Error> {
        let put = ArchivePut { no_overwrite_dir_non_dir: true, copy_uid_gid: self.archive };
        self.engine.container_archive_put(self.name, dir, put, &mut Counted::new(archive, self.count))
    }
}

/// Standard output, by way of the one place that writes there.
struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        output::stdout_bytes(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::End;

    #[test]
    fn ends_are_told_apart() {
        let volumes = |name: &str| ["data", "both"].contains(&name);
        let containers = |name: &str| ["web", "both"].contains(&name);
        let read = |text: &str| End::parse(text, &volumes, &containers).map_err(|failure| failure.render());
        let volume = |name: &str, path: &str| Ok(End::Volume(name.to_owned(), path.to_owned()));
        let container = |name: &str, path: &str| Ok(End::Container(name.to_owned(), path.to_owned()));
        assert_eq!(read("data:/x"), volume("data", "/x"));
        assert_eq!(read("data@one:x"), volume("data@one", "x"));
        assert_eq!(read("web:/x"), container("web", "/x"));
        assert_eq!(read("volume:both:/x:y"), volume("both", "/x:y"));
        assert_eq!(read("container:both:"), container("both", ""));
        assert!(read("both:/x").unwrap_err().contains("volume:both:/x or container:both:/x"));
        assert_eq!(read("both@one:/x"), volume("both@one", "/x"));
        assert!(read("gone:/x").unwrap_err().starts_with("no such volume or container: gone"));
        for local in ["/a:b", "./data:x", "-", "plain"] {
            assert_eq!(read(local), Ok(End::Local(local.to_owned())), "{local}");
        }
    }
}
