//! The tree of commands. Most commands exist twice, as in Docker: `stead run` and `stead container run`.

use crate::command::{Act, Command, Flag, switch, text};
use crate::format;

/// The flags before the command.
const GLOBAL: [Flag; 5] = [
    text("root", None, "Directory for state that must survive: images, containers, volumes").or("\"/var/lib/stead\""),
    text("run-root", None, "Directory for what is true of running containers only").or("\"/run/stead\""),
    text("registry-config", None, "File that names mirrors and insecure registries").or("\"/etc/stead/registries.json\""),
    switch("debug", Some('D'), "Show the whole chain of causes of an error"),
    switch("version", Some('v'), "Print version information and quit"),
];

/// The program.
pub(crate) static ROOT: Command = Command {
    name: "stead",
    usage: "[OPTIONS] COMMAND",
    about: "A daemonless container engine that keeps your data",
    long: "Commands, options, output and exit codes are Docker's; docs/compat.md lists every difference.\n\
           There is no daemon: each command does its work and ends, and a small monitor stays with each container.\n\
           STEAD_ROOT and STEAD_RUN_ROOT in the environment stand in for --root and --run-root.",
    flags: &[&GLOBAL],
    interspersed: false,
    examples: &[
        ("Run Redis with its data in a volume", "stead run -d --name cache -v data:/data redis"),
        ("A second engine next to the first", "stead --root /srv/two --run-root /run/two ps"),
    ],
    act: Act::Group(&[]),
    ..Command::NEW
};
