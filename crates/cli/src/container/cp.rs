//! `stead cp`.

use std::io::{self, Read, Write};

use stead_archive::PathStat;
use stead_archive::copy::{Carried, CarryError, CarryOptions, Peer, Route, carry_in, carry_out, route};
use stead_base::{Kind, size};
use stead_engine::Engine;
use stead_engine::container::copy::ArchivePut;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch};
use crate::context::{Context, absolute};
use crate::failure::Failure;
use crate::output;

pub(crate) static CP: Command = Command {
    name: "cp",
    usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tstead cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    about: "Copy files/folders between a container and the local filesystem",
    long: "Use '-' as the source to read a tar archive (plain, gzip or zstd) from standard input and unpack it into a directory of the container. \
           Use '-' as the destination to write a tar archive of a path of the container to standard output.\n\n\
           Paths of the container begin at its root; its volumes and bind mounts are part of it, whether it runs or not. A directory is copied \
           into a destination that exists and as a destination that does not; 'SRC_PATH/.' copies its content only. A local path that holds a \
           colon is written with './' in front.\n\n\
           When the command returns, what it copied survives a power cut.",
    also: &["stead container cp", "stead cp"],
    flags: &[&[
        switch("archive", Some('a'), "Archive mode (copy all uid/gid information)"),
        switch("follow-link", Some('L'), "Always follow symbol link in SRC_PATH"),
        switch(
            "quiet",
            Some('q'),
            "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached",
        ),
    ]],
    arity: Arity::Exactly(2),
    completes: Completes::Files,
    examples: &[
        ("Copy a file into a container", "stead cp ./nginx.conf web:/etc/nginx/nginx.conf"),
        ("Copy the content of a directory out", "stead cp web:/var/log/nginx/. ./logs"),
        ("Pack a volume's content, wherever it is mounted", "stead cp db:/data - | gzip > data.tar.gz"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let (source, destination) = (&matches.args[0], &matches.args[1]);
    let route = route(source, destination).map_err(|wrong| Failure::plain(1, wrong.to_string()))?;
    let engine = context.engine()?;
    let here = absolute(std::path::Path::new("."))?.display().to_string();
    let options = CarryOptions { follow_link: matches.on("follow-link"), archive: matches.on("archive") };
    let outcome = match &route {
        Route::Out { container, path, local } => {
            let side = Side::new(&engine, container, options.archive)?;
            carry_out(&side, path, (local, &here), options, &mut Stdout)
        }
        Route::In { local, container, path } => {
            let side = Side::new(&engine, container, options.archive)?;
            carry_in(&side, (local, &here), (container, path), options, &mut io::stdin().lock())
        }
    };
    let carried = outcome.map_err(failure)?;
    for device in &carried.skipped {
        output::warn(&format!("left out device {device} (-a copies devices too)"));
    }
    report(matches, &carried);
    Ok(0)
}

fn report(matches: &Matches, carried: &Carried) {
    let quiet = if matches.given("quiet") { matches.on("quiet") } else { !output::can_draw() };
    if !quiet && !carried.to.is_empty() {
        output::warn(&format!("Successfully copied {} to {}", size::human(carried.bytes), carried.to));
    }
}

fn failure(error: CarryError<stead_engine::Failure>) -> Failure {
    match error {
        CarryError::There(failure) => failure.into(),
        CarryError::Output(error) => error.into(),
        other => Failure::plain(1, other.to_string()),
    }
}

/// The container's side of the copy.
struct Side<'e> {
    engine: &'e Engine,
    container: &'e str,
    archive: bool,
}

impl<'e> Side<'e> {
    /// A container that does not exist is said at once, not as a path that does not.
    fn new(engine: &'e Engine, container: &'e str, archive: bool) -> Result<Self, Failure> {
        engine.container_resolve(container)?;
        Ok(Self { engine, container, archive })
    }
}

impl Peer for Side<'_> {
    type Error = stead_engine::Failure;

    fn stat(&self, path: &str) -> Result<Option<PathStat>, Self::Error> {
        match self.engine.container_stat(self.container, path) {
            Ok(stat) => Ok(Some(stat)),
            Err(failure) if failure.kind == Kind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn get<'a>(&'a self, path: &str, name: Option<&str>) -> Result<(PathStat, Box<dyn Read + 'a>), Self::Error> {
        self.engine.container_archive_named(self.container, path, name)
    }

    fn put(&self, dir: &str, archive: &mut dyn Read) -> Result<(), Self::Error> {
        let put = ArchivePut { no_overwrite_dir_non_dir: true, copy_uid_gid: self.archive };
        self.engine.container_archive_put(self.container, dir, put, archive)
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
