//! `stead system service install`.

use std::io::ErrorKind;
use std::path::Path;

use stead_sys::durable;

use super::unit::{ENABLED, MARK, Unit, all};
use super::{DIR, systemd};
use crate::command::{Act, Arity, Command, Matches, Outcome};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(super) static INSTALL: Command = Command {
    name: "install",
    usage: "[OPTIONS]",
    about: "Write the units for systemd and enable them",
    long: "stead.socket listens for clients of the Engine API and starts stead.service (`stead serve`) for the first of them;\n\
           stead-restart.service brings back the containers of the restart policies always and unless-stopped when the machine comes up.\n\
           stead-run-due.timer takes the snapshots that volumes' schedules ask for (`stead system run-due`).\n\
           The units use this very program and the --root and --run-root of this command. Doing it again changes nothing, or updates them.",
    flags: &[&[DIR]],
    arity: Arity::Exactly(0),
    examples: &[("For the default engine", "stead system service install")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let place = systemd::place(matches)?;
    let units = all(context)?;
    let mut changed = false;
    for unit in &units {
        changed |= write(&place.dir, unit)?;
    }
    if place.is_live {
        if changed {
            systemd::systemctl(&["daemon-reload"])?;
        }
        systemd::systemctl(&["enable", "--now", "stead.socket"])?;
        systemd::systemctl(&["enable", "stead-restart.service"])?;
        systemd::systemctl(&["enable", "--now", "stead-run-due.timer"])?;
        output::line(&format!("Enabled {}; clients connect to {}", ENABLED.join(" and "), context.run_root.join("stead.sock").display()))?;
    } else {
        let place = place.dir.display();
        output::line(&format!(
            "Nothing was enabled: no systemd that reads {place} is running. Where one is: systemctl daemon-reload && systemctl enable {}",
            ENABLED.join(" ")
        ))?;
    }
    Ok(0)
}

/// Whether the file had to be written.
fn write(dir: &Path, unit: &Unit) -> Result<bool, Failure> {
    let path = dir.join(unit.name);
    match read(&path)? {
        Some(there) if there == unit.text => {
            output::line(&format!("Unchanged {}", path.display()))?;
            return Ok(false);
        }
        Some(there) if !there.starts_with(MARK) => {
            return Err(Failure::error(format_args!("{} was not written by stead: it is left as it is", path.display()))
                .with_hint("move it away, or change it with `systemctl edit` after an install"));
        }
        _ => {}
    }
    durable::create_dir_all(dir, 0o755).and_then(|()| durable::replace_file(&path, unit.text.as_bytes(), 0o644)).map_err(Failure::error)?;
    output::line(&format!("Wrote {}", path.display()))?;
    Ok(true)
}

/// A unit that is there; `None` when it is not.
///
/// # Errors
/// It cannot be read.
pub(super) fn read(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::error(format_args!("{}: {error}", path.display()))),
    }
}
