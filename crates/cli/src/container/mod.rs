//! `stead container`: one verb a file. Each exists at the top of the tree too, as in Docker.

pub(crate) mod attach;
pub(crate) mod commit;
pub(crate) mod cp;
pub(crate) mod create;
pub(crate) mod diff;
pub(crate) mod exec;
pub(crate) mod export;
pub(crate) mod foreground;
pub(crate) mod inspect;
pub(crate) mod kill;
pub(crate) mod logs;
pub(crate) mod ls;
pub(crate) mod options;
pub(crate) mod pause;
pub(crate) mod port;
pub(crate) mod ports;
pub(crate) mod prune;
pub(crate) mod rename;
pub(crate) mod restart;
pub(crate) mod rm;
pub(crate) mod run;
pub(crate) mod start;
pub(crate) mod stats;
pub(crate) mod stop;
pub(crate) mod top;
pub(crate) mod unpause;
pub(crate) mod update;
pub(crate) mod wait;

use crate::command::{Act, Command};

/// The group.
pub(crate) static CONTAINER: Command = Command {
    name: "container",
    usage: "COMMAND",
    about: "Manage containers",
    act: Act::Group(&[
        &attach::ATTACH,
        &commit::COMMIT,
        &cp::CP,
        &create::CREATE,
        &diff::DIFF,
        &exec::EXEC,
        &export::EXPORT,
        &inspect::INSPECT,
        &kill::KILL,
        &logs::LOGS,
        &ls::LS,
        &pause::PAUSE,
        &port::PORT,
        &prune::PRUNE,
        &rename::RENAME,
        &restart::RESTART,
        &rm::RM,
        &run::RUN,
        &start::START,
        &stats::STATS,
        &stop::STOP,
        &top::TOP,
        &unpause::UNPAUSE,
        &update::UPDATE,
        &wait::WAIT,
    ]),
    ..Command::NEW
};
