//! Starting a container: what it needs is activated, its plan is written, its monitor is born and told to begin.

use std::os::fd::AsFd as _;

use stead_base::Kind;
use stead_layer::writable::{self, Hold};
use stead_monitor::{Client, HeldPort, LogConfig, MonitorConfig, RestartPolicy, vigil};
use stead_network::Sandbox;

use super::record::Container;
use super::signal;
use crate::emit::container_attributes;
use crate::{Engine, Failure, Result};

impl Engine {
    /// Starts a container and returns when its program runs. A running one is left as it is, as in Docker.
    ///
    /// # Errors
    /// What it needs cannot be had, or its program cannot be started (`exit_code` 126 or 127).
    pub fn container_start(&self, typed: &str) -> Result<()> {
        let container = self.container(typed)?;
        if self.now(&container.id).is_alive() {
            return Ok(());
        }
        match self.container_prepare(&container.id) {
            Ok((mut client, held)) => self.container_launch(&mut client, held),
            // Somebody else started it in between: what was asked has come true.
            Err(failure) if failure.kind == Kind::Conflict && self.now(&container.id).is_alive() => Ok(()),
            Err(failure) => {
                // Whoever waits for the removal of a container of --rm must not wait for ever because it never ran.
                if container.host.auto_remove {
                    drop(self.remove_stopped(&container, super::remove::Fate::WITH_CONTAINER));
                }
                Err(failure)
            }
        }
    }

    /// Does everything a start needs except the start itself: the monitor listens, so that a client can attach before the first byte is written.
    /// What is answered beside the connection keeps others from starting, restarting and removing it until the launch.
    ///
    /// # Errors
    /// It runs already; what it needs cannot be had.
    pub fn container_prepare(&self, typed: &str) -> Result<(Client, Hold)> {
        let (container, held) = self.hold_to_start(typed)?;
        Ok((self.prepare(&container, &held)?, held))
    }

    /// Takes a container's lock. Who had it before may have removed the container: that is seen only now.
    pub(super) fn hold_to_start(&self, typed: &str) -> Result<(Container, Hold)> {
        let id = self.container(typed)?.id;
        let held = writable::hold(&self.run_root, &id)?;
        match self.container(&id) {
            Ok(container) => Ok((container, held)),
            Err(failure) => {
                // Nobody else would take away the lock of a container that is gone.
                held.remove()?;
                Err(if failure.kind == Kind::NotFound { Failure::no_container(typed) } else { failure })
            }
        }
    }

    /// The same with the lock held, which the monitor then shares until the container is born.
    pub(super) fn prepare(&self, container: &Container, held: &Hold) -> Result<Client> {
        if self.now(&container.id).is_kept() {
            return Err(Failure::new(Kind::Conflict, format!("container {} is already running", container.name)));
        }
        self.settle(container)?;
        self.forget_stop(container)?;
        self.prepare_held(container, held).inspect_err(|failure| {
            self.keep_failed_start(&container.id, failure);
            // What was activated for a start that did not come is let go; a failure of that is found by `system check`.
            drop(self.release_mounts(container));
            drop(self.release_network(container));
        })
    }

    fn prepare_held(&self, container: &Container, held: &Hold) -> Result<Client> {
        // Before anything is mounted: who must not have it does not begin to.
        let leases = self.take_leases(container)?;
        let layer = writable::ensure(&self.root, &container.id)?;
        // The kernel takes its time for interfaces; the mounts need none of it.
        let (network, mounts) = std::thread::scope(|scope| {
            let network = scope.spawn(|| self.prepare_network(container));
            let mounts = self.activate_mounts(container, &leases.read_only);
            let panicked = |_panic| Err(Failure::new(Kind::Internal, "the network's thread panicked"));
            (network.join().unwrap_or_else(panicked), mounts)
        });
        let (network, mounts) = (network?, mounts?);
        self.write_engine_files(container, network.sandbox.as_ref())?;
        let plan = self.plan(container, &layer, mounts, network.namespace)?;
        let bytes = serde_json::to_vec(&plan).map_err(|e| Failure::new(Kind::Internal, format!("plan of {}: {e}", container.id)))?;
        stead_runtime::spec::write(&self.run_root, &container.id, &bytes)?;
        let config = self.monitor_config(container, network.sandbox.as_ref())?;
        let gates = self.volumes.pass_gates(container.volumes())?;
        let mut client = stead_monitor::spawn_with(&config, network.held, Some(held.as_fd()), leases.descriptor())?;
        if network.sandbox.is_some() || !gates.is_empty() {
            // From here on the monitor's lock says whose the addresses and ports are, and who takes a snapshot of a volume finds it.
            client.attached()?;
        }
        Ok(client)
    }

