//! `stead container`: one verb a file. Each exists at the top of the tree too, as in Docker.

pub(crate) mod attach;
pub(crate) mod cp;
pub(crate) mod create;
pub(crate) mod exec;
pub(crate) mod foreground;
pub(crate) mod inspect;
pub(crate) mod kill;
pub(crate) mod logs;
pub(crate) mod ls;
pub(crate) mod options;
pub(crate) mod restart;
pub(crate) mod rm;
pub(crate) mod run;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod wait;

use crate::command::{Act, Command};

/// The group.
pub(crate) static CONTAINER: Command = Command {
    name: "container",
    usage: "COMMAND",
    about: "Manage containers",
    act: Act::Group(&[
        &attach::ATTACH,
        &cp::CP,
        &create::CREATE,
        &exec::EXEC,
        &inspect::INSPECT,
        &kill::KILL,
        &logs::LOGS,
        &ls::LS,
        &restart::RESTART,
        &rm::RM,
        &run::RUN,
        &start::START,
        &stop::STOP,
        &wait::WAIT,
    ]),
    ..Command::NEW
};
