//! `stead system service uninstall`.

use stead_sys::durable;

use super::install::read;
use super::unit::{MARK, all};
use super::{DIR, systemd};
use crate::command::{Act, Arity, Command, Matches, Outcome};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(super) static UNINSTALL: Command = Command {
    name: "uninstall",
    usage: "[OPTIONS]",
    about: "Disable the units and remove them",
    long: "Containers that run go on running; images, containers and volumes stay. A unit that stead did not write stays too.",
    flags: &[&[DIR]],
    arity: Arity::Exactly(0),
    examples: &[("Before stead is removed from the machine", "stead system service uninstall")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let place = systemd::place(matches)?;
    let mut changed = false;
    for unit in all(context)? {
        let path = place.dir.join(unit.name);
        match read(&path)? {
            None => {}
            Some(there) if !there.starts_with(MARK) => {
                output::line(&format!("Left {}: stead did not write it", path.display()))?;
            }
            Some(_) => {
                if place.is_live {
                    // The restart unit is not stopped: that would ask systemd to look after the containers below it.
                    let words: &[&str] =
                        if unit.name == "stead-restart.service" { &["disable", unit.name] } else { &["disable", "--now", unit.name] };
                    systemd::systemctl(words)?;
                }
                durable::remove_file(&path).map_err(Failure::error)?;
                output::line(&format!("Removed {}", path.display()))?;
                changed = true;
            }
        }
    }
    if changed && place.is_live {
        systemd::systemctl(&["daemon-reload"])?;
    }
    if !changed {
        output::line("Nothing is installed.")?;
    }
    Ok(0)
}
