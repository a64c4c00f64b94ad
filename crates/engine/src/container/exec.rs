//! One more process in a running container.

use stead_base::Kind;
use stead_monitor::Client;
use stead_monitor::protocol::Exec;
use stead_runtime::ExecProcess;

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
        match self.now(&container.id).status {
            "running" => {}
            "paused" => {
                return Err(Failure::new(Kind::Conflict, format!("Container {typed} is paused, unpause the container before exec")));
            }
            "restarting" => {
                return Err(Failure::new(
                    Kind::Conflict,
                    format!("Container {} is restarting, wait until the container is running", container.id),
                ));
            }
            _ => return Err(Failure::new(Kind::Conflict, format!("container {} is not running", container.id))),
        }
        let process = ExecProcess {
            args: request.cmd,
            env: request.env,
            cwd: request.workdir,
            user: request.user,
            tty: request.tty,
            privileged: request.privileged,
        };
        let client = self.container_client(&container.id)?;
        let exec = Exec { id: stead_store::new_id()?, process, stdin: request.stdin, size: request.console_size, detach: request.detach };
        let (program, args) = exec.process.args.split_first().map_or(("", &[][..]), |(program, args)| (program.as_str(), args));
        self.emit_container(&container, &format!("exec_create: {program} {}", args.join(" ")), &[("execID", &exec.id)]);
        Ok((client, exec))
    }
}
