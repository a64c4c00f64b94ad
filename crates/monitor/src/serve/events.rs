//! What the monitor says happened. It says it itself, because nobody else may be alive when it happens.

use stead_event::{Draft, Flush};

use super::remark;
use super::turn::Server;
use crate::exit::Exit;

impl Server {
    /// Writes an event of this container to the journal.
    pub(super) fn emit(&self, action: &str, more: &[(&str, String)]) {
        self.write_event(action, more, Flush::No);
    }

    /// How a life ended. It lasts as long as the end itself does: not at all for a container that goes with it.
    pub(super) fn emit_end(&self, exit: &Exit) {
        if exit.oom_killed {
            self.emit("oom", &[]);
        }
        let lived = exit.started_at.map_or(0, |started| exit.finished_at.since(started) / 1_000_000_000);
        let more = [("exitCode", exit.exit_code.to_string()), ("execDuration", lived.max(0).to_string())];
        self.write_event("die", &more, if self.config.auto_remove { Flush::No } else { Flush::Yes });
    }

    fn write_event(&self, action: &str, more: &[(&str, String)], flush: Flush) {
        let mut attributes = self.config.attributes.clone();
        attributes.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        let draft = Draft { kind: "container".to_owned(), action: action.to_owned(), id: self.config.id.clone(), attributes };
        if let Err(error) = stead_event::append(&self.config.root(), draft, flush) {
            remark(&format!("the event {action} was not written: {error}"));
        }
    }
}

/// `exec_start: sh -c true`: the program, a space, its arguments, as Docker puts it.
pub(super) fn exec_action(verb: &str, args: &[String]) -> String {
    let (program, args) = args.split_first().map_or(("", &[][..]), |(program, args)| (program.as_str(), args));
    format!("{verb}: {program} {}", args.join(" "))
}