    /// Tells a prepared monitor to begin.
    ///
    /// # Errors
    /// The program cannot be started: `exit_code` is 127 when it is not there, 126 when it may not be run, 125 for all before it.
    pub fn container_launch(&self, client: &mut Client, _held: Hold) -> Result<()> {
        if vigil::is_kept(&self.run_root, client.id()) {
            // Its answer says that the monitor listens.
            client.status()?;
            vigil::call(&self.run_root, client.id());
        }
        self.tell_life_begins(client)?;
        match client.start() {
            Ok(_) => {
                self.note_use(client.id());
                Ok(())
            }
            Err(error) => {
                let mut failure = Failure::from(error);
                failure.message = format!("failed to create task for container: {}", failure.message);
                Err(failure)
            }
        }
    }

    /// A connection to the monitor of a running container.
    ///
    /// # Errors
    /// `container x is not running`.
    pub fn container_client(&self, typed: &str) -> Result<Client> {
        let container = self.container(typed)?;
        self.client_if_alive(&container.id)?
            .ok_or_else(|| Failure::new(Kind::NotRunning, format!("container {} is not running", container.id)))
    }

    pub(crate) fn client_if_alive(&self, id: &str) -> Result<Option<Client>> {
        match Client::connect(&self.run_root, id) {
            Ok(client) => Ok(Some(client)),
            Err(stead_monitor::Error::NotRunning(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn monitor_config(&self, container: &Container, sandbox: Option<&Sandbox>) -> Result<MonitorConfig> {
        let (config, host) = (&container.config, &container.host);
        Ok(MonitorConfig {
            id: container.id.clone(),
            root: self.root.path().to_owned(),
            run_root: self.run_root.path().to_owned(),
            log: log_config(container)?,
            restart: restart_policy(container),
            stop_signal: config.stop_signal.as_deref().map(signal::parse).transpose()?,
            stop_timeout: config.stop_timeout,
            auto_remove: host.auto_remove,
            stdin: match (config.open_stdin, config.stdin_once) {
                (false, _) => stead_monitor::Stdin::Closed,
                (true, false) => stead_monitor::Stdin::Open,
                (true, true) => stead_monitor::Stdin::Once,
            },
            tty: config.tty,
            console_size: host.console_size.map(|[rows, cols]| (rows, cols)).filter(|size| *size != (0, 0)),
            ports: sandbox.map(held_ports).unwrap_or_default(),
            is_leased: false,
            cleanup_argv: self.cleanup_argv(&container.id),
            attributes: container_attributes(container),
            health: super::health::of(container),
        })
    }

    /// The command that a monitor becomes at the end of a container nobody waits for.
    fn cleanup_argv(&self, id: &str) -> Vec<String> {
        let path = |p: &std::path::Path| p.display().to_string();
        [
            "/proc/self/exe".to_owned(),
            "--root".to_owned(),
            path(self.root.path()),
            "--run-root".to_owned(),
            path(self.run_root.path()),
            "reap".to_owned(),
            id.to_owned(),
        ]
        .into()
    }
}

/// The host's ports that lead to a container.
fn held_ports(sandbox: &Sandbox) -> Vec<HeldPort> {
    let held = sandbox.ports.iter().map(|port| HeldPort {
        protocol: port.protocol.to_string(),
        address: port.host_ip,
        port: port.host_port,
        refusal: format!(
            "failed to set up container networking: driver failed programming external connectivity on endpoint {}: failed to bind host port {}:{}/{}: address already in use",
            sandbox.name, port.host_ip, port.host_port, port.protocol
        ),
    });
    held.collect()
}

/// The restart policy as the monitor knows it.
pub(super) fn restart_policy(container: &Container) -> RestartPolicy {
    let policy = &container.host.restart_policy;
    match policy.name.as_str() {
        "always" => RestartPolicy::Always,
        "unless-stopped" => RestartPolicy::UnlessStopped,
        "on-failure" => RestartPolicy::OnFailure { max_retries: u32::try_from(policy.maximum_retry_count).unwrap_or(u32::MAX) },
        _ => RestartPolicy::No,
    }
}

/// The log options, checked: also called at create, so that a wrong one is refused there.
pub(super) fn log_config(container: &Container) -> Result<LogConfig> {
    let asked = &container.host.log_config;
    let subject = stead_monitor::log::Subject {
        id: &container.id,
        name: &container.name,
        image: &container.config.image,
        image_id: &container.image,
        labels: &container.config.labels,
        env: &container.config.env,
    };
    Ok(stead_monitor::log::options(&asked.kind, &asked.config, &subject)?)
}
