//! One more process in a running container.

use stead_base::Kind;
use stead_monitor::Client;
use stead_monitor::protocol::Exec;
use stead_runtime::ExecProcess;

use super::record::Container;
use crate::{Engine, Failure, Result};

/// What shall run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "Docker's own flags")]
pub struct ExecRequest {
    /// Program and arguments.
    pub cmd: Vec<String>,
    /// `K=V` on top of the container's.
    pub env: Vec<String>,
    /// `USER[:GROUP]`; empty is the container's.
    pub user: String,
    /// Directory; empty is the container's.
    pub workdir: String,
    /// A terminal.
    pub tty: bool,
    /// Its first size, rows and columns.
    pub console_size: Option<(u16, u16)>,
    /// Give it a standard input.
    pub stdin: bool,
    /// Nobody follows its streams.
    pub detach: bool,
    /// All capabilities.
    pub privileged: bool,
}

impl Engine {
    /// Connects to the container and says what to send there: the caller owns the streams.
    ///
    /// # Errors
    /// It does not run or is paused; no command.
    pub fn container_exec(&self, typed: &str, request: ExecRequest) -> Result<(Client, Exec)> {
        let container = self.container(typed)?;
        if request.cmd.is_empty() {
            return Err(Failure::invalid("No exec command specified"));
        }
        self.check_exec(&container.id, typed)?;
        let id = stead_store::new_id()?;
        self.tell_exec_made(&container, &id, &request.cmd);
        self.exec_with_id(&container.id, id, request)
    }

    /// Says that a session was made, once, whether it is started at once or later.
    pub(crate) fn tell_exec_made(&self, container: &Container, exec: &str, cmd: &[String]) {
        let (program, args) = cmd.split_first().map_or(("", &[][..]), |(program, args)| (program.as_str(), args));
        self.emit_container(container, &format!("exec_create: {program} {}", args.join(" ")), &[("execID", exec)]);
    }

    /// The connection and the request for a session whose id is known already.
    pub(crate) fn exec_with_id(&self, container: &str, id: String, request: ExecRequest) -> Result<(Client, Exec)> {
        let process = ExecProcess {
            args: request.cmd,
            env: request.env,
            cwd: request.workdir,
            user: request.user,
            tty: request.tty,
            privileged: request.privileged,
        };
        let client = self.container_client(container)?;
        Ok((client, Exec { id, process, stdin: request.stdin, size: request.console_size, detach: request.detach }))
    }

    /// Whether a process can be added to a container now.
    pub(crate) fn check_exec(&self, id: &str, typed: &str) -> Result<()> {
        let why = match self.now(id).status {
            "running" => return Ok(()),
            "paused" => format!("Container {typed} is paused, unpause the container before exec"),
            "restarting" => format!("Container {id} is restarting, wait until the container is running"),
            _ => format!("container {id} is not running"),
        };
        Err(Failure::new(Kind::Conflict, why))
    }
}
